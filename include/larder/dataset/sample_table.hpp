#pragma once

#include <larder/core/bytes.hpp>
#include <larder/dataset/sample_key.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace larder::datasets {

/// Where the samples of a shard are that were found in the cache before: 32 bytes for each. A look takes no lock and writes nothing; what is
/// there stays as long as the table.
class sample_table {
 public:
  sample_table(const shard_key& key, std::uint64_t count) : key_(key), count_(count), slots_(std::make_unique<slot[]>(static_cast<std::size_t>(count))) {}

  const shard_key& key() const noexcept { return key_; }
  /// How many samples the shard has.
  std::uint64_t size() const noexcept { return count_; }

  const bytes* find(std::uint64_t number) const noexcept {
    const slot& at = slots_[static_cast<std::size_t>(number)];
    return at.state.load(std::memory_order_acquire) == there ? &at.value : nullptr;
  }
  /// The sample is in the cache; whether nobody has said so before.
  bool meet(std::uint64_t number) noexcept {
    std::uint8_t before = nothing;
    return slots_[static_cast<std::size_t>(number)].state.compare_exchange_strong(before, met, std::memory_order_relaxed);
  }
  /// Remembers a view of a sample that was met; the first one stays.
  void keep(std::uint64_t number, const bytes& value) noexcept {
    slot& at = slots_[static_cast<std::size_t>(number)];
    std::uint8_t before = met;
    if (!at.state.compare_exchange_strong(before, coming, std::memory_order_relaxed)) return;
    at.value = value;
    at.state.store(there, std::memory_order_release);
  }

 private:
  static constexpr std::uint8_t nothing = 0;
  static constexpr std::uint8_t met = 1;
  static constexpr std::uint8_t coming = 2;
  static constexpr std::uint8_t there = 3;
  struct slot {
    std::atomic<std::uint8_t> state{nothing};
    bytes value;
  };

  shard_key key_;
  std::uint64_t count_;
  std::unique_ptr<slot[]> slots_;
};

}  // namespace larder::datasets
