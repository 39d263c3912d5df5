#pragma once

#include <larder/core/error.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace larder {

/// Where the memory behind a `bytes` lives.
enum class residence : std::uint8_t { heap, mapping, external };

namespace core {

/// The reference count behind `bytes`; whoever derives from it is the owner that is kept alive.
class byte_owner {
 public:
  explicit byte_owner(residence where) noexcept : where_(where) {}
  byte_owner(const byte_owner&) = delete;
  byte_owner& operator=(const byte_owner&) = delete;

  void acquire() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
  /// One more reference unless the last one has gone, so that it is being destroyed.
  bool try_acquire() noexcept {
    std::uint32_t held = references_.load(std::memory_order_relaxed);
    while (held != 0)
      if (references_.compare_exchange_weak(held, held + 1, std::memory_order_relaxed)) return true;
    return false;
  }
  void release() noexcept {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) destroy();
  }
  /// How many hold it at this moment; exact only when nobody else can acquire.
  std::uint32_t references() const noexcept { return references_.load(std::memory_order_acquire); }
  residence where() const noexcept { return where_; }

 protected:
  ~byte_owner() = default;
  virtual void destroy() noexcept = 0;

 private:
  std::atomic<std::uint32_t> references_{1};
  residence where_;
};

/// One allocation: the count, then the payload at the next multiple of 64.
class heap_block final : public byte_owner {
 public:
  static constexpr std::size_t alignment = 64;

  static heap_block* allocate(std::size_t size) {
    if (size > static_cast<std::size_t>(-1) / 2)
      fail(error_cause::invalid_argument, "a block of " + std::to_string(size) + " bytes cannot be allocated");
    void* memory = ::operator new(header() + size, std::align_val_t{alignment});
    return ::new (memory) heap_block;
  }
  std::byte* data() noexcept { return reinterpret_cast<std::byte*>(this) + header(); }

 private:
  heap_block() noexcept : byte_owner(residence::heap) {}
  ~heap_block() = default;
  static constexpr std::size_t header() noexcept { return alignment; }
  void destroy() noexcept override {
    this->~heap_block();
    ::operator delete(static_cast<void*>(this), std::align_val_t{alignment});
  }
};
static_assert(sizeof(heap_block) <= heap_block::alignment);

template <class Owner>
class adopted_owner final : public byte_owner {
 public:
  explicit adopted_owner(Owner&& owner) : byte_owner(residence::external), owner_(std::move(owner)) {}

 private:
  ~adopted_owner() = default;
  void destroy() noexcept override { delete this; }
  Owner owner_;
};

}  // namespace core

/// An immutable, reference-counted view of bytes that keeps their owner (heap, mapping or network buffer) alive.
/// A copy costs one atomic increment, never a copy of the data. Copies in different threads need no lock.
class bytes {
 public:
  bytes() noexcept = default;
  bytes(const bytes& other) noexcept : data_(other.data_), size_(other.size_), owner_(other.owner_) {
    if (owner_ != nullptr) owner_->acquire();
  }
  bytes(bytes&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        owner_(std::exchange(other.owner_, nullptr)) {}
  // Not by value: in a template clang 14 never ends the argument that `x = {}` makes, and with it would keep what x had.
  bytes& operator=(const bytes& other) noexcept {
    bytes(other).swap(*this);
    return *this;
  }
  bytes& operator=(bytes&& other) noexcept {
    bytes(std::move(other)).swap(*this);
    return *this;
  }
  ~bytes() {
    if (owner_ != nullptr) owner_->release();
  }

  /// A copy of `size` bytes on the heap, aligned to 64.
  static bytes copy_of(const void* pointer, std::size_t size) {
    if (size == 0) return {};
    core::heap_block* block = core::heap_block::allocate(size);
    std::memcpy(block->data(), pointer, size);
    return bytes(block, block->data(), size);
  }
  static bytes copy_of(std::string_view text) { return copy_of(text.data(), text.size()); }
  static bytes copy_of(std::span<const std::byte> range) { return copy_of(range.data(), range.size()); }

  /// A view of memory that `owner` (a `shared_ptr`, a vector, any movable object) keeps valid until the last copy goes.
  template <class Owner>
  static bytes adopt(Owner owner, const void* pointer, std::size_t size) {
    static_assert(std::is_nothrow_move_constructible_v<Owner>, "larder: bytes::adopt needs an owner whose move does not throw");
    return bytes(new core::adopted_owner<Owner>(std::move(owner)), pointer, size);
  }

  /// For storages: takes over one reference that `owner` already counts.
  bytes(core::byte_owner* owner, const void* pointer, std::size_t size) noexcept
      : data_(static_cast<const std::byte*>(pointer)), size_(size), owner_(owner) {}

  const std::byte* data() const noexcept { return data_; }
  std::size_t size() const noexcept { return size_; }
  bool empty() const noexcept { return size_ == 0; }
  const std::byte* begin() const noexcept { return data_; }
  const std::byte* end() const noexcept { return data_ + size_; }
  std::span<const std::byte> span() const noexcept { return {data_, size_}; }
  std::string_view text() const noexcept { return {reinterpret_cast<const char*>(data_), size_}; }

  /// `n` bytes from `offset` (to the end when not given), sharing the owner; throws `larder::error` when they are not all inside.
  bytes slice(std::size_t offset, std::size_t n = static_cast<std::size_t>(-1)) const {
    if (offset > size_ || (n != static_cast<std::size_t>(-1) && n > size_ - offset))
      core::fail(error_cause::invalid_argument,
                 "slice(" + std::to_string(offset) + ", " + std::to_string(n) + ") of bytes that hold " + std::to_string(size_));
    if (owner_ != nullptr) owner_->acquire();
    return bytes(owner_, data_ + offset, n == static_cast<std::size_t>(-1) ? size_ - offset : n);
  }

  /// The same memory as elements of T, without a copy; throws `larder::error` when misaligned or not a whole number of them.
  template <class T>
  std::span<const T> as_span() const {
    static_assert(std::is_trivially_copyable_v<T>, "larder: as_span needs a trivially copyable type");
    if (size_ % sizeof(T) != 0)
      core::fail(error_cause::invalid_argument, std::to_string(size_) + " bytes are not a whole number of elements of " +
                                                    std::to_string(sizeof(T)) + "; read them with another type or slice first");
    if (reinterpret_cast<std::uintptr_t>(data_) % alignof(T) != 0)
      core::fail(error_cause::invalid_argument,
                 "bytes are not aligned to " + std::to_string(alignof(T)) + "; take bytes::copy_of(data, size), which is aligned to 64");
    return {reinterpret_cast<const T*>(data_), size_ / sizeof(T)};
  }

  /// Where the memory lives: storages use it to decide between sharing and copying.
  residence where() const noexcept { return owner_ == nullptr ? residence::external : owner_->where(); }

  void swap(bytes& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(owner_, other.owner_);
  }

  friend bool operator==(const bytes& a, const bytes& b) noexcept {
    return a.size_ == b.size_ && (a.size_ == 0 || a.data_ == b.data_ || std::memcmp(a.data_, b.data_, a.size_) == 0);
  }

 private:
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  core::byte_owner* owner_ = nullptr;
};

/// How many bytes the parts have together.
inline std::uint64_t total_size(std::span<const bytes> parts) noexcept {
  std::uint64_t sum = 0;
  for (const bytes& part : parts) sum += part.size();
  return sum;
}

/// Memory to fill once, on the heap and aligned to 64; `freeze()` turns it into `bytes` without a copy.
class mutable_bytes {
 public:
  mutable_bytes() noexcept = default;
  explicit mutable_bytes(std::size_t size)
      : block_(size == 0 ? nullptr : core::heap_block::allocate(size)), size_(size) {}
  mutable_bytes(mutable_bytes&& other) noexcept
      : block_(std::exchange(other.block_, nullptr)), size_(std::exchange(other.size_, 0)) {}
  mutable_bytes& operator=(mutable_bytes&& other) noexcept {
    std::swap(block_, other.block_);
    std::swap(size_, other.size_);
    return *this;
  }
  mutable_bytes(const mutable_bytes&) = delete;
  mutable_bytes& operator=(const mutable_bytes&) = delete;
  ~mutable_bytes() {
    if (block_ != nullptr) block_->release();
  }

  std::byte* data() noexcept { return block_ == nullptr ? nullptr : block_->data(); }
  std::size_t size() const noexcept { return size_; }
  std::span<std::byte> span() noexcept { return {data(), size_}; }

  /// The first `size` bytes (all of them when not given), immutable from now on.
  bytes freeze(std::size_t size = static_cast<std::size_t>(-1)) && {
    core::heap_block* block = std::exchange(block_, nullptr);
    const std::size_t whole = std::exchange(size_, 0);
    if (block == nullptr) return {};
    return bytes(block, block->data(), size < whole ? size : whole);
  }

 private:
  core::heap_block* block_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace larder
