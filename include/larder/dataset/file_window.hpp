#pragma once

#include <larder/core/bytes.hpp>
#include <larder/dataset/shard_file.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

namespace larder::datasets {

/// Small parts of a file, asked for from its begin to its end: what follows closely comes in large reads, what is far off in small ones.
class file_window {
 public:
  explicit file_window(const shard_file& file) noexcept : file_(file) {}

  /// `size` bytes from `offset`, which lie in the file; valid until the next call.
  std::span<const std::byte> read(std::uint64_t offset, std::uint64_t size) {
    const std::uint64_t end = begin_ + window_.size();
    if (offset < begin_ || offset > end || size > end - offset) {
      const bool close = offset >= begin_ && offset - begin_ < window_.size() + large;
      window_ = file_.read(offset, std::max(size, close ? large : small));
      begin_ = offset;
    }
    return window_.span().subspan(static_cast<std::size_t>(offset - begin_), static_cast<std::size_t>(size));
  }

 private:
  static constexpr std::uint64_t large = 128 << 10;
  static constexpr std::uint64_t small = 4 << 10;

  const shard_file& file_;
  bytes window_;
  std::uint64_t begin_ = 0;
};

}  // namespace larder::datasets
