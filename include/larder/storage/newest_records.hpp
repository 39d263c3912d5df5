#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace larder::storage {

/// Tells the newest record of each key from older ones, when all records are shown from the newest to the oldest: a set of keys by the low
/// half of their digest. Of two keys with equal halves only one is found, which costs a miss.
class newest_records {
 public:
  explicit newest_records(std::size_t most) : keys_(std::bit_ceil(most * 2 + 2)) {}

  /// Whether the key is shown for the first time.
  bool is_first(std::uint64_t key) {
    if (key == 0) return !std::exchange(zero_, true);
    const std::size_t mask = keys_.size() - 1;
    std::size_t i = static_cast<std::size_t>(key >> 20) & mask;
    for (; keys_[i] != 0; i = (i + 1) & mask)
      if (keys_[i] == key) return false;
    keys_[i] = key;
    return true;
  }

 private:
  std::vector<std::uint64_t> keys_;
  bool zero_ = false;
};

}  // namespace larder::storage
