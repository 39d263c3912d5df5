#pragma once

#include <larder/artifact/chunk_list.hpp>
#include <larder/artifact/content_digest.hpp>
#include <larder/artifact/content_hasher.hpp>
#include <larder/core/error.hpp>
#include <larder/core/transfer.hpp>
#include <larder/storage/posix_file.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include <fcntl.h>

namespace larder::artifacts {

/// What a file holds.
struct scanned_file {
  content_digest digest{};  ///< where one was asked for
  chunk_list chunks{};
  std::int64_t modified = 0;  ///< its time of change, in ns
};

/// Reads an open file once, from its start to its end as it is now. Throws `larder::error` when it cannot be read, and (cancelled) when a stop is requested.
inline scanned_file scan_file(const storage::file_descriptor& file, const std::string& path,
                              std::optional<digest_algorithm> algorithm, const transfer_control& control = {}) {
  constexpr std::size_t step = std::size_t{1} << 20U;
  const storage::file_identity seen = storage::identify(file, path);
  ::posix_fadvise(file.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
  const std::unique_ptr<std::byte[]> buffer(new std::byte[step]);
  std::optional<content_hasher> whole;
  if (algorithm) whole.emplace(*algorithm);
  chunk_hasher chunks;
  for (std::uint64_t at = 0;;) {
    if (control.stop.stop_requested())
      core::fail(error_cause::cancelled, "reading \"" + path + "\" was given up because a stop was requested");
    const std::size_t n = storage::read_at(file, buffer.get(), step, at, path);
    const std::span<const std::byte> piece(buffer.get(), n);
    chunks.add(piece);
    if (whole) whole->add(piece);
    at += n;
    if (control.progress) control.progress(at, std::max(at, seen.size));
    if (n < step) break;
  }
  return {whole ? whole->take() : content_digest{}, chunks.take(), seen.modified};
}

}  // namespace larder::artifacts
