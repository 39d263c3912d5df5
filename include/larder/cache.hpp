#pragma once

#include <larder/core/bytes.hpp>
#include <larder/core/concepts.hpp>
#include <larder/core/iterable.hpp>
#include <larder/core/key_view.hpp>
#include <larder/core/stats.hpp>
#include <larder/core/sweep.hpp>
#include <larder/core/time.hpp>
#include <larder/core/transfer.hpp>
#include <larder/reservation.hpp>
#include <larder/storage/adopt_mode.hpp>
#include <larder/storage/cache_parts.hpp>
#include <larder/storage/cache_rules.hpp>
#include <larder/storage/engine_context.hpp>
#include <larder/storage/engine_sweep.hpp>
#include <larder/storage/entry_lease.hpp>
#include <larder/storage/lent_room.hpp>
#include <larder/storage/limit_meant.hpp>
#include <larder/storage/value_range.hpp>
#include <larder/storage/write_batches.hpp>
#include <larder/sync/before_and_after.hpp>
#include <larder/sync/loading.hpp>
#include <larder/sync/loading_alone.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <future>
#include <initializer_list>
#include <optional>
#include <span>
#include <stop_token>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace larder {

template <class Tier>
class tier_access;

/// A cache from Key to Value, composed of policies in any order; what is not named has a default (memory, `xxh3`, `sharded<>`; the
/// order is `gdsf` under `max_bytes` and `max_weight`, else `s3_fifo`; `s3_fifo` on `mmap_disk`).
///
/// Threads: every member may be called from any number of threads at once, unless `unsynchronized` is named. Entries may
/// leave at any time. Loaders, listeners, weighers and predicates run without any lock and may call the cache.
/// Errors: the constructor throws `larder::error`; after it a failing storage is a miss or a refused put, counted in
/// `stats().errors` and told to the `error_listener`. What a loader, weigher or predicate throws reaches
/// the caller; a weigher that throws on a loaded value is reported instead, and the value returned but not stored.
/// A cache does not move: make it where it lives, or hold it by `unique_ptr`.
template <class Key, class Value, class... Policies>
class cache {
  using rules = storage::cache_rules<Key, Value, Policies...>;
  static_assert(rules::hold);

  using parts = storage::cache_parts<Key, Value, Policies...>;
  using set = typename parts::set;
  using where = typename parts::where;
  using context_type = typename parts::context;
  using engine_type = typename parts::engine;
  static_assert(requires { sizeof(engine_type); }, "larder: what drives a blob_store from outside is in larder/storage/remote_engine.hpp, which "
                                                   "larder/larder.hpp brings; include one of them");
  using look = storage::look;
  using write_mode = storage::write_mode;
  using departures = typename engine_type::departures;
  using loading_type = std::conditional_t<context_type::locking::synchronized, sync::loading<Key, Value, context_type, cache>,
                                          sync::loading_alone<Key, Value, context_type, cache>>;

 public:
  using key_type = Key;
  using mapped_type = Value;
  using key_view = core::key_view<Key>;
  static constexpr bool in_memory = core::is_memory_storage<where>;
  /// Whether the cache has this policy.
  template <class P>
  static constexpr bool keeps = set::template has<P>;

  /// Takes the named policies' objects in any order; those that can be default-made may be left out.
  template <class... Given>
    requires(!std::is_same_v<std::remove_cvref_t<Given>, cache> && ...)
  explicit cache(Given&&... given) : context_(set(std::forward<Given>(given)...)), engine_(context_) {
    rules::template check_constructor<std::remove_cvref_t<Given>...>();
  }
  cache(const cache&) = delete;
  cache& operator=(const cache&) = delete;

  // ------------------------------------------------------------------------------------------------ look up

  /// The value, or nothing. Counts as a use. Copies the value; `bytes` copy a reference, never the data.
  std::optional<Value> get(key_view key) {
    static_assert(std::copy_constructible<Value>, "larder: get copies the value; look at a move-only value with visit");
    return find(key, look::use);
  }
  /// The same from a remote storage, with word of how far a large value has come, and a way to give it up, which is a counted miss.
  std::optional<Value> get(key_view key, const transfer_control& control) {
    static_assert(core::is_remote_storage<where>, "larder: get(key, control) follows a transfer, which only a remote storage has; use get(key)");
    return find(key, look::use, control);
  }
  /// The value without any effect on order, expiry or statistics.
  std::optional<Value> peek(key_view key) {
    static_assert(std::copy_constructible<Value>, "larder: peek copies the value; look at a move-only value with visit");
    return find(key, look::peek);
  }
  /// Whether the key is there; no effect on order, expiry or statistics.
  bool contains(key_view key) { return engine_.contains(engine_.locate(key)); }

  /// f(const Value&) on the value in place when it is there. Counts as a use. In memory f may run under the shard's lock: it
  /// must be short and must not call the cache.
  template <std::invocable<const Value&> F>
  bool visit(key_view key, F&& f) {
    return engine_.read(engine_.locate(key), look::use, [&](const Value& value, instant) { f(value); });
  }

  /// For each key of the range, in its order, what `get` gives.
  template <core::iterable Keys>
    requires std::convertible_to<core::iterated<Keys>, key_view>
  std::vector<std::optional<Value>> get_many(const Keys& keys) {
    std::vector<std::optional<Value>> values;
    if constexpr (requires { std::size(keys); }) values.reserve(std::size(keys));
    for (const auto& key : keys) values.push_back(get(key));
    return values;
  }
  std::vector<std::optional<Value>> get_many(std::initializer_list<Key> keys) { return get_many(std::vector<Key>(keys)); }

  /// n bytes of the value from `offset` (to the end when not given), or nothing; counts as a use. Throws `larder::error` when they do not
  /// all lie in the value, as `bytes::slice` does. On `mmap_disk` only what the part touches of a large value is read and verified.
  std::optional<bytes> get_range(key_view key, std::size_t offset, std::size_t n = static_cast<std::size_t>(-1)) {
    static_assert(std::is_same_v<Value, bytes>, "larder: get_range gives a part of bytes; get a value of another type whole");
    if constexpr (requires { typename engine_type::room; }) {
      return engine_.read_range(engine_.locate(key), byte_range{offset, n});
    } else {
      std::optional<bytes> found = find(key, look::use);
      if (!found) return found;
      storage::check_range({offset, n}, found->size());
      return found->slice(offset, n);
    }
  }

  /// The value's bytes in memory of the caller, from its start, and how many they are; nothing when there is no value, and the memory may be
  /// written to all the same. Counts as a use. What is large in a remote storage lands there without a second copy, which `control` follows.
  /// Throws `larder::error` (invalid_argument) when the value does not fit; of a large remote one only the head was fetched then.
  std::optional<std::size_t> get_into(key_view key, std::span<std::byte> room, const transfer_control& control = {}) {
    static_assert(std::is_same_v<Value, bytes>, "larder: get_into gives bytes; get a value of another type whole");
    return storage::find_into<is_remote>(room, control, [&](const auto&... far) { return find(key, look::use, far...); });
  }

  /// f(key, weight, age) for each entry, without a lock; entries that come or go meanwhile may be missed. The age is zero
  /// where no policy needs the time of writing. `control` follows what takes long: many entries, or a remote storage.
  template <class F>
    requires std::invocable<F&, const Key&, std::uint64_t, duration>
  void for_each(F&& f, const sweep_control& control = {}) {
    storage::sweep_engine<is_remote>(engine_, control, [&](auto&&... of) { return engine_.for_each(of...), std::size_t{0}; }, f);
  }

  // -------------------------------------------------------------------------------------------------- store

  /// Stores or replaces. False when refused: larger than the cache, everything pinned, or the storage failed; the key's
  /// older value is gone then too, since it is no longer true.
  bool put(key_view key, Value value) { return store(key, std::move(value), {}); }
  /// The same with a time to live of its own (needs the policy `ttl`), which must be longer than zero.
  template <class Rep, class Period>
  bool put(key_view key, Value value, std::chrono::duration<Rep, Period> time_to_live) {
    static_assert(context_type::template has<ttl>, "larder: put(key, value, ttl) needs the policy larder::ttl");
    return store(key, std::move(value), {.time_to_live = core::positive_period(time_to_live, "put(key, value, ttl)")});
  }
  /// The same into a remote storage, with word of how far a large value has come, and a way to give it up, which is a counted refusal.
  bool put(key_view key, Value value, const transfer_control& control) {
    static_assert(core::is_remote_storage<where>, "larder: put(key, value, control) follows a transfer, which only a remote storage has; use put(key, value)");
    return store(key, std::move(value), {.control = &control});
  }
  /// Stores when the key is not there; false when it is, or when the put was refused.
  bool put_if_absent(key_view key, Value value) { return store(key, std::move(value), {.only_if_absent = true}); }

  /// `put` for each (key, value) of a range, in its order, so that the last of equal keys stays; says how many were stored. Each is
  /// published for itself, as a `put` is: others may see some of them before the rest, and one that is refused stops no other. On
  /// `mmap_disk` one system call writes as many as lie together.
  template <storage::entries_of<key_view, Value> Entries>
  std::size_t put_many(const Entries& entries) {
    return store_many(entries, {});
  }
  std::size_t put_many(std::initializer_list<std::pair<Key, Value>> entries) { return store_many(entries, {}); }
  /// The same with a time to live for all of them (needs the policy `ttl`).
  template <storage::entries_of<key_view, Value> Entries, class Rep, class Period>
  std::size_t put_many(const Entries& entries, std::chrono::duration<Rep, Period> time_to_live) {
    static_assert(context_type::template has<ttl>, "larder: put_many(entries, ttl) needs the policy larder::ttl");
    return store_many(entries, {.time_to_live = core::positive_period(time_to_live, "put_many(entries, ttl)")});
  }

  /// Room of n bytes for a value that is filled in place: on `mmap_disk` in the file itself, so that nothing is copied (unless others fill the
  /// rest of its segment before the commit, which then writes it to the next one); elsewhere on the heap. False in a condition when it is
  /// refused: larger than the cache, or the storage has no room. The key stays as it is until `commit`.
  using reservation = larder::reservation<cache>;
  reservation reserve(key_view key, std::size_t n) {
    static_assert(std::is_same_v<Value, bytes>, "larder: reserve gives room for bytes; a cache of other values takes them whole, by put");
    const auto at = engine_.locate(key);
    if constexpr (requires { typename engine_type::room; }) {
      departures gone;
      auto room = engine_.reserve(at, n, gone);
      engine_.tell(gone);
      return room ? reservation(*this, Key(key), std::move(*room), n) : reservation();
    } else {
      room_type room;
      if (!engine_.admits(at, n) || !context_.guarded(false, [&] { return room = room_type(n), true; })) return {};
      return reservation(*this, Key(key), std::move(room), n);
    }
  }

  /// Makes the content of a file the key's value, as a `put` would, without reading it into memory but for its checksums; on `mmap_disk`.
  /// A small one becomes a record, a large one a file of the cache's own, by the way that `how` names. Throws `larder::error` when it is no
  /// regular file that can be read, changes meanwhile or cannot be taken over that way; the key stays as it is then.
  template <class Path>
  bool adopt_file(key_view key, const Path& path, adopt_mode how = adopt_mode::automatic) {
    static_assert(std::is_same_v<Value, bytes>, "larder: adopt_file makes bytes of a file; read a value of another type and put it");
    static_assert(core::is_logged_storage<where>, "larder: adopt_file is for a storage of files, mmap_disk; elsewhere read the file and put it");
    departures gone;
    const bool stored = superseding(key, [&] { return engine_.adopt(engine_.locate(key), path, how, gone); });
    engine_.tell(gone);
    return stored;
  }

  // --------------------------------------------------------------------------------------------------- load

  /// The value, loaded by `loader(key)`, `loader(key, stop_token)` or `loader()` on a miss: one load per key at a time,
  /// others wait for it, on `mmap_disk` in other processes too (there a second load follows when the holder dies, throws or
  /// is stopped). What the loader throws reaches every waiter and nothing is stored. A put, erase or clear during
  /// the load wins: the loaded value is returned, not stored. Throws `larder::error` (cancelled) when `stop` is requested
  /// before there is a value, (reentrant) when the loader asks for the key that it is loading.
  template <class Loader>
  Value get_or_load(key_view key, Loader&& loader, const std::stop_token& stop = {}) {
    static_assert(std::copy_constructible<Value>, "larder: get_or_load shares the loaded value, so it must be copyable");
    return loading_.get(*this, key, loader, stop);
  }
  /// The same on a thread of the cache. The future never blocks in its destructor; the cache's destructor waits for loads
  /// that run and breaks the promises of those that have not begun.
  template <class Loader>
  std::future<Value> get_or_load_async(Key key, Loader loader) {
    static_assert(std::copy_constructible<Value>, "larder: get_or_load_async shares the loaded value, so it must be copyable");
    static_assert(context_type::locking::synchronized, "larder: get_or_load_async needs a synchronized cache, not unsynchronized");
    return loading_.get_async(*this, std::move(key), std::move(loader));
  }
  /// For each key of the range, in its order, its value; those that are missing are loaded together by
  /// `batch_loader(const std::vector<Key>&)`, which returns as many values in the same order.
  template <core::iterable Keys, class BatchLoader>
  std::vector<Value> get_or_load_many(const Keys& keys, BatchLoader&& batch_loader) {
    static_assert(std::copy_constructible<Value>, "larder: get_or_load_many shares the loaded values, so they must be copyable");
    return loading_.get_many(*this, keys, batch_loader);
  }

  // --------------------------------------------------------------------------------------------------- drop

  /// Drops the key and says whether it was there.
  bool erase(key_view key) {
    departures gone;
    const bool erased = erase_untold(key, gone);
    engine_.tell(gone);
    return erased;
  }
  /// Drops each entry that the predicate names, `(key)` or `(key, value)`, and says how many. It sees copies, without a lock.
  template <class Predicate>
    requires(std::predicate<Predicate&, const Key&> || std::predicate<Predicate&, const Key&, const Value&>)
  std::size_t erase_if(Predicate&& predicate, const sweep_control& control = {}) {
    return drop_all([](const Key&) { return true; }, [&](auto&&... of) { return engine_.erase_if(of...); }, control, predicate);
  }
  /// Drops each key that starts with the text, and says how many.
  std::size_t erase_prefix(std::string_view text, const sweep_control& control = {})
    requires std::convertible_to<const Key&, std::string_view>
  {
    const auto starts = [text](const Key& key) { return std::string_view(key).starts_with(text); };
    return drop_all(starts, [&](auto&&... of) { return engine_.erase_if(of...); }, control, starts);
  }
  /// Drops everything; in memory and on disk in one step.
  void clear(const sweep_control& control = {}) {
    drop_all([](const Key&) { return true; }, [&](auto&&... of) { return engine_.clear(of...), std::size_t{0}; }, control);
  }
  /// Drops what is too old now rather than when it is next met, and says how many; in memory and on disk in one step.
  std::size_t purge_expired(const sweep_control& control = {}) {
    return storage::sweep_engine<is_remote>(engine_, control, [&](auto&&... of) { return engine_.purge_expired(of...); });
  }

  // --------------------------------------------------------------------------------------------------- size

  /// Number of entries, those too old but not yet dropped included.
  std::uint64_t size() const noexcept
    requires engine_type::keeps_index
  {
    return engine_.size();
  }
  bool empty() const noexcept
    requires engine_type::keeps_index
  {
    return size() == 0;
  }
  /// What the entries weigh in all: bytes under `max_bytes` and on disk, else under `max_weight`, else one each.
  std::uint64_t weight() const noexcept
    requires engine_type::keeps_index
  {
    return engine_.weight();
  }
  /// The number of the named limit; without a name, of the only one (the largest number when unbounded).
  template <class Limit = void>
  std::uint64_t capacity() const noexcept
    requires engine_type::keeps_index
  {
    if constexpr (context_type::template has<unbounded> && std::is_void_v<Limit>)
      return std::numeric_limits<std::uint64_t>::max();
    else
      return engine_.template capacity<limit_meant<Limit>>();
  }
  /// Changes a limit; when it shrinks, entries leave before this returns (pinned ones stay).
  template <class Limit>
    requires(engine_type::keeps_index && core::on_axis<Limit, axis::limit>)
  void set_capacity(Limit limit) {
    static_assert(!std::is_same_v<Limit, unbounded>, "larder: unbounded has no number; set a limit that the cache's type names");
    engine_.template set_capacity<limit_meant<Limit>>(limit.value);
  }
  template <std::integral Number>
    requires engine_type::keeps_index
  void set_capacity(Number n) {
    engine_.template set_capacity<limit_meant<void>>(core::limit_value(n, "set_capacity"));
  }

  // ---------------------------------------------------------------------------------------------------- pin

  using lease = storage::entry_lease<engine_type>;

  /// A lease on the key's entry; empty when there is none.
  lease pin(key_view key)
    requires engine_type::keeps_index
  {
    const std::optional<storage::pin_claim> claim = engine_.pin(engine_.locate(key));
    return claim ? lease(engine_, *claim) : lease();
  }

  // ------------------------------------------------------------------------------------------------ observe

  cache_stats stats() const {
    cache_stats snapshot;
    engine_.add_to(snapshot);
    loading_.add_to(snapshot);
    snapshot.errors = context_.errors().counts();
    return snapshot;
  }
  void reset_stats() noexcept {
    engine_.reset_stats();
    loading_.reset_stats();
    context_.errors().reset();
  }

  /// The failures absorbed so far, by cause; cheaper than all of `stats()`.
  error_counts errors() const noexcept { return context_.errors().counts(); }
  /// The key's 64 bits by the cache's hasher.
  std::uint64_t hash_of(key_view key) const { return context_.hash(key); }

  /// From now on what becomes of the key is remembered; false when 256 others are followed already. Needs the policy `key_history`.
  bool follow(key_view key) {
    static_assert(context_type::remembers, "larder: follow(key) needs the policy larder::key_history");
    return engine_.follow(engine_.locate(key));
  }
  /// What became of a key that is followed, the newest last, as far as it is still known (`key_event`). Needs the policy `key_history`.
  auto history(key_view key) const {
    static_assert(context_type::remembers, "larder: history(key) needs the policy larder::key_history");
    return engine_.history(engine_.locate(key));
  }

  /// Makes what is stored survive a power cut, where the storage can; nothing in memory. Throws `larder::error` when it cannot.
  void flush() { engine_.flush(); }

 private:
  friend loading_type;
  friend reservation;
  template <class>
  friend class tier_access;

  static constexpr bool is_remote = core::is_remote_storage<where>;
  static constexpr bool lands_values = requires { typename engine_type::landing; };
  using landing = typename parts::landing;
  using room_type = typename parts::room;

  template <class Limit>
  using limit_meant = storage::limit_meant<set, Limit>;

  /// A look-up. In a remote storage `far` may follow: a `transfer_control`, and where the value lands (see the engine's `read`).
  template <class... Far>
  std::optional<Value> find(key_view key, look how, const Far&... far) {
    std::optional<Value> found;
    const auto take = [&](auto&& value, instant) { found.emplace(std::forward<decltype(value)>(value)); };
    engine_.read(engine_.locate(key), how, take, far...);
    return found;
  }
  /// Does a write: loads of the key that are on their way are not stored, nor those that begin meanwhile and may have found the older value.
  template <class Write>
  bool superseding(key_view key, Write&& write) {
    return sync::before_and_after([&] { loading_.supersede(key); }, write);
  }
  bool store(key_view key, Value&& value, const storage::write_mode& mode) {
    departures gone;
    const bool stored = store_untold(key, std::move(value), mode, gone);
    engine_.tell(gone);
    return stored;
  }
  /// The same without telling the listener yet, for callers that hold a lock.
  bool store_untold(key_view key, Value&& value, const storage::write_mode& mode, departures& gone) {
    return superseding(key, [&] { return engine_.write(engine_.locate(key), std::move(value), mode, gone); });
  }

  template <class Entries>
  std::size_t store_many(const Entries& entries, const storage::write_mode& mode) {
    using given = decltype(std::get<1>(std::declval<core::iterated<Entries>>()));
    static_assert(std::is_constructible_v<Value, given>,
                  "larder: put_many copies the values of its range; put move-only values one by one, or through std::move_iterator");
    if constexpr (requires { typename engine_type::pending_write; }) {
      return storage::write_in_batches<Key, Value>(engine_, loading_, entries, mode);
    } else {
      std::size_t stored = 0;
      for (auto&& entry : entries)
        stored += store(std::get<0>(entry), Value(std::get<1>(std::forward<decltype(entry)>(entry))), mode) ? 1 : 0;
      return stored;
    }
  }

  bool erase_untold(key_view key, departures& gone) {
    return superseding(key, [&] { return engine_.erase(engine_.locate(key), gone); });
  }

  /// Work that meets every entry and drops what `which(key)` may name; no load of those keys that began before the end stores, nor is joined afterwards.
  template <class Which, class Drop, class... F>
  std::size_t drop_all(Which&& which, Drop&& drop, const sweep_control& control, F&... f) {
    return sync::before_and_after([&] { loading_.supersede_if(which); },
                                  [&] { return storage::sweep_engine<is_remote>(engine_, control, drop, f...); });
  }

  context_type context_;
  engine_type engine_;
  loading_type loading_{context_};  // last, so that its threads end first
};

/// A cache from Key to Value of the given policies, in any order: `make_cache<std::string, int>(lru{}, max_entries{1000})`.
template <class Key, class Value, class... Policies>
cache<Key, Value, Policies...> make_cache(Policies... policies) {
  return cache<Key, Value, Policies...>(std::move(policies)...);
}

}  // namespace larder
