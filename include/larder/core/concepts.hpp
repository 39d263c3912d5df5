#pragma once

// The contracts between the cache (the host) and its policies, one concept per axis. The host checks each with a
// static_assert whose sentence says what is missing; users' own policies meet the same concepts.

#include <larder/core/axis.hpp>
#include <larder/core/bytes.hpp>
#include <larder/core/digest.hpp>
#include <larder/core/error.hpp>
#include <larder/core/slot.hpp>
#include <larder/core/time.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

namespace larder {

// ---------------------------------------------------------------------------------------------------- eviction

/// The algorithm of an eviction policy over slot numbers. The host calls, never twice at once except `on_hit`:
/// `on_insert` when an entry comes (one that is replaced goes with `on_erase` and comes again, unless the policy declares
/// `static constexpr bool replacement_is_use = true`: then it is a use, if it takes no more room), `on_hit` when a look-up counts as a use,
/// `on_erase` when an entry leaves for any reason but eviction, `on_evict` when the host drops the victim, and `victim()` for the slot that should leave (`no_slot` when it holds none). A pinned
/// entry is taken out with `on_erase` and comes back with `on_insert`, so `victim()` never meets one.
/// An order whose puts wait for memory of its own may add `void expect(std::uint64_t hash) noexcept`, called when a put begins, to ask for it ahead.
/// An order that must know for whom the room is, such as ARC, adds the overload `slot victim(entry_info incoming) noexcept`: a
/// put asks it, perhaps several times for one entry, and `victim()` is left for evictions that no put of this shard asks for.
/// `on_hit` runs under a shared lock, at once in several threads, only where the policy declares
/// `static constexpr bool concurrent_hits = true`; then it must be atomic by itself.
/// A policy with `static constexpr bool evicts_for_puts = false` refuses what does not fit; `victim()` is asked only when a limit is lowered.
/// An order whose hits do nothing but count says so with `static constexpr std::uint8_t counted_uses`: 1 or 3, up to which uses
/// are counted, or 0 when hits mean nothing. A host may then count by itself, in the line that the look-up has loaded anyway
/// and without a lock, and does not call `on_hit`: see `eviction/use_count.hpp`; with `hears_of_flagged = true`, it does for
/// entries that the order has flagged. The policy's `counted_state`, if it has one, is
/// what it keeps per slot at such a host.
/// An order whose hits are dear may declare `static constexpr std::uint8_t rationed_uses`. A host that can count then tells it of an
/// entry's first use at once and of more only when it has gone round, after a fifth of the entries' number of insertions, or when the
/// entry is to leave: of none with 1, of up to six with 7, by `on_hits(slot, std::uint32_t n)` where the order has that. Below 4096
/// entries it is told of every use at once.
/// An order with `eviction_report describe() const` is asked for `stats()`, and one with `std::size_t memory() const noexcept` for the
/// bytes that it keeps besides the states.
/// An order with `void prepare_hit(slot) const noexcept` is told of several hits together, each prepared (fetched) before.
template <class Order>
concept eviction_order = requires(Order order, const slot s, const entry_info info) {
  { order.on_insert(s, info) } noexcept;
  { order.on_hit(s) } noexcept;
  { order.on_erase(s) } noexcept;
  { order.on_evict(s, info) } noexcept;
  { order.victim() } noexcept -> std::same_as<slot>;
};

namespace core {

/// Stands in for the host's states where only the shape of an order is checked.
template <class State>
struct states_archetype {
  State& operator[](slot) const noexcept;
};

}  // namespace core

/// A policy of the eviction axis: `state` is what it keeps per slot (value-initialised before `on_insert`, stored in the
/// cache's own slot); `order<States>` is the algorithm, made from `(policy, States)`, `(States)` or nothing, where
/// `States` is a cheap handle with `state& operator[](slot)`.
template <class P>
concept eviction_policy = core::on_axis<P, axis::eviction> && std::is_default_constructible_v<typename P::state> &&
                          eviction_order<typename P::template order<core::states_archetype<typename P::state>>>;

namespace core {

template <class P>
inline constexpr bool has_concurrent_hits = [] {
  if constexpr (requires { P::concurrent_hits; })
    return static_cast<bool>(P::concurrent_hits);
  else
    return false;
}();

/// Whether a put that finds no room may make others leave.
template <class P>
inline constexpr bool evicts_for_puts = [] {
  if constexpr (requires { P::evicts_for_puts; })
    return static_cast<bool>(P::evicts_for_puts);
  else
    return true;
}();

/// Whether a replaced value that takes no more room than the old one counts as a use of its entry, which keeps its place; else the
/// entry goes with `on_erase` and comes again.
template <class P>
inline constexpr bool replacement_is_use = [] {
  if constexpr (requires { P::replacement_is_use; })
    return static_cast<bool>(P::replacement_is_use);
  else
    return false;
}();

/// Whether all that a hit does is counting up to `P::counted_uses`.
template <class P>
inline constexpr bool has_counted_uses = requires { P::counted_uses; };

/// Up to how many uses of an entry the host may save up before it tells the order; 0 where it must not.
template <class P>
inline constexpr std::uint8_t rationed_uses = [] {
  if constexpr (requires { P::rationed_uses; })
    return static_cast<std::uint8_t>(P::rationed_uses);
  else
    return std::uint8_t{0};
}();

/// What such a policy keeps per slot at a host that counts.
template <class P>
struct counted_state_of {
  using type = typename P::state;
};
template <class P>
  requires requires { typename P::counted_state; }
struct counted_state_of<P> {
  using type = typename P::counted_state;
};

}  // namespace core

// ------------------------------------------------------------------------------------------------------ hashing

/// A policy of the hasher axis: `operator()(key)` gives 64 bits, `noexcept` unless the user's function throws. Declare
/// `static constexpr bool is_avalanching = true` when every bit of the result depends on every bit of the key; the
/// host mixes the result otherwise.
template <class P, class KeyView>
concept hasher_for = core::on_axis<P, axis::hasher> && requires(const P& hasher, const KeyView& key) {
  { hasher(key) } -> std::convertible_to<std::uint64_t>;
};

// --------------------------------------------------------------------------------------------------------- time

/// What tells the time: `now()` gives a duration or a time point. Callable from any thread.
template <class C>
concept clock_like = requires(const C& clock) {
  { core::to_instant(clock.now()) } -> std::same_as<instant>;
};

// ------------------------------------------------------------------------------------------------------ storage

/// Where a storage says what went wrong without throwing; the cache counts it and tells the `error_listener`.
class error_sink {
 public:
  virtual void report(error_cause cause, const std::string& message) noexcept = 0;

 protected:
  ~error_sink() = default;
};

// ------------------------------------------------------------------------------------------------- compression

/// The live part of a compression policy. Made from the policy, once per cache; the constructor throws `larder::error` for numbers that
/// make no sense. The rest is called from many threads at once, outside the cache's locks, with values of 1 byte to 4 GiB.
///
/// * `compress(from, to) -> std::size_t`: fills the front of `to` and says how much of it; `to` is larger than `from` by 64 bytes and a 128th.
///   0 when that is not enough; the host looks itself whether the result saves enough.
/// * `may_become(from, size) -> bool`: whether `from` looks like `size` bytes compressed; asked before memory is taken for them.
/// * `decompress(from, to) -> bool`: fills all of `to`; false when `from` is not what `compress` makes of so many bytes.
///   `from` may be anybody's here, and in `may_become`: files can be damaged or forged.
/// * optional: `std::size_t memory() const noexcept`, the bytes that it keeps for its work.
///
/// What they throw is counted: the value is stored as it is, or missed.
template <class C>
concept compressor = requires(const C c, std::span<const std::byte> from, std::span<std::byte> to, std::uint64_t size) {
  { c.compress(from, to) } -> std::same_as<std::size_t>;
  { c.may_become(from, size) } -> std::same_as<bool>;
  { c.decompress(from, to) } -> std::same_as<bool>;
};

/// A policy of the compression axis: `name`, of 1 to 8 characters, stands with what is stored, so that nobody takes it for another's; `from`
/// is the smallest size that is tried, `saving` the share of a value's bytes, in [0, 1), without which it is kept as it is.
template <class P>
concept compression_policy = core::on_axis<P, axis::compression> && compressor<typename P::compressor> &&
                             std::constructible_from<typename P::compressor, const P&> && (std::string_view(P::name).size() - 1 < 8) &&
                             requires(const P policy) {
                               { policy.from } -> std::convertible_to<std::uint64_t>;
                               { policy.saving } -> std::convertible_to<double>;
                             };

/// How a value lies on a storage that is not there as it is.
struct compressed_form {
  std::array<char, 8> name{};  ///< of the policy, zeros behind it
  std::uint64_t size = 0;      ///< of the value
};

/// What an indexed storage keeps about an entry besides its bytes.
struct stored_info {
  std::uint64_t weight = 0;        ///< size of the payload
  instant written{0};              ///< by the cache's time source
  instant accessed{0};             ///< last known use; `written` where the storage keeps none
  instant expires = no_deadline;   ///< of its own, from `put(key, value, ttl)`
  std::uint64_t uncompressed = 0;  ///< size of the value when it is stored compressed, else 0
};

/// An entry on its way to a storage. The key is the encoded key, kept in full and compared on every hit.
struct stored_entry {
  digest id;  ///< XXH3-128 of the encoded key: the address
  bytes key;
  bytes payload;  ///< of a compressed value (`info.uncompressed`), with its `format::compressed_head`
  stored_info info;
};

enum class fetch_status : std::uint8_t {
  hit,      ///< `payload` is the entry's, verified as the storage's settings ask
  absent,   ///< somebody else removed it
  damaged,  ///< it does not match its checksum, key or length; the storage has put it aside
};

/// What an indexed storage answers to `fetch`.
struct fetched {
  fetch_status status = fetch_status::absent;
  bytes payload;
  std::optional<stored_info> changed;  ///< set when somebody else had replaced the entry since the index last saw it
  std::optional<compressed_form> form{};  ///< of a payload that is compressed
};

/// The live part of an indexed storage: the cache keeps an index (digest -> handle) and decides who leaves; the store
/// keeps the bytes. Made from `(policy, error_sink&)`; the constructor throws `larder::error` for what cannot work.
/// Any other member may throw `larder::error`: the cache turns it into a miss or a refused put. `fetch` and `stage` are
/// called from many threads at once, as are `find`, `key_of` and `touch`; `publish`, `erase`, `clear`, `recover` only under `lock()`.
///
/// * `handle`: per entry, small, default-constructible, copyable; copied under the index's lock. With `==`, hits that do
///   not change it take no exclusive lock.
/// * `recover(f)`: f(id, handle, info) for each entry that is there, least recently used first.
/// * `stage(entry) -> staged`: everything is written, nothing is visible; dropping it leaves nothing behind.
/// * `publish(staged&&) -> handle`: visible at once and whole, in place of an older entry of that id.
/// * `fetch(id, key, handle&) -> fetched`: may improve the handle (keep a mapping open); the cache stores it back.
/// * `find(id, key) -> optional<stored_info>`: an entry that the index does not know because somebody else put it.
/// * `key_of(id, handle&) -> optional<bytes>`: the encoded key, for listing.
/// * `erase(id, handle)`, `clear()`: gone from the storage; `bytes` handed out stay valid.
/// * optional: `touch(id, handle&, instant)` remembers a use; `sync(on_change, on_clear)` under `lock()` reports others'
///   changes since the last time, on_change(id, optional<stored_info>) (nothing: erased) and on_clear();
///   `pinned_bytes()`, `overhead_bytes()`; `flush()`.
template <class S>
concept indexed_store =
    std::default_initializable<typename S::handle> && std::copyable<typename S::handle> && std::movable<typename S::staged> &&
    requires(S store, const digest id, const bytes key, const stored_entry entry, typename S::handle handle,
             typename S::staged staged, void (*each)(const digest&, typename S::handle, const stored_info&)) {
      store.lock();
      store.recover(each);
      { store.stage(entry) } -> std::same_as<typename S::staged>;
      { store.publish(std::move(staged)) } -> std::same_as<typename S::handle>;
      { store.fetch(id, key, handle) } -> std::same_as<fetched>;
      { store.find(id, key) } -> std::same_as<std::optional<stored_info>>;
      { store.key_of(id, handle) } -> std::same_as<std::optional<bytes>>;
      store.erase(id, handle);
      store.clear();
    };

/// The live part of a logged storage: a byte storage whose processes agree on one order of all changes, so that each of them has a whole
/// index. Made from `(policy, error_sink&, optional<capacity in bytes>)`; see `storage::segment_store`, which it was made for, for what each
/// member promises. What changes the log is called under `lock()` by a caller who has followed it to its end.
template <class S>
concept logged_store =
    std::default_initializable<typename S::handle> && std::copyable<typename S::handle> && std::movable<typename S::staged> &&
    requires(S store, const digest id, const bytes key, const stored_entry entry, typename S::handle handle, typename S::staged staged) {
      store.lock();
      { store.behind() } -> std::same_as<bool>;
      { store.stage(entry) } -> std::same_as<typename S::staged>;
      { store.stage_erasure(id) } -> std::same_as<typename S::staged>;
      { store.publish(staged) } -> std::same_as<std::optional<typename S::handle>>;
      { store.fetch(id, key, handle) } -> std::same_as<fetched>;
      { store.key_of(handle) } -> std::same_as<std::optional<bytes>>;
      { store.written_of(handle) } -> std::same_as<std::optional<instant>>;
      { store.deadline_of(handle) } -> std::same_as<instant>;
      store.evict(id.low, handle);
      store.release(handle);
      store.clear();
    };

/// Part of an object: `size` bytes from `offset`, to the end by default.
struct byte_range {
  std::uint64_t offset = 0;
  std::uint64_t size = std::numeric_limits<std::uint64_t>::max();
  bool whole() const noexcept { return offset == 0 && size == std::numeric_limits<std::uint64_t>::max(); }
};

/// What a blob store knows of an object without its bytes.
struct blob_info {
  std::uint64_t size = 0;
  std::string etag{};
};

enum class put_mode : std::uint8_t { replace, create_only };

/// The live part of a remote storage: whole objects by name, no index kept here. Names are `[a-z0-9/._-]+`, made by the
/// cache, never from user text. What makes a cache of it comes with `larder/storage/remote_engine.hpp`. Made from `(policy, error_sink&)`. Every member may be called from many threads at once
/// and throws `larder::error` with the right cause for anything but success and plain absence (404).
///
/// * `get(name, range) -> optional<bytes>`: nothing when there is no such object; a range beyond the end is cut to it.
/// * `head(name) -> optional<blob_info>`.
/// * `put(name, parts, mode) -> bool`: the parts one after the other become the object, visible only when whole; false
///   when `create_only` found one there.
/// * `erase(name) -> bool`: whether there was one.
/// * `list(prefix, f)`: f(name, blob_info) for each object whose name starts so.
/// * optional: `leases()`, by which `get_or_load` agrees on loads with others: `take(digest)`, `revoke(digest)` and `haste`, as `storage::redis_leases` has them.
template <class S>
concept blob_store = requires(S store, const std::string_view name, const byte_range range, const std::span<const bytes> parts,
                              const put_mode mode, void (*each)(std::string_view, const blob_info&)) {
  { store.get(name, range) } -> std::same_as<std::optional<bytes>>;
  { store.head(name) } -> std::same_as<std::optional<blob_info>>;
  { store.put(name, parts, mode) } -> std::same_as<bool>;
  { store.erase(name) } -> std::same_as<bool>;
  store.list(name, each);
};

/// A `blob_store` that drops objects by itself: `put(name, parts, mode, useful) -> bool` is told a `duration` from now after which nobody
/// will want the object. It may stay longer.
template <class S>
concept expiring_blob_store =
    blob_store<S> && requires(S store, const std::string_view name, const std::span<const bytes> parts, const put_mode mode, const duration useful) {
      { store.put(name, parts, mode, useful) } -> std::same_as<bool>;
    };

class download_target;    // core/transfer.hpp
struct transfer_control;

/// A blob store whose puts can be followed and given up: `put(name, parts, mode, control) -> bool`.
template <class S>
concept followed_store = blob_store<S> && requires(S store, const std::string_view name, const std::span<const bytes> parts, const put_mode mode,
                                                   const transfer_control& control) {
  { store.put(name, parts, mode, control) } -> std::same_as<bool>;
};

/// A blob store that brings large objects in pieces: `fetch(name, target, control) -> bool` lets the object land in the target, or says
/// that there is none. The engine over it then has the whole of an entry in one allocation, or on a disk, each chunk checked as it comes;
/// over other stores a value is one answer of `get`.
template <class S>
concept fetching_store = blob_store<S> && requires(S store, const std::string_view name, download_target& target, const transfer_control& control) {
  { store.fetch(name, target, control) } -> std::same_as<bool>;
};

namespace core {

template <class P>
inline constexpr bool is_memory_storage = requires { requires P::in_memory; };

template <class P>
inline constexpr bool is_indexed_storage = [] {
  if constexpr (requires { typename P::store; })
    return indexed_store<typename P::store>;
  else
    return false;
}();

template <class P>
inline constexpr bool is_logged_storage = [] {
  if constexpr (requires { typename P::store; })
    return logged_store<typename P::store>;
  else
    return false;
}();

template <class P>
inline constexpr bool is_remote_storage = [] {
  if constexpr (requires { typename P::store; })
    return blob_store<typename P::store>;
  else
    return false;
}();

}  // namespace core

/// A policy of the storage axis: `in_memory`, or with a nested `store` that is an `indexed_store`, a `logged_store` or a `blob_store`.
template <class P>
concept storage_policy = core::on_axis<P, axis::storage> &&
                         (core::is_memory_storage<P> || core::is_indexed_storage<P> || core::is_logged_storage<P> || core::is_remote_storage<P>);

}  // namespace larder
