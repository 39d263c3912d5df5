#pragma once

#include <larder/core/bytes.hpp>
#include <larder/serve/chunk_memory.hpp>
#include <larder/serve/chunk_room.hpp>
#include <larder/serve/served_directory.hpp>
#include <larder/storage/posix_file.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace larder::serve {

/// A content that can be sent: in memory, or in the file that it came from, which takes none. What it says never changes; its bytes are there
/// as far as its fill says.
struct chunk {
  std::string etag;  ///< in its quotation marks
  std::uint64_t size = 0;
  file_stamp stamp{};               ///< of the file that it was read from; all zero when it came from another server's cache
  chunk_room::claim room{};         ///< before what it pays for, so that it is given back when that is gone
  chunk_memory memory{};            ///< where its fill puts it,
  bytes received{};                 ///< or what another server's cache gave,
  storage::file_descriptor file{};  ///< or where it stays
  mutable std::atomic<std::uint64_t> uses{0};  ///< answers that began with it

  /// All of it, when it is in memory.
  std::span<const std::byte> content() const noexcept {
    return received.empty() ? std::span<const std::byte>(memory.span()) : received.span();
  }
};

/// The strong tag of a file that is not named by its content.
inline std::string stamp_tag(const file_stamp& stamp) {
  constexpr char digits[] = "0123456789abcdef";
  std::string tag = "\"";
  const auto append = [&](std::uint64_t number) {
    if (tag.size() > 1) tag += '-';
    unsigned shift = 64;
    do shift -= 4;
    while (shift != 0 && (number >> shift & 15U) == 0);
    for (;; shift -= 4) {
      tag += digits[number >> shift & 15U];
      if (shift == 0) break;
    }
  };
  append(stamp.inode);
  append(stamp.size);
  append(static_cast<std::uint64_t>(stamp.modified));
  append(static_cast<std::uint64_t>(stamp.changed));
  tag += '"';
  return tag;
}

/// The strong tag of a content that is named by its digest.
inline std::string digest_tag(std::string_view hex) { return '"' + std::string(hex) + '"'; }

}  // namespace larder::serve
