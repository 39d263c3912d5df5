#pragma once

#include <larder/core/bytes.hpp>
#include <larder/core/concepts.hpp>
#include <larder/core/error.hpp>
#include <larder/dataset/dataset_stats.hpp>
#include <larder/dataset/known_notes.hpp>
#include <larder/dataset/sample_counts.hpp>
#include <larder/dataset/sample_key.hpp>
#include <larder/dataset/sample_quota.hpp>
#include <larder/dataset/sample_table.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

namespace larder::datasets {

/// The samples in a cache, and who of them gets in: with `Keeps`, what came first stays, up to a capacity of payload; without, the cache's own
/// order decides. Any number of threads.
template <class Cache, bool Keeps>
class sample_store {
 public:
  static constexpr std::uint64_t no_limit = ~std::uint64_t{0};
  static constexpr bool counts_entries = requires(Cache& cache) { cache.size(); };

  template <class MakeCache>
  sample_store(MakeCache&& make_cache, std::uint64_t capacity) : cache_(make_cache()), capacity_(capacity) {}

  Cache& cache() noexcept { return *cache_; }
  const Cache& cache() const noexcept { return *cache_; }
  sample_counts& counts() noexcept { return counts_; }
  const sample_counts& counts() const noexcept { return counts_; }

  /// The table of a shard; `count()` says how many samples it has where neither this process nor the cache knows. Throws what that throws.
  template <class Count>
  std::shared_ptr<sample_table> table(const shard_key& key, Count&& count) {
    {
      const std::lock_guard lock(mutex_);
      if (const auto found = tables_.find(key); found != tables_.end()) return found->second;
    }
    auto made = std::make_shared<sample_table>(key, known_count(key, count));
    const std::lock_guard lock(mutex_);
    return tables_.emplace(key, std::move(made)).first->second;
  }
  /// Forgets where samples are; who holds a table goes on with it.
  void forget_tables() {
    const std::lock_guard lock(mutex_);
    tables_.clear();
    notes_.clear();
  }

  /// The sample, encoded: from the cache, or what `make()` gives, which is put there if there is room. What `make` throws, and
  /// `larder::error` (cancelled) when a stop is requested.
  template <class Make>
  bytes find_or_make(sample_table& table, std::uint64_t number, sample_quota& quota, const std::stop_token& stop, batch_counts& n, Make&& make) {
    if (const bytes* const known = table.find(number)) {
      ++n.hits;
      return *known;
    }
    const sample_key key(table.key(), number);
    if (std::optional<bytes> found = cache_->get(key)) {
      ++n.hits;
      note_size(found->size());
      if constexpr (Keeps) {
        if (table.meet(number)) quota.note_present(found->size());
        if (stays(*found)) table.keep(number, *found);
      }
      return *std::move(found);
    }
    if constexpr (Keeps) {
      if (!may_have_room(quota)) {
        ++n.made;
        ++n.not_kept;
        bytes value = make();
        note_size(value.size());
        return value;
      }
    }
    return load(table, number, quota, stop, n, make);
  }
  /// The sample if the cache has it; counts no more than the cache does.
  std::optional<bytes> find(sample_table& table, std::uint64_t number) {
    if (const bytes* const known = table.find(number)) return *known;
    std::optional<bytes> found = cache_->get(sample_key(table.key(), number));
    if constexpr (Keeps)
      if (found && stays(*found)) {
        table.meet(number);
        table.keep(number, *found);
      }
    return found;
  }

  /// A note beside the samples, which does not count as one of them.
  std::optional<bytes> find_note(std::string_view key) {
    std::optional<bytes> found = cache_->get(key);
    if (found) notes_.meet(key, found->size());
    return found;
  }
  /// In place of one of that key; false when the cache refuses it.
  bool put_note(std::string_view key, const bytes& value) {
    if (!cache_->put(key, value)) return false;
    notes_.meet(key, value.size());
    return true;
  }
  void erase_note(std::string_view key) {
    if (cache_->erase(key)) notes_.leave(key);
  }
  /// Erases all that was kept of shards. Who holds a table goes on with it.
  void erase_shards(const std::set<std::string>& keys) {
    cache_->erase_if([&](const std::string& key) { return key.size() == sample_key::size && keys.contains(key.substr(0, shard_key::size)); });
    const std::lock_guard lock(mutex_);
    for (const std::string& key : keys) notes_.leave_shard(key);
    for (auto at = tables_.begin(); at != tables_.end();) at = keys.contains(std::string(at->first.view())) ? tables_.erase(at) : std::next(at);
  }

  std::uint64_t capacity() const noexcept { return capacity_.load(std::memory_order_relaxed); }
  void set_capacity(std::uint64_t capacity) noexcept { capacity_.store(capacity, std::memory_order_relaxed); }
  /// Bytes of samples in the cache, by all processes.
  std::uint64_t weight() const noexcept {
    if constexpr (requires { cache_->weight(); }) {
      const std::uint64_t all = cache_->weight();
      const std::uint64_t notes = notes_.size();
      return all > notes ? all - notes : 0;
    } else {
      return kept_.load(std::memory_order_relaxed);
    }
  }
  /// Samples in the cache, by all processes; 0 where the storage does not know.
  std::uint64_t entries() const noexcept {
    if constexpr (counts_entries) {
      const std::uint64_t all = cache_->size();
      return all - std::min<std::uint64_t>(all, notes_.count());
    } else {
      return 0;
    }
  }
  /// The mean size of a sample, 0 before there was one.
  double mean_size() const noexcept {
    const auto seen = static_cast<double>(sizes_seen_.load(std::memory_order_relaxed));
    return seen == 0 ? 0 : static_cast<double>(sizes_sum_.load(std::memory_order_relaxed)) / seen;
  }

 private:
  /// Thrown by a load whose value has no room, so that the cache keeps nothing and everybody who waits gets it.
  struct not_kept {
    bytes value;
  };
  /// Room for one value between its admission and the end of its put.
  class admission {
   public:
    admission(sample_store& store, sample_quota& quota) noexcept : store_(store), quota_(quota) {}
    admission(const admission&) = delete;
    admission& operator=(const admission&) = delete;
    ~admission() { store_.under_way_.fetch_sub(size_, std::memory_order_relaxed); }
    bool take(std::uint64_t size) noexcept {
      if (!quota_.take(size)) return false;
      std::uint64_t others = store_.under_way_.load(std::memory_order_relaxed);
      do {
        if (!store_.fits(others, size)) {
          quota_.give_back(size);
          return false;
        }
      } while (!store_.under_way_.compare_exchange_weak(others, others + size, std::memory_order_relaxed));
      size_ = size;
      return true;
    }

   private:
    sample_store& store_;
    sample_quota& quota_;
    std::uint64_t size_ = 0;
  };

  /// Whether what was just put is there; a remote storage is not asked, it would take as long as the put.
  bool is_stored(const sample_key& key) {
    if constexpr (counts_entries)
      return cache_->contains(key);
    else
      return true;
  }
  static bool stays(const bytes& found) noexcept {
    return Cache::in_memory || found.where() == residence::mapping;  // a copy on the heap would be kept beside the cache
  }
  bool fits(std::uint64_t others, std::uint64_t size) const noexcept {
    const std::uint64_t all = capacity();
    if (all == no_limit) return true;
    const std::uint64_t used = weight();
    return used <= all && others <= all - used && size <= all - used - others;
  }
  /// False once not even the smallest sample so far would fit: then nobody needs to agree on who makes it.
  bool may_have_room(const sample_quota& quota) const noexcept {
    const std::uint64_t least = smallest_.load(std::memory_order_relaxed);
    return least == no_limit || (fits(0, least) && quota.has(least));
  }
  void note_size(std::uint64_t size) noexcept {
    std::uint64_t least = smallest_.load(std::memory_order_relaxed);
    while (size < least && !smallest_.compare_exchange_weak(least, size, std::memory_order_relaxed)) {
    }
    if (sizes_seen_.load(std::memory_order_relaxed) >= sizes_enough) return;
    sizes_sum_.fetch_add(size, std::memory_order_relaxed);
    sizes_seen_.fetch_add(1, std::memory_order_relaxed);
  }

  template <class Make>
  bytes load(sample_table& table, std::uint64_t number, sample_quota& quota, const std::stop_token& stop, batch_counts& n, Make& make) {
    const sample_key key(table.key(), number);
    admission room(*this, quota);
    bool mine = false;
    bytes value;
    try {
      const auto loader = [&]() -> bytes {
        mine = true;
        bytes made = make();
        note_size(made.size());
        if constexpr (Keeps)
          if (!room.take(made.size())) throw not_kept{std::move(made)};
        return made;
      };
      value = cache_->get_or_load(key, loader, stop);
      if (mine) {
        ++n.made;
        if (is_stored(key)) {
          table.meet(number);
          kept_.fetch_add(value.size(), std::memory_order_relaxed);
        } else {
          ++n.failed_puts;
        }
      } else {
        ++n.joined;
      }
    } catch (const not_kept& refused) {
      value = refused.value;
      ++(mine ? n.made : n.joined);
      n.not_kept += mine ? 1 : 0;
    }
    return value;
  }
  template <class Count>
  std::uint64_t known_count(const shard_key& shard, Count& count) {
    const sample_key key(shard, sample_key::count_number);
    if (const std::optional<bytes> noted = find_note(key); noted && noted->size() == sizeof(std::uint64_t)) {
      std::uint64_t value = 0;
      std::memcpy(&value, noted->data(), sizeof value);
      return value;
    }
    const std::uint64_t value = count();
    put_note(key, bytes::copy_of(&value, sizeof value));
    return value;
  }

  static constexpr std::uint64_t sizes_enough = 1U << 20U;

  std::unique_ptr<Cache> cache_;
  std::atomic<std::uint64_t> capacity_;
  known_notes notes_;
  std::atomic<std::uint64_t> under_way_{0};
  std::atomic<std::uint64_t> kept_{0};
  std::atomic<std::uint64_t> smallest_{no_limit};
  std::atomic<std::uint64_t> sizes_sum_{0}, sizes_seen_{0};
  sample_counts counts_;
  mutable std::mutex mutex_;
  std::map<shard_key, std::shared_ptr<sample_table>> tables_;
};

}  // namespace larder::datasets
