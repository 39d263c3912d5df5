#pragma once

#include <larder/cache.hpp>
#include <larder/codec/codec.hpp>
#include <larder/core/bytes.hpp>
#include <larder/core/error.hpp>
#include <larder/core/stats.hpp>
#include <larder/core/sweep.hpp>
#include <larder/core/time.hpp>
#include <larder/core/transfer.hpp>
#include <larder/storage/adopt_mode.hpp>
#include <larder/storage/value_landing.hpp>
#include <larder/sync/bypassable.hpp>
#include <larder/sync/doubted_keys.hpp>
#include <larder/sync/write_back_queue.hpp>
#include <larder/tier.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <unordered_map>
#include <utility>

namespace larder {

/// One tier as `tiered` works with it: the cache, what a `write_back` tier still owes it, and the keys that it is not asked
/// for because it failed to take their last write. What is owed is asked first, so nothing acknowledged is invisible.
template <class Tier>
class tier_access {
 public:
  using cache_type = typename Tier::cache_type;
  using key_type = typename cache_type::key_type;
  using mapped_type = typename cache_type::mapped_type;
  using key_view = typename cache_type::key_view;
  /// Entries that left the cache, of which its listener is told by `tell` once no lock is held.
  using departures = typename cache_type::departures;
  static constexpr bool writable = Tier::mode != tier_mode::read_only;
  static constexpr bool queued = Tier::mode == tier_mode::write_back;
  /// Whether a large value that a slower tier has can come straight into this one's files.
  static constexpr bool lands_values = writable && !queued && std::is_same_v<mapped_type, bytes> && cache_type::lands_values;
  using landing = typename cache_type::landing;
  /// Whether a value with a time to live of its own, which cannot wait, is not for this tier, which drops the key then.
  static constexpr bool forgoes_expiring = queued && requires { cache_type::forgoes_expiring; };

  template <class Argument>
    requires(!std::is_same_v<std::remove_cvref_t<Argument>, tier_access>)
  explicit tier_access(Argument&& argument) : tier_(std::forward<Argument>(argument)), queue_(make_queue()) {}
  tier_access(const tier_access&) = delete;
  tier_access& operator=(const tier_access&) = delete;

  cache_type& cache() const noexcept { return *tier_; }

  /// A demand look-up.
  std::optional<mapped_type> get(key_view key) {
    if (auto waiting = owed(key); waiting.known) return std::move(waiting.value);
    if (doubtful(key)) return std::nullopt;
    return tier_->get(key);
  }
  /// The same where the value may be far away: `control` follows it, and it may land in another tier's room.
  std::optional<mapped_type> get(key_view key, [[maybe_unused]] const transfer_control& control, [[maybe_unused]] storage::value_landing* room) {
    if constexpr (cache_type::is_remote) {
      if (auto waiting = owed(key); waiting.known) return std::move(waiting.value);
      if (doubtful(key)) return std::nullopt;
      return tier_->find(key, cache_type::look::use, control, room);
    } else {
      return get(key);
    }
  }
  /// Whether a load that begins now does without this tier, which takes longer than loading; counted. What loads take tells `note_load`.
  bool bypasses() { return sync::bypasses(tier_->engine_); }
  void note_load([[maybe_unused]] duration cost) noexcept {
    if constexpr (requires { tier_->engine_.note_load(cost); }) tier_->engine_.note_load(cost);
  }
  /// A look-up that counts for nothing.
  std::optional<mapped_type> peek(key_view key) {
    if (auto waiting = owed(key); waiting.known) return std::move(waiting.value);
    if (doubtful(key)) return std::nullopt;
    return tier_->peek(key);
  }
  bool contains(key_view key) {
    if (const auto waiting = owed(key); waiting.known) return waiting.value.has_value();
    return !doubtful(key) && tier_->contains(key);
  }
  /// Whether the tier failed to take the last write of the key, so that what it has may be old.
  bool doubtful(key_view key) const { return doubts_.any() && doubts_.about(hash(key)); }

  /// Puts, now or, in a `write_back` tier, later; whether the tier has it or will. With `gone` the listener is told later.
  bool put(key_view key, const mapped_type& value, const storage::write_mode& mode, departures* gone) {
    if constexpr (queued) {
      if constexpr (forgoes_expiring)
        if (mode.time_to_live) return queue_->put(key_type(key), std::nullopt, 0), false;
      queue_->put(key_type(key), value, core::payload_size(value));
      return true;
    } else {
      return put_now(key, value, mode, gone);
    }
  }
  bool put_now(key_view key, const mapped_type& value, const storage::write_mode& mode, departures* gone) {
    bool stored = false;
    try {
      stored = with_departures(gone, [&](departures& left) { return tier_->store_untold(key, mapped_type(value), mode, left); });
    } catch (...) {
      doubts_.after_write(hash(key), true);
      throw;
    }
    if (stored || !mode.only_if_absent) doubts_.after_write(hash(key), !stored);
    return stored;
  }
  /// Takes a copy of what a slower tier had, unless this one knows better.
  bool promote(key_view key, const mapped_type& value, departures& gone) {
    if (doubtful(key) || owed(key).known) return false;
    return tier_->store_untold(key, fit(value), {.only_if_absent = true}, gone);
  }

  /// Room in this tier for a large value that a slower one has; null when there is none to be had.
  std::unique_ptr<landing> land(key_view key) {
    if constexpr (lands_values)
      return doubtful(key) ? nullptr : tier_->engine_.land(tier_->engine_.locate(key));
    else
      return nullptr;
  }
  /// `promote` of what has landed, which becomes an entry as it lies.
  bool promote(key_view key, [[maybe_unused]] const landing& whole, [[maybe_unused]] departures& gone) {
    if constexpr (lands_values) {
      if (doubtful(key)) return false;
      return tier_->superseding(key, [&] {
        return tier_->engine_.adopt(tier_->engine_.locate(key), whole.path(), adopt_mode::move, gone,
                                    storage::write_mode{.only_if_absent = true});
      });
    } else {
      return false;
    }
  }

  /// Drops the key, now or, in a `write_back` tier, later; whether it was there.
  bool erase(key_view key, departures* gone = nullptr) {
    if constexpr (queued) {
      const auto waiting = queue_->look(key);
      const bool was = waiting.known ? waiting.value.has_value() : tier_->contains(key);
      queue_->put(key_type(key), std::nullopt, 0);
      return was;
    } else {
      return erase_now(key, gone);
    }
  }
  bool erase_now(key_view key, departures* gone) {
    const std::uint64_t before = failures();
    const bool erased = with_departures(gone, [&](departures& left) { return tier_->erase_untold(key, left); });
    doubts_.after_write(hash(key), failures() != before);  // it may be gone from the index and still be stored
    return erased;
  }
  template <class Which>
  std::size_t erase_if(Which& which, const sweep_control& control) {
    const std::uint64_t before = failures();
    std::size_t count = 0;
    if constexpr (queued)
      count = erase_with_owed(which, control);
    else
      count = tier_->erase_if(which, control);
    if (failures() != before) doubts_.after_clear(true);  // which entries it kept nobody knows
    return count;
  }
  void clear(const sweep_control& control) {
    if constexpr (queued) queue_->clear();
    const std::uint64_t before = failures();
    tier_->clear(control);
    doubts_.after_clear(failures() != before);
  }

  /// Waits until nothing is owed, at most so long; whether that was reached.
  bool flush(duration at_most) {
    if constexpr (queued)
      return queue_->flush(at_most);
    else
      return true;
  }
  /// Bytes of values that this tier still has to take, and how many it never took because they were too many.
  std::uint64_t owed_bytes() const {
    if constexpr (queued)
      return queue_->weight();
    else
      return 0;
  }
  std::uint64_t dropped() const {
    if constexpr (queued)
      return queue_->dropped();
    else
      return 0;
  }
  /// The cache's statistics and the number of values dropped count anew.
  void reset_stats() {
    tier_->reset_stats();
    if constexpr (queued) queue_->reset_dropped();
  }
  void tell(departures& gone) { tier_->engine_.tell(gone); }

 private:
  struct key_hash {
    using is_transparent = void;
    const tier_access* owner;
    std::size_t operator()(key_view key) const { return static_cast<std::size_t>(owner->hash(key)); }
  };
  using queue_type = sync::write_back_queue<key_type, mapped_type, key_hash>;
  static constexpr std::size_t copied_below = 64 * 1024;

  std::uint64_t hash(key_view key) const { return tier_->hash_of(key); }

  std::unique_ptr<queue_type> make_queue() {
    if constexpr (queued)
      return std::make_unique<queue_type>(
          [this](const key_type& key, const std::optional<mapped_type>& value) {
            try {
              if (value)
                put_now(key, *value, {}, nullptr);
              else
                erase_now(key, nullptr);
            } catch (...) {  // a weigher of the user's; the tier is in doubt about the key
            }
          },
          tier_.options(), key_hash{this}, [this](const key_type& key) { doubts_.after_write(hash(key), true); });
    else
      return nullptr;
  }

  typename queue_type::pending owed([[maybe_unused]] key_view key) const {
    if constexpr (queued)
      return queue_->look(key);
    else
      return {};
  }

  /// Small mapped values are copied into memory, so that they do not hold a mapping; large ones are shared.
  static mapped_type fit(const mapped_type& value) {
    if constexpr (std::is_same_v<mapped_type, bytes> && cache_type::in_memory)
      if (value.where() == residence::mapping && value.size() < copied_below) return bytes::copy_of(value.span());
    return value;
  }

  /// What is owed, and what is there with nothing owed for it.
  template <class Which>
  std::size_t erase_with_owed(Which& which, const sweep_control& control) {
    std::unordered_map<key_type, bool, key_hash, std::equal_to<>> seen(8, key_hash{this});  // whether it was a value
    for (const key_type& key : queue_->keys())
      if (which(key))
        if (const auto had = queue_->withdraw(key); had.known) seen.emplace(key, had.value.has_value());
    tier_->erase_if(
        [&](const key_type& key) {
          if (!which(key)) return false;
          seen.try_emplace(key, true);
          return true;
        },
        control);
    return static_cast<std::size_t>(std::count_if(seen.begin(), seen.end(), [](const auto& row) { return row.second; }));
  }

  /// Failures of the cache that may have kept it from doing what it was told.
  std::uint64_t failures() const noexcept {
    const error_counts counts = tier_->errors();
    return counts.total() - counts[error_cause::listener];
  }
  /// f(departures) with those that are told later, or with its own, which are told at once.
  template <class F>
  bool with_departures(departures* gone, F&& f) {
    if (gone != nullptr) return f(*gone);
    departures left;
    const bool result = f(left);
    tell(left);
    return result;
  }

  Tier tier_;
  sync::doubted_keys<std::uint64_t> doubts_;
  std::unique_ptr<queue_type> queue_;  // last: its thread writes to the cache
};

}  // namespace larder
