#pragma once

#include <larder/core/prefetch.hpp>
#include <larder/storage/large_array.hpp>

#include <cstddef>
#include <cstdint>
#include <utility>

namespace larder::storage {

/// Tells the newest record of each key from older ones, when all records are shown from the newest to the oldest: a set of keys by the low
/// half of their digest. Of two keys with equal halves only one is found, which costs a miss.
class newest_records {
 public:
  explicit newest_records(std::size_t most) : keys_(most + most / 2 + 2) {}

  /// Asks for the memory that `is_first` will look at.
  void prefetch(std::uint64_t key) const noexcept { core::prefetch(&keys_[home(key)]); }
  /// Whether the key is shown for the first time.
  bool is_first(std::uint64_t key) noexcept {
    if (key == 0) return !std::exchange(zero_, true);
    std::size_t i = home(key);
    for (; keys_[i] != 0; i = i + 1 == keys_.size() ? 0 : i + 1)
      if (keys_[i] == key) return false;
    keys_[i] = key;
    return true;
  }

 private:
  std::size_t home(std::uint64_t key) const noexcept { return static_cast<std::size_t>((key >> 32) * keys_.size() >> 32); }

  large_array<std::uint64_t> keys_;
  bool zero_ = false;
};

}  // namespace larder::storage
