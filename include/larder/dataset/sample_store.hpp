#pragma once

#include <larder/core/bytes.hpp>
#include <larder/core/error.hpp>
#include <larder/core/sweep.hpp>
#include <larder/dataset/fill_gate.hpp>
#include <larder/dataset/known_notes.hpp>
#include <larder/dataset/pending_loads.hpp>
#include <larder/dataset/sample_counts.hpp>
#include <larder/dataset/sample_key.hpp>
#include <larder/dataset/sample_quota.hpp>
#include <larder/dataset/sample_rooms.hpp>
#include <larder/dataset/sample_table.hpp>
#include <larder/dataset/sample_tables.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
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

  /// `page`: the file by which the processes that share the cache keep to its limits together; empty where this one has it for itself.
  template <class MakeCache>
  sample_store(MakeCache&& make_cache, std::uint64_t capacity, std::string page = {})
      : cache_(make_cache()), shares_(Keeps && !page.empty()), rooms_(Keeps ? std::move(page) : std::string(), capacity) {}

  Cache& cache() noexcept { return *cache_; }
  const Cache& cache() const noexcept { return *cache_; }
  sample_counts& counts() noexcept { return counts_; }
  const sample_counts& counts() const noexcept { return counts_; }

  /// The table of a shard of so many samples; where that is not known, the cache may know, and else `count()` says it. Throws what that throws.
  template <class Count>
  std::shared_ptr<sample_table> table(const shard_key& key, std::optional<std::uint64_t> known, Count&& count) {
    if (rooms_.others_erased()) {
      tables_.clear();  // or they would keep what is gone, and streams would take it for what is there
      contents{*this}.forget_erased_notes();
    }
    if (std::shared_ptr<sample_table> found = tables_.find(key)) return found;
    // One that a process put which did not know the size is no sample either.
    if constexpr (requires { cache_->weight(); })
      if (known) (void)find_note(sample_key(key, sample_key::count_number));
    return tables_.find_or_make(key, known ? *known : noted_count(key, count));
  }
  /// Bytes that it takes to know where found samples are.
  std::uint64_t found_memory() const noexcept { return tables_.memory(); }
  /// Gives it back where no stream or view uses it.
  void trim() { tables_.trim(); }
  /// Whether other processes keep to the limits together with this one.
  bool shares_limits() { return rooms_.is_shared(); }
  /// Erases all samples and notes. Who holds a table goes on with it.
  void clear() {
    {
      const fill_gate::pass inside = rooms_.put_beside();
      cache_->clear();
      notes_.clear();
    }
    tables_.clear();
    rooms_.note_erasure();
  }

  /// How many bytes the samples of these shards may take together, whoever puts them.
  std::shared_ptr<sample_quota> quota(std::uint64_t most, const std::set<std::string>& shards) {
    return rooms_.quota(most, shards);
  }

  /// The sample, encoded: from the cache, or what `make()` gives, which is put there if there is room. What `make` throws, and
  /// `larder::error` (cancelled) when a stop is requested.
  template <class Make>
  bytes find_or_make(sample_table& table, std::uint64_t number, const sample_quota& quota, const std::stop_token& stop,
                     batch_counts& n, Make&& make) {
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
        if (may_have_room(quota)) return load(table.key(), key, quota, stop, n, [&] { return value; });
        ++n.made;
        ++n.not_kept;
        return value;
      }
    }
    return load(table.key(), key, quota, stop, n, make);
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
    // Known before it weighs, so that samples and notes never seem to be more than they may; meanwhile nobody counts, or there would seem to be room
    // in its place.
    const fill_gate::pass inside = rooms_.put_beside();
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
    const fill_gate::pass inside = rooms_.put_beside();
    cache_->erase(key);
    notes_.leave(key);
  }
  /// Erases all that was kept of shards. Who holds a table goes on with it.
  void erase_shards(const std::set<std::string>& keys, const sweep_control& control = {}) {
    cache_->erase_if([&](const std::string& key) { return is_sample(key) && keys.contains(key.substr(0, shard_key::size)); },
                     control);
    {
      const fill_gate::pass inside = rooms_.put_beside();
      for (const std::string& key : keys) {
        for (const std::uint64_t note : {sample_key::count_number, sample_key::form_number})
          cache_->erase(sample_key(shard_key::of_text(key), note));
        notes_.leave_shard(key);
      }
    }
    tables_.erase(keys);
    rooms_.note_erasure();
  }

  std::uint64_t capacity() const noexcept { return rooms_.capacity(); }
  void set_capacity(std::uint64_t capacity) noexcept { rooms_.set_capacity(capacity); }
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
  /// What is in the cache, for who counts it.
  struct contents {
    sample_store& of;
    /// With all that other processes put.
    std::uint64_t weight() const {
      if (of.shares_) (void)of.cache_->contains(sample_key(shard_key{}, 0));  // a look is what makes the cache learn of it
      return of.weight();
    }
    void forget_erased_notes() const {
      of.notes_.keep_those([&](const std::string& key) { return of.cache_->contains(key); });
    }
    template <class F>
    void list(F&& f) const {
      of.cache_->for_each([&](const std::string& key, std::uint64_t weight, auto&&...) {
        if (!is_sample(key)) return;
        f(shard_key::of_text(key), weight);
      });
    }
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
  /// False once not even the smallest sample so far would fit: then nobody needs to agree on who makes it.
  bool may_have_room(const sample_quota& quota) const noexcept {
    const std::uint64_t least = smallest_.load(std::memory_order_relaxed);
    return least == no_limit || rooms_.may_have(quota, least, weight());
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
  bytes load(const shard_key& shard, const sample_key& key, const sample_quota& quota, const std::stop_token& stop,
             batch_counts& n, Make&& make) {
    pending_loads::participant here(loads_, key);
    for (;;) {
      sample_rooms::admission room(rooms_, shard, quota);
      bool mine = false;
      try {
        const auto loader = [&]() -> bytes {
          mine = true;
          bytes made = make();
          note_size(made.size());
          if constexpr (Keeps)
            if (!room.take(made.size(), contents{*this})) {
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
  bool shares_;
  sample_rooms rooms_;
  sample_tables tables_;
  known_notes notes_;
  pending_loads loads_;
  std::atomic<std::uint64_t> samples_{0};
  std::atomic<std::uint64_t> kept_{0}, kept_entries_{0};  // put by this process
  std::atomic<std::uint64_t> smallest_{no_limit};
  std::atomic<std::uint64_t> sizes_sum_{0}, sizes_seen_{0};
  sample_counts counts_;
};

}  // namespace larder::datasets
