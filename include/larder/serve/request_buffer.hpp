#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>

namespace larder::serve {

/// What a client has said and nobody has dealt with: 4 KiB, more only for long heads. Not safe from many threads.
class request_buffer {
 public:
  bool empty() const noexcept { return used_ == 0; }
  std::string_view text() const noexcept { return {memory_.get(), used_}; }

  /// Room behind the text, never none as long as the text is shorter than `most`. Moves the text.
  std::span<char> room(std::size_t most) {
    constexpr std::size_t first = 4096;
    if (used_ == size_ && size_ < most) {
      const std::size_t larger = std::min(most, std::max(first, 2 * size_));
      auto grown = std::make_unique_for_overwrite<char[]>(larger);
      if (used_ != 0) std::memcpy(grown.get(), memory_.get(), used_);
      memory_ = std::move(grown);
      size_ = larger;
    }
    return {memory_.get() + used_, size_ - used_};
  }
  /// So many bytes were written to the room.
  void add(std::size_t n) noexcept { used_ += n; }
  /// The first n bytes have been dealt with.
  void drop(std::size_t n) noexcept {
    used_ -= n;
    if (used_ != 0) std::memmove(memory_.get(), memory_.get() + n, used_);
  }

 private:
  std::unique_ptr<char[]> memory_;
  std::size_t size_ = 0;
  std::size_t used_ = 0;
};

}  // namespace larder::serve
