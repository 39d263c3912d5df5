#pragma once

#include <larder/core/bytes.hpp>

#include <cstddef>
#include <optional>
#include <span>
#include <utility>

namespace larder {

namespace detail {

/// What an engine gives as room for a value: of its own kind, or on the heap.
template <class Engine>
struct room_of {
  using type = mutable_bytes;
};
template <class Engine>
  requires requires { typename Engine::room; }
struct room_of<Engine> {
  using type = typename Engine::room;
};

}  // namespace detail

/// Room for a value of a cache that is filled in place: `cache::reserve`. Nobody sees the value before `commit`; dropped without one it
/// was never there. False in a condition when there is no room (any more). It may be filled and committed on any thread, by one at a
/// time, in the process that reserved it, and must not outlive the cache.
template <class Cache>
class reservation {
 public:
  reservation() noexcept = default;
  reservation(reservation&& other) noexcept { swap(other); }
  reservation& operator=(reservation&& other) noexcept {
    reservation(std::move(other)).swap(*this);
    return *this;
  }
  ~reservation() = default;

  explicit operator bool() const noexcept { return cache_ != nullptr; }
  /// Writable until `commit`; aligned to 64, on disk to 4096 from 256 KiB on. What is in it before it is written is anything.
  std::byte* data() noexcept { return room_.data(); }
  std::size_t size() const noexcept { return cache_ == nullptr ? 0 : size_; }
  std::span<std::byte> span() noexcept { return {data(), size()}; }

  /// Makes the room the key's value, as a `put` at this moment would, and says whether it was stored: a put, erase or clear since
  /// `reserve` came before it. Empty afterwards, and the memory is not to be touched any more. False when it was empty.
  bool commit() {
    Cache* const cache = std::exchange(cache_, nullptr);
    return cache != nullptr && cache->commit(*key_, std::exchange(room_, {}));
  }

 private:
  friend Cache;
  using key_type = typename Cache::key_type;
  using room_type = typename Cache::room_type;

  reservation(Cache& cache, key_type key, room_type room, std::size_t size)
      : cache_(&cache), key_(std::move(key)), room_(std::move(room)), size_(size) {}
  void swap(reservation& other) noexcept {
    std::swap(cache_, other.cache_);
    std::swap(key_, other.key_);
    std::swap(room_, other.room_);
    std::swap(size_, other.size_);
  }

  Cache* cache_ = nullptr;
  std::optional<key_type> key_;  // keys need no default
  room_type room_{};
  std::size_t size_ = 0;
};

}  // namespace larder
