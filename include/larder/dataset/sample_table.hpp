#pragma once

#include <larder/core/bytes.hpp>
#include <larder/core/error.hpp>
#include <larder/dataset/sample_key.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <string>

namespace larder::datasets {

/// Where the samples of a shard are that were found in the cache before: 32 bytes for each of a thousand once one of them is. A look takes no lock
/// and writes nothing; what is there stays as long as the table.
class sample_table {
 public:
  /// More than a shard has that is read in one go; a number from a damaged store may say anything.
  static constexpr std::uint64_t most = std::uint64_t{1} << 36U;

  sample_table(const shard_key& key, std::uint64_t count) : key_(key), count_(count) {
    if (count > most)
      core::fail(error_cause::invalid_argument,
                 "a shard of " + std::to_string(count) + " samples; at most " + std::to_string(most) + " are in one");
  }
  sample_table(const sample_table&) = delete;
  sample_table& operator=(const sample_table&) = delete;
  ~sample_table() {
    std::atomic<block*>* const blocks = blocks_.load(std::memory_order_acquire);
    if (blocks == nullptr) return;
    for (std::size_t i = 0; i < block_count(); ++i) delete blocks[i].load(std::memory_order_acquire);
    delete[] blocks;
  }

  const shard_key& key() const noexcept { return key_; }
  /// How many samples the shard has.
  std::uint64_t size() const noexcept { return count_; }

  const bytes* find(std::uint64_t number) const noexcept {
    const std::atomic<block*>* const blocks = blocks_.load(std::memory_order_acquire);
    if (blocks == nullptr) return nullptr;
    const block* const in = blocks[static_cast<std::size_t>(number / block_size)].load(std::memory_order_acquire);
    if (in == nullptr) return nullptr;
    const slot& at = in->slots[number % block_size];
    return at.state.load(std::memory_order_acquire) == there ? &at.value : nullptr;
  }
  /// Remembers a view; the first one stays. Without memory for it there is nothing to remember.
  void keep(std::uint64_t number, const bytes& value) noexcept {
    block* const in = block_of(number);
    if (in == nullptr) return;
    slot& at = in->slots[number % block_size];
    std::uint8_t empty = nothing;
    if (!at.state.compare_exchange_strong(empty, coming, std::memory_order_relaxed)) return;
    at.value = value;
    at.state.store(there, std::memory_order_release);
  }

 private:
  static constexpr std::uint8_t nothing = 0;
  static constexpr std::uint8_t coming = 1;
  static constexpr std::uint8_t there = 2;
  static constexpr std::size_t block_size = 1024;
  struct slot {
    std::atomic<std::uint8_t> state{nothing};
    bytes value;
  };
  struct block {
    slot slots[block_size];
  };

  std::size_t block_count() const noexcept { return static_cast<std::size_t>((count_ + block_size - 1) / block_size); }
  block* block_of(std::uint64_t number) noexcept {
    std::atomic<block*>* blocks = blocks_.load(std::memory_order_acquire);
    if (blocks == nullptr) {
      std::unique_ptr<std::atomic<block*>[]> made(new (std::nothrow) std::atomic<block*>[block_count()]());
      if (!made) return nullptr;
      if (blocks_.compare_exchange_strong(blocks, made.get(), std::memory_order_acq_rel, std::memory_order_acquire))
        blocks = made.release();
    }
    std::atomic<block*>& at = blocks[static_cast<std::size_t>(number / block_size)];
    block* in = at.load(std::memory_order_acquire);
    if (in == nullptr) {
      std::unique_ptr<block> made(new (std::nothrow) block());
      if (!made) return nullptr;
      if (at.compare_exchange_strong(in, made.get(), std::memory_order_acq_rel, std::memory_order_acquire)) in = made.release();
    }
    return in;
  }

  shard_key key_;
  std::uint64_t count_;
  std::atomic<std::atomic<block*>*> blocks_{nullptr};  // both made when they are needed: a shard's size may be a claim
};

}  // namespace larder::datasets
