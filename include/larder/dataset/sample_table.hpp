#pragma once

#include <larder/core/bytes.hpp>
#include <larder/core/error.hpp>
#include <larder/dataset/sample_key.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <string>
#include <utility>

namespace larder::datasets {

/// Where the samples of a shard are that were found in the cache before: 32 bytes for each of a thousand (or of all, where they are fewer) once one
/// of them is. A look takes no lock and writes nothing; what is there stays as long as the table.
class sample_table {
 public:
  /// More than a shard has that is read in one go; a number from a damaged store may say anything.
  static constexpr std::uint64_t most = std::uint64_t{1} << 36U;

  using memory_counter = std::atomic<std::uint64_t>;

  /// `memory`: where the bytes are added up that tables take.
  sample_table(const shard_key& key, std::uint64_t count, std::shared_ptr<memory_counter> memory = nullptr)
      : key_(key), count_(count), memory_(std::move(memory)) {
    if (count > most)
      core::fail(error_cause::invalid_argument,
                 "a shard of " + std::to_string(count) + " samples; at most " + std::to_string(most) + " are in one");
  }
  sample_table(const sample_table&) = delete;
  sample_table& operator=(const sample_table&) = delete;
  ~sample_table() {
    at_block* const blocks = blocks_.load(std::memory_order_acquire);
    if (blocks == nullptr) return;
    for (std::size_t i = 0; i < block_count(); ++i)
      if (const slot* const in = blocks[i].load(std::memory_order_acquire); in != nullptr) {
        delete[] in;
        note_memory(0 - slots_of(i) * sizeof(slot));
      }
    delete[] blocks;
    note_memory(0 - block_count() * sizeof(at_block));
  }

  const shard_key& key() const noexcept { return key_; }
  /// How many samples the shard has.
  std::uint64_t size() const noexcept { return count_; }

  /// Whether nothing was found so far.
  bool empty() const noexcept { return blocks_.load(std::memory_order_acquire) == nullptr; }

  const bytes* find(std::uint64_t number) const noexcept {
    const at_block* const blocks = blocks_.load(std::memory_order_acquire);
    if (blocks == nullptr || number >= count_) return nullptr;
    const slot* const in = blocks[static_cast<std::size_t>(number / block_size)].load(std::memory_order_acquire);
    if (in == nullptr) return nullptr;
    const slot& at = in[number % block_size];
    return at.state.load(std::memory_order_acquire) == there ? &at.value : nullptr;
  }
  /// Remembers a view; the first one stays. Without memory for it there is nothing to remember.
  void keep(std::uint64_t number, const bytes& value) noexcept {
    slot* const in = block_of(number);
    if (in == nullptr) return;
    slot& at = in[number % block_size];
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
  using at_block = std::atomic<slot*>;

  std::size_t block_count() const noexcept { return static_cast<std::size_t>((count_ + block_size - 1) / block_size); }
  /// The last block is as large as the shard's end needs: many shards have few samples.
  std::size_t slots_of(std::size_t block) const noexcept {
    return static_cast<std::size_t>(std::min<std::uint64_t>(block_size, count_ - std::uint64_t{block} * block_size));
  }
  void note_memory(std::size_t more) const noexcept {
    if (memory_ != nullptr) memory_->fetch_add(more, std::memory_order_relaxed);
  }
  slot* block_of(std::uint64_t number) noexcept {
    if (number >= count_) return nullptr;
    at_block* blocks = blocks_.load(std::memory_order_acquire);
    if (blocks == nullptr) {
      std::unique_ptr<at_block[]> made(new (std::nothrow) at_block[block_count()]());
      if (!made) return nullptr;
      if (blocks_.compare_exchange_strong(blocks, made.get(), std::memory_order_acq_rel, std::memory_order_acquire)) {
        blocks = made.release();
        note_memory(block_count() * sizeof(at_block));
      }
    }
    const auto block = static_cast<std::size_t>(number / block_size);
    slot* in = blocks[block].load(std::memory_order_acquire);
    if (in == nullptr) {
      std::unique_ptr<slot[]> made(new (std::nothrow) slot[slots_of(block)]);
      if (!made) return nullptr;
      if (blocks[block].compare_exchange_strong(in, made.get(), std::memory_order_acq_rel, std::memory_order_acquire)) {
        in = made.release();
        note_memory(slots_of(block) * sizeof(slot));
      }
    }
    return in;
  }

  shard_key key_;
  std::uint64_t count_;
  std::shared_ptr<memory_counter> memory_;
  std::atomic<at_block*> blocks_{nullptr};  // it and they are made when they are needed: a shard's size may be a claim
};

}  // namespace larder::datasets
