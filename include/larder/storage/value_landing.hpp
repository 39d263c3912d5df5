#pragma once

#include <larder/core/bytes.hpp>
#include <larder/core/digest.hpp>

#include <cstddef>
#include <cstdint>
#include <span>

namespace larder::storage {

/// Where a large value lands instead of memory of its own: in the files of a faster tier, to which it is on its way too, or in its caller's
/// memory. It may know parts of the value from a download that was broken off; they are checked before they are believed.
class value_landing {
 public:
  virtual ~value_landing() = default;
  /// Whether a value of so many bytes is to come at all.
  virtual bool wants(std::uint64_t) noexcept { return true; }
  /// Room for a value of so many bytes in so many chunks, `content` being the checksum of their checksums; empty when there is none, and then the value comes into
  /// memory. Asked anew when the object changed: what was lent before is given back. Never throws.
  virtual std::span<std::byte> room(std::uint64_t size, const digest& content, std::size_t chunks) noexcept = 0;
  /// Whether the chunk may be in the room already.
  virtual bool may_have(std::size_t chunk) const noexcept = 0;
  /// The chunk is in the room, and right. Called from several threads.
  virtual void keep(std::size_t chunk) noexcept = 0;
  /// The value, once every chunk is right: nothing is written to the room any more.
  virtual bytes whole(std::uint64_t size) = 0;
  /// What came is of no use: the value is not there any more. The room is given back, and nothing is kept for another time.
  virtual void discard() noexcept = 0;
};

}  // namespace larder::storage
