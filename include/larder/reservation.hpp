#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <utility>

namespace larder {

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
    if (cache == nullptr) return false;
    auto& engine = cache->engine_;
    room_type filled = std::exchange(room_, {});
    typename Cache::departures gone;
    const bool stored = cache->superseding(*key_, [&] {
      if constexpr (requires { typename Cache::engine_type::room; })
        return engine.commit(engine.locate(*key_), std::move(filled), gone);
      else
        return engine.write(engine.locate(*key_), std::move(filled).freeze(), {}, gone);
    });
    engine.tell(gone);
    return stored;
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
