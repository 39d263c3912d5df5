#pragma once

#include <larder/cache.hpp>
#include <larder/core/stats.hpp>
#include <larder/core/time.hpp>
#include <larder/eviction/lru.hpp>
#include <larder/limit/max_weight.hpp>
#include <larder/limit/weigher.hpp>
#include <larder/serve/chunk.hpp>
#include <larder/serve/chunk_room.hpp>
#include <larder/sync/sharded.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace larder::serve {

/// The chunks in memory, by their keys: a cache in exact order of last use, bounded by bytes. Memory is bounded in all: what fills are reading
/// and what slow readers still hold of evicted chunks is taken from the cache's room. Every member may be called from any thread.
class chunk_cache {
 public:
  using held = std::shared_ptr<const chunk>;
  /// A chunk that is in memory, as a list of them shows it.
  struct entry {
    std::string key;
    std::uint64_t size = 0;
    std::uint64_t uses = 0;
  };

  explicit chunk_cache(std::uint64_t capacity)
      : capacity_(capacity), room_(capacity), cache_(lru{}, max_weight{capacity}, weigher{payload{}}) {}
  chunk_cache(const chunk_cache&) = delete;
  chunk_cache& operator=(const chunk_cache&) = delete;

  std::optional<held> get(std::string_view key) { return cache_.get(key); }
  /// The same, as if nobody had asked.
  std::optional<held> peek(std::string_view key) { return cache_.peek(key); }
  void erase(std::string_view key) { cache_.erase(key); }
  /// A chunk that has its room.
  void keep(std::string_view key, held made) {
    const std::lock_guard lock(making_room_);  // no other limit for a moment
    cache_.put(key, std::move(made));
  }

  /// Bytes for a fill. The least recently used chunks leave for it, one after the other and no more than must. One that leaves while a client
  /// is at its last bytes is waited for, or two clients in turn would cost the cache a chunk more than one does; but a call waits so long once,
  /// not for each, and what slow readers hold leaves for nothing. Empty then, and when not even an empty cache would leave the room: in that
  /// case nothing is evicted.
  chunk_room::claim make_room(std::uint64_t size) {
    constexpr std::chrono::milliseconds patience{20};
    const std::lock_guard lock(making_room_);
    const auto until = std::chrono::steady_clock::now() + patience;
    for (;;) {
      if (chunk_room::claim room = room_.take(size)) return room;
      const std::uint64_t taken = room_.taken();
      const std::uint64_t cached = cache_.weight();
      if (size > capacity_ || cached == 0 || taken - std::min(taken, cached) > capacity_ - size) return {};
      cache_.set_capacity(cached - 1);
      cache_.set_capacity(capacity_);
      const std::uint64_t freed = cached - std::min(cached, cache_.weight());
      const auto left = std::max(until - std::chrono::steady_clock::now(), std::chrono::steady_clock::duration::zero());
      if (!room_.wait_for(taken - std::min(taken, freed), std::chrono::ceil<std::chrono::milliseconds>(left)))
        return room_.take(size);
    }
  }

  cache_stats stats() const { return cache_.stats(); }
  std::uint64_t size() const noexcept { return cache_.size(); }
  std::uint64_t weight() const noexcept { return cache_.weight(); }
  /// Bytes that chunks take in memory, whoever holds them.
  std::uint64_t taken() const { return room_.taken(); }

  /// The chunks in memory that began the most answers, most first.
  std::vector<entry> most_used(std::size_t most) {
    constexpr std::size_t looked_at = 20'000;
    std::vector<entry> all;
    cache_.for_each([&](const std::string& key, std::uint64_t size, duration) {
      if (all.size() < looked_at) all.push_back({key, size, 0});
    });
    for (entry& e : all)
      if (const std::optional<held> there = cache_.peek(e.key)) e.uses = (*there)->uses.load(std::memory_order_relaxed);
    const auto more = [](const entry& a, const entry& b) { return a.uses != b.uses ? a.uses > b.uses : a.key < b.key; };
    most = std::min(most, all.size());
    std::partial_sort(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(most), all.end(), more);
    all.resize(most);
    return all;
  }

 private:
  struct payload {
    std::uint64_t operator()(const std::string&, const held& value) const noexcept { return value->size; }
  };
  using cache_type = cache<std::string, held, lru, max_weight, weigher<payload>, sharded<1>>;

  const std::uint64_t capacity_;
  chunk_room room_;
  std::mutex making_room_;
  cache_type cache_;  // after what its chunks are made of
};

}  // namespace larder::serve
