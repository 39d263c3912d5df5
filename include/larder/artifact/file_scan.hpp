#pragma once

#include <larder/artifact/chunk_list.hpp>
#include <larder/artifact/content_digest.hpp>
#include <larder/artifact/content_hasher.hpp>
#include <larder/artifact/file_stamp.hpp>
#include <larder/core/bytes.hpp>
#include <larder/core/error.hpp>
#include <larder/core/transfer.hpp>
#include <larder/storage/posix_file.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include <fcntl.h>

namespace larder::artifacts {

inline constexpr std::size_t digest_piece =
    std::size_t{1} << 20U;  // read at once: larger ones fall out of the second-level cache before they are hashed

/// What a file holds.
struct scanned_file {
  content_digest digest{};  ///< where one was asked for
  chunk_list chunks{};
  std::int64_t modified = 0;  ///< its time of change, in ns
};

/// Reads an open regular file from its start to its end in pieces, `take(span)` each, and says what it was before the first. Throws `larder::error`: (io)
/// when it cannot be read, or its size or time of change is another one at the end; (cancelled) when a stop is requested.
template <class Take>
file_stamp read_unchanged(const storage::file_descriptor& file, const std::string& path, const transfer_control& control,
                          Take&& take) {
  const file_stamp before = stamp_of(file, path);
  if (before.size > digest_piece) ::posix_fadvise(file.get(), 0, 0, POSIX_FADV_SEQUENTIAL);
  const auto changed = [&] {
    core::fail(error_cause::io, "\"" + path + "\" was changed while it was read; try again when its writer has ended");
  };
  mutable_bytes room(static_cast<std::size_t>(std::min<std::uint64_t>(std::max<std::uint64_t>(before.size, 1), digest_piece)));
  for (std::uint64_t at = 0;;) {
    if (control.stop.stop_requested())
      core::fail(error_cause::cancelled, "reading \"" + path + "\" was given up because a stop was requested");
    const std::size_t got = storage::read_at(file, room.data(), room.size(), at, path);
    take(std::span<const std::byte>(room.span().first(got)));
    at += got;
    if (at > before.size || (got < room.size() && at != before.size)) changed();
    if (control.progress && got != 0) control.progress(at, before.size);
    if (at == before.size) break;
  }
  const file_stamp after = stamp_of(file, path);
  if (after.size != before.size || after.modified != before.modified) changed();
  return before;
}

/// Reads an open file once. Throws as `read_unchanged`.
inline scanned_file scan_file(const storage::file_descriptor& file, const std::string& path,
                              std::optional<digest_algorithm> algorithm, const transfer_control& control = {}) {
  std::optional<content_hasher> whole;
  if (algorithm) whole.emplace(*algorithm);
  chunk_hasher chunks;
  const file_stamp seen = read_unchanged(file, path, control, [&](std::span<const std::byte> piece) {
    chunks.add(piece);
    if (whole) whole->add(piece);
  });
  scanned_file found{whole ? whole->take() : content_digest{}, chunks.take(), seen.modified};
  found.chunks.modified = seen.modified;
  return found;
}

}  // namespace larder::artifacts
