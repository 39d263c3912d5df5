#pragma once

// The engine behind a cache on a logged byte storage (`mmap_disk`): the index is a copy of what the storage's log says, so a look-up that
// has seen the end of the log needs nothing but memory. Changes are decided under a lock of this process alone and made by one atomic step
// in the log; when another process was faster, what it did is learned and the change is decided anew.

#include <larder/codec/codec.hpp>
#include <larder/core/bytes.hpp>
#include <larder/core/concepts.hpp>
#include <larder/core/digest.hpp>
#include <larder/core/stats.hpp>
#include <larder/storage/engine_context.hpp>
#include <larder/storage/entry_table.hpp>
#include <larder/storage/logged_reader.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <vector>

namespace larder::storage {

template <class Key, class Value, class Context>
class logged_engine : public logged_reader<Key, Value, Context> {
  using base = logged_reader<Key, Value, Context>;

 public:
  using typename base::address;
  using typename base::departures;
  using typename base::index_type;
  using base::base;
  using base::tell;
  static constexpr bool keeps_index = true;
  static constexpr bool leases_loads = requires(typename index_type::store_type& store) { store.leases(); };

  bool write(const address& at, const Value& value, const write_mode& mode, departures& gone) {
    bool failed = true;
    std::vector<handle> replaced;
    const bool stored = context_.guarded(false, [&] {
      const bool published = publish(at, value, mode, replaced, gone);
      failed = false;
      return published;
    });
    conclude(at, mode, stored, failed, replaced, gone);
    return stored;
  }

  bool erase(const address& at, departures& gone) {
    // A lease is checked once the log's end was seen, so whoever has it misses neither the end of his lease nor that something is new.
    if constexpr (leases_loads)
      if (store_.leases().revoke(at.id)) store_.nudge();
    return drop_or_doubt(at, removal_cause::erased, std::nullopt, gone);
  }

  template <class Drop>
  std::size_t erase_if(Drop&& predicate) {
    std::size_t count = 0;
    each_entry([&](const address& at, const Key& key, handle& h, std::uint64_t) {
      bool chosen = false;
      if constexpr (std::is_invocable_v<Drop&, const Key&, const Value&>) {
        const fetched f = context_.attempt([&] { return store_.fetch(at.id, at.key, h); });
        if (f.status != fetch_status::hit) return;
        const std::optional<Value> value = context_.attempt([&] { return context_.template decoded<Value>(f); });
        chosen = value && predicate(key, *value);
      } else {
        chosen = predicate(key);
      }
      if (!chosen) return;
      departures gone;
      if (erase(at, gone)) ++count;
      tell(gone);
    });
    return count;
  }

  void clear() {
    departures gone;
    if constexpr (leases_loads)
      if (store_.leases().revoke_all()) store_.nudge();
    const bool cleared = context_.guarded(false, [&] {
      const auto lock = store_.lock();
      index_.catch_up(gone);
      table_.clear(context_.now(), [&](removals& left) {
        left.for_each([&](auto& e) { index_.read_back(e.payload, e.cause, gone); });
        left.for_each([&](auto& e) { store_.release(e.payload); });
        left.clear();
      });
      store_.clear();
      index_.catch_up(gone);
      store_.tidy();
      return true;
    });
    doubts_.after_clear(!cleared);
    tell(gone);
  }

  std::size_t purge_expired() {
    std::size_t count = 0;
    departures gone;
    context_.guarded(false, [&] {
      const auto lock = store_.lock();
      index_.catch_up(gone);
      count = table_.purge_expired(context_.now(), [&](removals& left) { index_.settle(left, gone); });
      return true;
    });
    tell(gone);
    return count;
  }

  template <class F>
  void for_each(F&& f) {
    const instant now = context_.now();
    each_entry([&](const address&, const Key& key, const handle& h, std::uint64_t weight) {
      const std::optional<instant> written = context_.attempt([&] { return store_.written_of(h); });
      if (written) f(key, weight, now - *written);
    });
  }

  std::uint64_t size() const noexcept { return table_.budget().used(0); }
  std::uint64_t weight() const noexcept { return table_.budget().used(1); }
  template <class Limit>
  std::uint64_t capacity() const noexcept {
    return table_.budget().capacity(std::is_same_v<Limit, max_entries> ? 0 : 1);
  }
  template <class Limit>
  void set_capacity(std::uint64_t n) {
    table_.budget().set_capacity(std::is_same_v<Limit, max_entries> ? 0 : 1, n);
    if constexpr (!std::is_same_v<Limit, max_entries>) {
      const auto lock = store_.lock();
      store_.set_capacity(n);
    }
    index_.shrink();
  }

  std::optional<pin_claim> pin(const address& at) {
    if (store_.behind()) follow();
    return table_.pin(at.id.low, at.id.low, context_.now());
  }
  /// When the limit shrank while the entry was pinned, somebody leaves for it now.
  void unpin(const pin_claim& claim) noexcept {
    table_.unpin(claim);
    if (table_.budget().over()) index_.shrink();
  }

  /// The leases of loads, among the processes that share the storage.
  auto& leases()
    requires leases_loads
  {
    return store_.leases();
  }

  void count_join(const address& at) noexcept { table_.count_join(at.id.low); }
  void add_to(cache_stats& stats) const {
    table_.add_to(stats);
    stats.stored_bytes += weight();
    stats.logical_bytes += table_.budget().used(Context::compresses ? 2 : 1);
    if constexpr (Context::compresses) stats.overhead_bytes += context_.compressor().memory();
    stats.pinned_bytes += store_.pinned_bytes();
    const auto lock = store_.lock();
    stats.overhead_bytes += store_.overhead_bytes();
  }
  void reset_stats() noexcept { table_.reset_counters(); }

  /// Throws `larder::error` when the device refuses; what it did not take is written anew then, for the next call.
  void flush() {
    departures learned;
    {
      const auto lock = store_.lock();
      index_.catch_up(learned);
    }
    tell(learned);
    try {
      store_.flush();
    } catch (const error&) {
      departures gone;
      context_.guarded(false, [&] {
        const auto lock = store_.lock();
        index_.rewrite_refused(gone);
        return true;
      });
      tell(gone);
      throw;
    }
  }

 protected:
  using typename base::handle;
  using typename base::removals;
  using typename base::staged;
  using typename base::store_type;
  using base::context_;
  using base::doubts_;
  using base::follow;
  using base::index_;
  using base::store_;
  using base::table_;

  /// What `write()` returns; on a full device it is called again, after each segment that was rewritten without what was of no use in it.
  template <class Write>
  auto with_room(departures& gone, Write&& write) -> decltype(write()) {
    for (std::size_t tries = 0;; ++tries) {
      try {
        return write();
      } catch (const error&) {
        if (!store_type::is_full_device()) throw;
        const auto lock = store_.lock();
        if (tries > store_.segments() || !index_.reclaim(gone)) throw;
      }
    }
  }

  /// What a value is stored as.
  stored_entry entry_of(const address& at, const Value& value, const write_mode& mode, instant now) {
    stored_entry entry{at.id, at.key, codec<Value>::encode(value), {}};
    entry.info = {entry.payload.size(), now, now, context_.own_deadline(mode, now)};
    if constexpr (Context::compresses) context_.guarded(false, [&] { return context_.compressor().compress(entry), true; });
    return entry;
  }
  bool publish(const address& at, const Value& value, const write_mode& mode, std::vector<handle>& replaced, departures& gone) {
    const instant now = context_.now();
    const stored_entry entry = entry_of(at, value, mode, now);
    if (!admits(at, entry.info, now, gone)) return false;
    return publish(at, with_room(gone, [&] { return store_.stage(entry); }), entry.info, mode, replaced, gone);
  }
  bool publish(const address& at, staged made, const stored_info& info, const write_mode& mode, std::vector<handle>& replaced, departures& gone) {
    const auto lock = store_.lock();
    if (!index_.publish(at.id, made, info, mode, replaced, gone)) return false;
    index_.keep_to_limits(gone);
    return true;
  }
  /// Whether a value may be stored; one that does not fit the cache alone is counted as refused. A log that there was no room for is
  /// tried again.
  bool admits(const address& at, const stored_info& info, instant now, departures& gone) {
    if (!table_.budget().fits_alone({1, info.weight})) {
      table_.count_refused(at.id.low, index_.request_for(at.id.low, info, now));
      return false;
    }
    if (store_.has_no_log()) {
      const auto lock = store_.lock();
      index_.catch_up(gone);
    }
    return true;
  }

  /// What follows from a write: one that was refused or failed takes with it what the key had. `replaced` are records that are still to be let go.
  void conclude(const address& at, const write_mode& mode, bool stored, bool failed, std::vector<handle>& replaced, departures& gone) {
    if (failed) table_.count_refused(at.id.low);
    if (!stored && !mode.only_if_absent && !(mode.lease != nullptr && mode.lease->is_lost())) {
      // Whatever the reason, the old value is no longer the key's.
      const std::optional<handle> had = replaced.empty() ? std::nullopt : std::optional<handle>(replaced.back());
      if (!replaced.empty()) replaced.pop_back();
      drop_or_doubt(at, removal_cause::replaced, had, gone);
    } else if (stored) {
      doubts_.after_write(at.id.low, false);
    }
    if (replaced.empty()) return;
    context_.guarded(false, [&] {
      const auto lock = store_.lock();
      index_.let_go(replaced);
      return true;
    });
  }

  /// Takes the key out; when the storage fails to, what it has is not served until it took a write of the key.
  bool drop_or_doubt(const address& at, removal_cause cause, const std::optional<handle>& had, departures& gone) {
    bool failed = true;
    const bool dropped = context_.guarded(false, [&] {
      const auto lock = store_.lock();
      const bool was = index_.erase(at.id, cause, had, gone);
      failed = false;
      return was;
    });
    doubts_.after_write(at.id.low, failed);
    return dropped;
  }

  template <class F>
  void each_entry(F&& f) {
    if (store_.behind()) follow();
    struct row {
      handle h;
      std::uint64_t weight;
    };
    std::vector<row> rows;
    table_.snapshot(
        context_.now(), [&](const auto& e) { rows.push_back({e.payload, e.weight.weights[0]}); },
        [&] {
          for (row& r : rows) {
            const std::optional<bytes> encoded = context_.attempt([&] { return store_.key_of(r.h); });
            if (!encoded) continue;
            const std::optional<Key> key = context_.attempt([&] { return std::optional<Key>(codec<Key>::decode(*encoded)); });
            if (key) f(address{digest_of(encoded->span()), *encoded}, *key, r.h, r.weight);
          }
          rows.clear();
        });
  }
};

}  // namespace larder::storage
