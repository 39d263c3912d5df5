#pragma once

// The engine behind a cache on an indexed byte storage (`mmap_disk`, `directory`, users' own): the table maps digests to
// the store's handles and decides who leaves; the store keeps the bytes. Changes of the index happen under the store's
// lock, so that what several processes do to one storage stays one story; hits take no such lock.

#include <larder/codec/codec.hpp>
#include <larder/core/bytes.hpp>
#include <larder/core/concepts.hpp>
#include <larder/core/digest.hpp>
#include <larder/core/key_view.hpp>
#include <larder/core/stats.hpp>
#include <larder/storage/engine_context.hpp>
#include <larder/storage/entry_table.hpp>
#include <larder/storage/store_index.hpp>
#include <larder/sync/doubted_keys.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

namespace larder::storage {

template <class Key, class Value, class Context>
class indexed_engine {
 public:
  using key_view = core::key_view<Key>;
  using departures = typename store_index<Key, Value, Context>::departures;
  static constexpr bool keeps_index = true;

  struct address {
    digest id;
    bytes key;
  };

  explicit indexed_engine(Context& context) : context_(context), index_(context), store_(index_.store()), table_(index_.table()) {}

  address locate(key_view key) const {
    bytes encoded = codec<Key>::encode(key);
    const digest id = digest_of(encoded.span());
    return {id, std::move(encoded)};
  }

  /// f(value, written) when the key is there and its bytes are right. Any failure is a miss, counted and reported.
  template <class F>
  bool read(const address& at, look how, F&& f) {
    const instant now = context_.now();
    const std::uint64_t hash = at.id.low;
    handle h;
    instant written{0};
    instant accessed{0};
    std::uint64_t size = 0;
    removals old;
    bool known = table_.look_up(at.id, hash, how, now, old, [&](const auto& e) {
      h = e.payload;
      size = e.weight.weights[0];
      written = e.written.written;
      if constexpr (keeps_accessed) accessed = instant{e.accessed.accessed.load(std::memory_order_relaxed)};
    });
    if (!old.empty()) index_.drop_files(old);
    if (doubts_.about(hash)) {
      if (known && how == look::use) table_.hit_was_miss(size);
      return false;
    }
    if (!known) {
      if (!adopt(at, now, h, written, size)) return false;
      if (how == look::use) table_.miss_was_hit(size);
    }
    std::optional<Value> value = context_.attempt([&] { return fetch(at, h, now, written); });
    if (!value) {
      if (how == look::use) table_.hit_was_miss(size);
      return false;
    }
    if constexpr (keeps_accessed)
      if (how == look::use) remember_use(at.id, h, accessed, now);
    f(std::as_const(*value), written);
    return true;
  }

  bool contains(const address& at) {
    if (doubts_.about(at.id.low)) return false;
    const instant now = context_.now();
    removals old;
    handle h;
    instant written{0};
    const bool known = table_.look_up(at.id, at.id.low, look::peek, now, old, [&](const auto& e) { h = e.payload; });
    if (!old.empty()) index_.drop_files(old);
    std::uint64_t size = 0;
    if (!known) return adopt(at, now, h, written, size);
    // The index may be behind what another process did; its storage knows.
    return context_.guarded(false, [&] { return index_.alive(store_.find(at.id, at.key)); });
  }

  bool write(const address& at, Value&& value, const write_mode& mode, departures& gone) {
    bool failed = true;
    const bool stored = context_.guarded(false, [&] {
      const bool published = publish(at, value, mode, gone);
      failed = false;
      return published;
    });
    if (failed) table_.count_refused(at.id.low);
    if (!stored && !mode.only_if_absent) {
      // Whatever the reason, the old value is no longer the key's.
      drop_or_doubt(at, removal_cause::replaced, gone);
    } else if (stored) {
      doubts_.after_write(at.id.low, false);
    }
    return stored;
  }

  bool erase(const address& at, departures& gone) {
    return drop_or_doubt(at, removal_cause::erased, gone);
  }

  template <class Drop>
  std::size_t erase_if(Drop&& predicate) {
    std::size_t count = 0;
    each_entry([&](const address& at, const Key& key, handle& h, const auto&) {
      bool chosen = false;
      if constexpr (std::is_invocable_v<Drop&, const Key&, const Value&>) {
        const fetched f = context_.attempt([&] { return store_.fetch(at.id, at.key, h); });
        if (f.status != fetch_status::hit) return;
        const std::optional<Value> value = context_.attempt([&] { return std::optional<Value>(codec<Value>::decode(f.payload)); });
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
    const bool cleared = context_.guarded(false, [&] {
      const auto lock = store_.lock();
      index_.catch_up(gone);
      table_.clear(context_.now(), [&](removals& left) {
        if constexpr (Context::notifies) left.for_each([&](auto& e) { index_.read_back(e, gone); });
        left.clear();
      });
      store_.clear();
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
    each_entry([&](const address&, const Key& key, handle&, const stored_info& info) { f(key, info.weight, now - info.written); });
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
    index_.shrink();
  }

  std::optional<pin_claim> pin(const address& at) { return table_.pin(at.id, at.id.low, context_.now()); }
  /// When the limit shrank while the entry was pinned, somebody leaves for it now.
  void unpin(const pin_claim& claim) noexcept {
    table_.unpin(claim);
    if (table_.budget().over()) index_.shrink();
  }

  /// Whether a value of so many bytes may be stored; one that is larger than the cache is refused.
  bool admits(const address& at, std::uint64_t bytes) noexcept {
    if (bytes <= table_.budget().capacity(1)) return true;
    table_.count_refused(at.id.low);
    return false;
  }
  void count_join(const address& at) noexcept { table_.count_join(at.id.low); }
  void add_to(cache_stats& stats) const {
    table_.add_to(stats);
    stats.stored_bytes += weight();
    stats.logical_bytes += weight();
    if constexpr (requires { store_.pinned_bytes(); }) stats.pinned_bytes += store_.pinned_bytes();
    if constexpr (requires { store_.overhead_bytes(); }) stats.overhead_bytes += store_.overhead_bytes();
  }
  void reset_stats() noexcept { table_.reset_counters(); }
  void flush() {
    if constexpr (requires { store_.flush(); }) store_.flush();
  }

  void tell(departures& gone) { index_.tell(gone); }

 private:
  using index_type = store_index<Key, Value, Context>;
  using store_type = typename index_type::store_type;
  using table_type = typename index_type::table_type;
  using handle = typename index_type::handle;
  using removals = typename index_type::removals;
  static constexpr bool keeps_accessed = Context::template has<expire_after_access>;

  std::optional<Value> fetch(const address& at, handle& h, instant now, instant& written) {
    const handle before = h;
    fetched f = store_.fetch(at.id, at.key, h);
    if (f.status == fetch_status::hit && f.changed) {
      if (context_.too_old(f.changed->written, f.changed->accessed, f.changed->expires, now)) return std::nullopt;
      departures gone;  // who had to leave for it; the listener is not told of what others replaced
      {
        const auto lock = store_.lock();
        index_.learn(at.id, h, *f.changed, gone);
      }
      tell(gone);
      written = f.changed->written;
      return codec<Value>::decode(f.payload);
    }
    if (f.status == fetch_status::hit) {
      bool improved = true;
      if constexpr (std::equality_comparable<handle>) improved = !(h == before);
      if (improved)
        table_.update(at.id, at.id.low, [&](auto& e) {
          if (e.written.written == written) e.payload = h;
        });
      return codec<Value>::decode(f.payload);
    }
    // The bytes are gone or put aside; the index forgets the entry unless somebody has just put a new one.
    removals left;
    const auto lock = store_.lock();
    table_.erase(at.id, at.id.low, now, removal_cause::erased, left, [&](const auto& e) { return e.written.written == written; });
    return std::nullopt;
  }

  /// An entry on the storage that the index does not know: another process put it.
  bool adopt(const address& at, instant now, handle& h, instant& written, std::uint64_t& size) {
    departures gone;
    const bool found = context_.guarded(false, [&] {
      if (!store_.find(at.id, at.key)) return false;
      const auto lock = store_.lock();
      index_.catch_up(gone);
      const std::optional<stored_info> info = store_.find(at.id, at.key);
      if (!info || context_.too_old(info->written, info->accessed, info->expires, now)) return false;
      index_.learn(at.id, handle{}, *info, gone);
      h = handle{};
      written = info->written;
      size = info->weight;
      return true;
    });
    tell(gone);
    return found;
  }

  bool publish(const address& at, const Value& value, const write_mode& mode, departures& gone) {
    const instant now = context_.now();
    stored_entry entry{at.id, at.key, codec<Value>::encode(value), {}};
    entry.info = {entry.payload.size(), now, now, context_.own_deadline(mode, now)};
    auto request = stored_request<table_type>(at.id.low, entry.info, now);
    request.only_if_absent = mode.only_if_absent;
    if (!table_.budget().fits_alone(request.size)) {
      table_.count_refused(at.id, request);
      return false;
    }
    typename store_type::staged staged = store_.stage(entry);
    const auto lock = store_.lock();
    index_.catch_up(gone);
    removals left;
    if (mode.only_if_absent) {
      const std::optional<stored_info> there = store_.find(at.id, at.key);
      if (index_.alive(there)) return false;
      if (!there) {  // what the index may know of it, somebody else has erased
        table_.erase(at.id, at.id.low, now, removal_cause::erased, left, [](const auto&) { return true; });
        left.clear();
      }
    }
    const put_outcome outcome = table_.put(at.id, [&] { return at.id; }, handle{}, request, left);
    index_.settle(left, gone, outcome == put_outcome::stored ? &at.id : nullptr);
    if (outcome != put_outcome::stored) return false;
    try {
      handle h = store_.publish(std::move(staged));
      table_.update(at.id, at.id.low, [&](auto& e) { e.payload = std::move(h); });
    } catch (...) {
      removals undone;
      table_.erase(at.id, at.id.low, now, removal_cause::erased, undone, [](const auto&) { return true; });
      throw;
    }
    return true;
  }

  /// Takes the key out; when the storage fails to, what it has is not served until it took a write of the key.
  bool drop_or_doubt(const address& at, removal_cause cause, departures& gone) {
    bool failed = true;
    const bool dropped = context_.guarded(false, [&] {
      const bool was = drop(at, cause, gone);
      failed = false;
      return was;
    });
    doubts_.after_write(at.id.low, failed);
    return dropped;
  }
  /// The storage knows better than the index whether the key is there.
  bool drop(const address& at, removal_cause cause, departures& gone) {
    const auto lock = store_.lock();
    index_.catch_up(gone);
    const std::optional<stored_info> info = context_.attempt([&] { return store_.find(at.id, at.key); });
    removals left;
    table_.erase(at.id, at.id.low, context_.now(), cause, left, [](const auto&) { return true; });
    if (!info && left.empty()) return false;
    if constexpr (Context::notifies)
      left.for_each([&](auto& e) {
        if (index_.alive(info)) e.cause = cause;
        index_.read_back(e, gone);
      });
    store_.erase(at.id, handle{});
    return index_.alive(info);
  }

  template <class F>
  void each_entry(F&& f) {
    struct row {
      digest id;
      handle h;
      stored_info info;
    };
    std::vector<row> rows;
    table_.snapshot(
        context_.now(),
        [&](const auto& e) {
          rows.push_back({e.key, e.payload, {e.weight.weights[0], e.written.written, e.written.written, e.expires.expires}});
        },
        [&] {
          for (row& r : rows) {
            const std::optional<bytes> encoded = context_.attempt([&] { return store_.key_of(r.id, r.h); });
            if (!encoded) continue;
            const std::optional<Key> key = context_.attempt([&] { return std::optional<Key>(codec<Key>::decode(*encoded)); });
            if (key) f(address{r.id, *encoded}, *key, r.h, r.info);
          }
          rows.clear();
        });
  }

  /// Lets the storage remember a use, at most sixteen times per period.
  void remember_use(const digest& id, handle& h, instant before, instant now) {
    if constexpr (requires { store_.touch(id, h, now); }) {
      const auto grain = std::max<duration::rep>(context_.policies().template get<expire_after_access>().value.count() / 16, 1);
      if (before.count() / grain != now.count() / grain) context_.guarded(false, [&] { return store_.touch(id, h, now), true; });
    }
  }

  Context& context_;
  index_type index_;
  store_type& store_;
  table_type& table_;
  sync::doubted_keys<std::uint64_t> doubts_;
};

}  // namespace larder::storage
