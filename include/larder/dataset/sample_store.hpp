#pragma once

#include <larder/core/bytes.hpp>
#include <larder/core/concepts.hpp>
#include <larder/core/digest.hpp>
#include <larder/core/error.hpp>
#include <larder/dataset/dataset_source.hpp>
#include <larder/dataset/dataset_stats.hpp>
#include <larder/dataset/known_notes.hpp>
#include <larder/dataset/pending_loads.hpp>
#include <larder/dataset/sample_counts.hpp>
#include <larder/dataset/sample_key.hpp>
#include <larder/dataset/sample_quota.hpp>
#include <larder/dataset/sample_table.hpp>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
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

  template <class MakeCache>
  sample_store(MakeCache&& make_cache, std::uint64_t capacity) : cache_(make_cache()), capacity_(capacity) {}

  Cache& cache() noexcept { return *cache_; }
  const Cache& cache() const noexcept { return *cache_; }
  sample_counts& counts() noexcept { return counts_; }
  const sample_counts& counts() const noexcept { return counts_; }

  /// The table of a shard of so many samples; where that is not known, the cache may know, and else `count()` says it. Throws what that throws.
  template <class Count>
  std::shared_ptr<sample_table> table(const shard_key& key, std::optional<std::uint64_t> known, Count&& count) {
    {
      const std::lock_guard lock(mutex_);
      if (const auto found = tables_.find(key); found != tables_.end()) return found->second;
    }
    // One that a process put which did not know the size is no sample either.
    if constexpr (requires { cache_->weight(); })
      if (known) (void)find_note(sample_key(key, sample_key::count_number));
    auto made = std::make_shared<sample_table>(key, known ? *known : noted_count(key, count));
    const std::lock_guard lock(mutex_);
    return tables_.emplace(key, std::move(made)).first->second;
  }
  /// Erases all samples and notes. Who holds a table goes on with it.
  void clear() {
    cache_->clear();
    const std::lock_guard lock(mutex_);
    tables_.clear();
    quotas_.clear();
    notes_.clear();
  }

  /// How many bytes the samples of these shards may take together, over all streams of this process.
  std::shared_ptr<sample_quota> quota(std::uint64_t most, const std::set<std::string>& shards) {
    if (most == sample_quota::none) return std::make_shared<sample_quota>();
    fingerprint_builder builder;
    for (const std::string& one : shards) builder.add(one);
    const digest data = builder.finish();
    const std::lock_guard alone(quota_mutex_);  // counting takes long, and nobody else is to count the same
    {
      const std::lock_guard lock(mutex_);
      if (const auto found = quotas_.find(data); found != quotas_.end())
        return std::make_shared<sample_quota>(most, found->second);
    }
    std::uint64_t used = 0;
    cache_->for_each([&](const std::string& key, std::uint64_t weight, auto&&...) {
      if (is_sample(key) && shards.contains(key.substr(0, shard_key::size))) used += weight;
    });
    const std::lock_guard lock(mutex_);
    return std::make_shared<sample_quota>(most,
                                          quotas_.emplace(data, std::make_shared<sample_quota::counter>(used)).first->second);
  }

  /// The sample, encoded: from the cache, or what `make()` gives, which is put there if there is room. What `make` throws, and
  /// `larder::error` (cancelled) when a stop is requested.
  template <class Make>
  bytes find_or_make(sample_table& table, std::uint64_t number, sample_quota& quota, const std::stop_token& stop, batch_counts& n,
                     Make&& make) {
    if (const bytes* const known = table.find(number)) {
      ++n.hits;
      return *known;
    }
    const sample_key key(table.key(), number);
    if (std::optional<bytes> found = cache_->get(key)) {
      ++n.hits;
      note_size(found->size());
      if constexpr (Keeps)
        if (stays(*found)) table.keep(number, *found);
      return *std::move(found);
    }
    if constexpr (Keeps) {
      if (!may_have_room(quota)) {
        bytes value = make();
        note_size(value.size());
        // The smallest so far: it may have room all the same.
        if (may_have_room(quota)) return load(key, quota, stop, n, [&] { return value; });
        ++n.made;
        ++n.not_kept;
        return value;
      }
    }
    return load(key, quota, stop, n, make);
  }
  /// The sample if the cache has it; counts no more than the cache does.
  std::optional<bytes> find(sample_table& table, std::uint64_t number) {
    if (const bytes* const known = table.find(number)) return *known;
    std::optional<bytes> found = cache_->get(sample_key(table.key(), number));
    if constexpr (Keeps)
      if (found && stays(*found)) table.keep(number, *found);
    return found;
  }

  /// Puts a note beside the samples, which does not count as one of them, in place of one of that key.
  bool put_note(std::string_view key, bytes value) {
    // Known before it weighs, so that samples and notes never seem to be more than they may; until it does it counts as a sample under way, so
    // that none is admitted in its place.
    under_way coming(*this);
    coming.add(value.size());
    notes_.meet(key, value.size());
    if (cache_->put(key, std::move(value))) return true;
    notes_.leave(key);
    return false;
  }
  std::optional<bytes> find_note(std::string_view key) {
    std::optional<bytes> found = cache_->get(key);
    if (found) notes_.meet(key, found->size());  // what is not there may be on its way, and known already
    return found;
  }
  void erase_note(std::string_view key) {
    cache_->erase(key);
    notes_.leave(key);
  }
  /// Erases all that was kept of shards. Who holds a table goes on with it.
  void erase_shards(const std::set<std::string>& keys) {
    const auto is_of_them = [&](const std::string& key) {
      return key.size() == sample_key::size && keys.contains(key.substr(0, shard_key::size));
    };
    cache_->erase_if(is_of_them);
    const std::lock_guard lock(mutex_);
    for (const std::string& key : keys) notes_.leave_shard(key);
    quotas_.clear();
    for (auto at = tables_.begin(); at != tables_.end();)
      at = keys.contains(std::string(at->first.view())) ? tables_.erase(at) : std::next(at);
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
  /// How many samples are in the cache, by all processes.
  std::uint64_t entries() const noexcept {
    if constexpr (requires { cache_->size(); }) {
      const std::uint64_t all = cache_->size();
      const std::uint64_t notes = notes_.count();
      return all > notes ? all - notes : 0;
    } else {
      return kept_entries_.load(std::memory_order_relaxed);
    }
  }
  /// How many samples the last source has of which that is known; 0 before.
  std::uint64_t samples() const noexcept { return samples_.load(std::memory_order_relaxed); }
  void note_samples(std::uint64_t count) noexcept { samples_.store(count, std::memory_order_relaxed); }
  /// The mean size of a sample, 0 before there was one.
  double mean_size() const noexcept {
    const auto seen = static_cast<double>(sizes_seen_.load(std::memory_order_relaxed));
    return seen == 0 ? 0 : static_cast<double>(sizes_sum_.load(std::memory_order_relaxed)) / seen;
  }

 private:
  /// Thrown by a load whose value has no room, so that the cache keeps nothing; everybody who waits finds it in `loads_`.
  struct not_kept {};
  /// Bytes that are about to be in the cache and count as if they were.
  class under_way {
   public:
    explicit under_way(sample_store& store) noexcept : store_(store) {}
    under_way(const under_way&) = delete;
    under_way& operator=(const under_way&) = delete;
    ~under_way() {
      if (size_ == 0) return;
      const std::lock_guard lock(store_.admission_mutex_);
      store_.under_way_ -= size_;
      store_.admitted_.notify_all();
    }
    void add(std::uint64_t size) {
      const std::lock_guard lock(store_.admission_mutex_);
      add_locked(size);
    }
    void add_locked(std::uint64_t size) noexcept {
      store_.under_way_ += size;
      size_ += size;
    }
    std::uint64_t size() const noexcept { return size_; }

   private:
    sample_store& store_;
    std::uint64_t size_ = 0;
  };
  /// Room for one sample between its admission and the end of its put.
  class admission {
   public:
    admission(sample_store& store, sample_quota& quota) noexcept : store_(store), quota_(quota), room_(store) {}
    admission(const admission&) = delete;
    admission& operator=(const admission&) = delete;
    ~admission() {
      if (!stored_) quota_.give_back(room_.size());
    }

    /// Where only what others put right now stands in the way, waits for them: their values may be counted twice, as coming and as there.
    bool take(std::uint64_t size) {
      if (!quota_.take(size)) return false;
      std::unique_lock lock(store_.admission_mutex_);
      store_.admitted_.wait(
          lock, [&] { return store_.under_way_ == 0 || store_.fits(store_.under_way_, size) || !store_.fits(0, size); });
      if (!store_.fits(store_.under_way_, size)) {
        quota_.give_back(size);
        return false;
      }
      room_.add_locked(size);
      return true;
    }
    /// The value is in the cache: it counts for the quota.
    void stored() noexcept { stored_ = true; }

   private:
    sample_store& store_;
    sample_quota& quota_;
    under_way room_;
    bool stored_ = false;
  };

  static bool is_sample(const std::string& key) noexcept {
    if (key.size() != sample_key::size) return false;
    std::uint64_t number = 0;
    std::memcpy(&number, key.data() + shard_key::size, sizeof number);
    return number != sample_key::count_number && number != sample_key::form_number;
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
  bytes load(const sample_key& key, sample_quota& quota, const std::stop_token& stop, batch_counts& n, Make&& make) {
    pending_loads::participant here(loads_, key);
    for (;;) {
      admission room(*this, quota);
      bool mine = false;
      try {
        const auto loader = [&]() -> bytes {
          mine = true;
          bytes made = make();
          note_size(made.size());
          if constexpr (Keeps)
            if (!room.take(made.size())) {
              here.refuse(made);
              throw not_kept();
            }
          return made;
        };
        bytes value = cache_->get_or_load(key, loader, stop);
        if (!mine) {
          ++n.joined;
          return value;
        }
        ++n.made;
        if (is_lost(key)) {
          ++n.failed_puts;
        } else {
          room.stored();
          kept_.fetch_add(value.size(), std::memory_order_relaxed);
          kept_entries_.fetch_add(1, std::memory_order_relaxed);
        }
        return value;
      } catch (const not_kept&) {
        if (std::optional<bytes> value = here.refused()) {
          ++(mine ? n.made : n.joined);
          n.not_kept += mine ? 1 : 0;
          return *std::move(value);
        }
      } catch (const error& failed) {
        // Who was joined has been stopped, not this one.
        if (mine || failed.cause() != error_cause::cancelled || stop.stop_requested()) throw;
      }
    }
  }
  bool is_lost(const sample_key& key) {
    if constexpr (Keeps && requires { cache_->size(); })
      return !cache_->contains(key);
    else
      return false;
  }
  template <class Count>
  std::uint64_t noted_count(const shard_key& shard, Count& count) {
    const sample_key key(shard, sample_key::count_number);
    if (const std::optional<bytes> noted = find_note(key); noted && noted->size() == sizeof(std::uint64_t)) {
      std::uint64_t value = 0;
      std::memcpy(&value, noted->data(), sizeof value);
      return value;
    }
    const std::uint64_t value = count();
    if (!cache_->contains(key)) put_note(key, bytes::copy_of(&value, sizeof value));  // another thread may have been as far
    return value;
  }

  static constexpr std::uint64_t sizes_enough = 1U << 20U;

  std::unique_ptr<Cache> cache_;
  std::atomic<std::uint64_t> capacity_;
  known_notes notes_;
  pending_loads loads_;
  std::atomic<std::uint64_t> samples_{0};
  std::atomic<std::uint64_t> kept_{0}, kept_entries_{0};  // put by this process
  std::atomic<std::uint64_t> smallest_{no_limit};
  std::atomic<std::uint64_t> sizes_sum_{0}, sizes_seen_{0};
  sample_counts counts_;

  std::mutex admission_mutex_;
  std::condition_variable admitted_;
  std::uint64_t under_way_ = 0;

  std::mutex quota_mutex_;  // before `mutex_`
  std::mutex mutex_;
  std::map<shard_key, std::shared_ptr<sample_table>> tables_;
  std::map<digest, std::shared_ptr<sample_quota::counter>> quotas_;
};

}  // namespace larder::datasets
