#pragma once

// Memory for what is read of a shard. Large pieces are mappings of their own, given back when the last view goes: in the heap, among the samples that
// are made of them, they would leave holes that the next shard does not fit, and a window of shards would take several times its size.

#include <larder/core/bytes.hpp>

#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <utility>

#include <sys/mman.h>

namespace larder::datasets {

/// Memory to fill once; `freeze()` makes it `bytes`. Throws `std::bad_alloc`.
class shard_memory {
 public:
  static constexpr std::size_t mapped_from = std::size_t{256} << 10U;

  explicit shard_memory(std::size_t size) {
    if (size < mapped_from)
      small_ = mutable_bytes(size);
    else
      large_ = new mapping(size);
  }
  shard_memory(const shard_memory&) = delete;
  shard_memory& operator=(const shard_memory&) = delete;
  ~shard_memory() {
    if (large_ != nullptr) large_->release();
  }

  std::span<std::byte> span() noexcept { return large_ != nullptr ? large_->whole() : small_.span(); }
  bytes freeze() && {
    if (large_ == nullptr) return std::move(small_).freeze();
    mapping* const made = std::exchange(large_, nullptr);
    return bytes(made, made->whole().data(), made->whole().size());
  }

 private:
  class mapping final : public core::byte_owner {
   public:
    explicit mapping(std::size_t size) : byte_owner(residence::heap), size_(size) {
      // All pages at once: taking them one by one costs more than reading into them.
      address_ = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
      if (address_ == MAP_FAILED) throw std::bad_alloc();
    }
    std::span<std::byte> whole() const noexcept { return {static_cast<std::byte*>(address_), size_}; }

   private:
    ~mapping() { ::munmap(address_, size_); }
    void destroy() noexcept override { delete this; }
    void* address_;
    std::size_t size_;
  };

  mutable_bytes small_;
  mapping* large_ = nullptr;
};

}  // namespace larder::datasets
