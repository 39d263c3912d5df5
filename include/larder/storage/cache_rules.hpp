#pragma once

#include <larder/codec/byte_run.hpp>
#include <larder/codec/codec.hpp>
#include <larder/core/concepts.hpp>
#include <larder/core/key_view.hpp>
#include <larder/core/policy_set.hpp>
#include <larder/expiry/expire_after_access.hpp>
#include <larder/hash/xxh3.hpp>
#include <larder/limit/max_weight.hpp>
#include <larder/limit/unbounded.hpp>
#include <larder/observe/miss_ratio_curve.hpp>
#include <larder/storage/default_order.hpp>
#include <larder/storage/memory.hpp>
#include <larder/sync/sharded.hpp>

#include <concepts>
#include <cstddef>
#include <type_traits>

namespace larder::storage {

/// The composition rules of a cache, each a sentence when it is broken. Instantiating this checks them.
template <class Key, class Value, class... Policies>
struct cache_rules {
  using set = core::policy_set<Policies...>;
  using where = typename set::template on<axis::storage, memory>;
  using order = typename set::template on<axis::eviction, default_order<set>>;
  using hasher = typename set::template on<axis::hasher, xxh3>;
  using locking = typename set::template on<axis::locking, sharded<>>;

  template <class Axis>
  static constexpr std::size_t count = core::axis_count<Axis, Policies...>;

  static_assert((policy<Policies> && ...),
                "larder: every argument after the value type must be a policy, which says its axis with policy_axis");
  static_assert(((core::type_count<Policies, Policies...> == 1) && ...), "larder: the same policy is named twice; name each once");
  static_assert(count<axis::eviction> <= 1, "larder: a cache has one eviction order; name one of lru, fifo, clock, ...");
  static_assert(count<axis::storage> <= 1, "larder: a cache has one storage; combine storages with tiered{...}");
  static_assert(count<axis::hasher> <= 1, "larder: a cache has one key hasher");
  static_assert(count<axis::locking> <= 1, "larder: a cache has one locking policy; name sharded<> or unsynchronized");
  static_assert(count<axis::time> <= 1, "larder: a cache has one time_source");
  static_assert(count<axis::weigher> <= 1, "larder: a cache has one weigher");
  static_assert(count<axis::watermark> <= 1, "larder: a cache has one watermark");
  static_assert(count<axis::refresh> <= 1, "larder: a cache has one refresh policy");
  static_assert(count<axis::removal_listener> <= 1, "larder: a cache has one removal_listener");
  static_assert(count<axis::error_listener> <= 1, "larder: a cache has one error_listener");

  static_assert(count<axis::compression> <= 1, "larder: a cache has one compression policy");
  static_assert(count<axis::observer> <= 1, "larder: a cache has one observer");
  static_assert(count<axis::latency> <= 1, "larder: a cache has one latency_histogram");
  static_assert(count<axis::history> <= 1, "larder: a cache has one key_history");
  static_assert(count<axis::observer> == 0 || set::template has<miss_ratio_curve>, "larder: the observer of a cache is miss_ratio_curve");

  static_assert(count<axis::limit> != 0,
                "larder: a cache needs a limit; name max_entries, max_bytes or max_weight, or say unbounded");
  static_assert(!set::template has<unbounded> || count<axis::limit> == 1, "larder: unbounded cannot be combined with a limit");
  static_assert(count<axis::watermark> == 0 || !set::template has<unbounded>, "larder: watermark needs a limit to be a share of");
  static_assert(!set::template has<max_weight> || count<axis::weigher> == 1,
                "larder: max_weight needs a weigher{f} that says what an entry weighs");
  static_assert(count<axis::weigher> == 0 || set::template has<max_weight>, "larder: weigher needs max_weight, the limit that it counts for");

  static_assert(eviction_policy<order>,
                "larder: the eviction policy must model larder::eviction_policy: a default-constructible state and an "
                "order<States> whose on_insert, on_hit, on_erase, on_evict and victim are noexcept");
  static_assert(hasher_for<hasher, core::key_view<Key>>,
                "larder: the hasher cannot hash this key type; name std_hash or hash_with{f}, or give the key a form that it takes");
  static_assert(storage_policy<where>,
                "larder: the storage policy must have a nested store that models larder::indexed_store or larder::blob_store");
  static_assert(std::equality_comparable<Key> && std::copy_constructible<Key>, "larder: keys must be copyable and comparable with ==");
  static_assert(!std::is_same_v<std::remove_cv_t<std::remove_pointer_t<Key>>, char> || !std::is_pointer_v<Key>,
                "larder: char pointers compare by address, not by text; use std::string keys, which are looked up by string_view");
  static_assert(std::is_object_v<Value> && !std::is_const_v<Value> && std::move_constructible<Value>,
                "larder: values must be movable objects, not references or const");

  static constexpr bool on_bytes = !core::is_memory_storage<where>;
  static_assert(!on_bytes || encodable<Key>, "larder: a byte storage needs codec<Key>: specialise larder::codec for the key type");
  static_assert(!on_bytes || encodable<Value>, "larder: a byte storage needs codec<Value>: specialise larder::codec for the value type");
  static_assert(!(core::is_indexed_storage<where> || core::is_logged_storage<where>) || !set::template has<max_weight>,
                "larder: max_weight is for caches in memory; limit a byte storage with max_bytes or max_entries");

  using compressing = typename set::template on<axis::compression>;
  static constexpr bool compresses = count<axis::compression> != 0;
  static_assert(!compresses || compression_policy<compressing>,
                "larder: the compression policy must model larder::compression_policy: a name of 1 to 8 characters, from, saving, and a "
                "compressor made from it");
  static_assert(!compresses || on_bytes || core::byte_run<Value>,
                "larder: in memory only bytes, std::string and vectors of trivially copyable elements are compressed; keep the value as one of them");
  static_assert(!compresses || !on_bytes || core::is_logged_storage<where>,
                "larder: compression is for caches in memory and on mmap_disk; other storages keep values as they are");

  static constexpr bool remote = core::is_remote_storage<where>;
  static_assert(!remote || count<axis::eviction> == 0, "larder: a remote storage keeps no index, so it takes no eviction order");
  static_assert(!remote || set::template has<unbounded>, "larder: a remote storage keeps no index, so its only limit is unbounded");
  static_assert(!remote || !set::template has<expire_after_access>,
                "larder: a remote storage keeps the time of writing only; use expire_after_write or ttl");
  static_assert(!remote || count<axis::removal_listener> == 0,
                "larder: a remote storage is not told who leaves, so it takes no removal_listener");

  static_assert(!remote || count<axis::observer> == 0,
                "larder: a remote storage has no capacity, so it takes no miss_ratio_curve; name it for the cache in front of it");
  static_assert(!remote || count<axis::history> == 0,
                "larder: a remote storage is not told who leaves, so it takes no key_history; name it for the cache in front of it");
  static_assert(remote || count<axis::observer> == 0 || !set::template has<unbounded>,
                "larder: miss_ratio_curve tells of multiples of the capacity, and an unbounded cache has none; name a limit");

  static_assert(count<axis::refresh> == 0 || locking::synchronized,
                "larder: refresh_after_write loads in the background, which an unsynchronized cache does not allow");

  static constexpr bool hold = true;

  /// Those of the constructor, whose arguments are `Given`.
  template <class... Given>
  static constexpr void check_constructor() {
    static_assert(((core::type_count<Given, Policies...> != 0) && ...),
                  "larder: the constructor takes the policies that the cache's type names, such as max_entries{1000}, and nothing else");
    static_assert((set::template supplied<Policies, Given...> && ...),
                  "larder: a policy has no default, such as a limit without its number; pass it to the constructor");
  }
};

}  // namespace larder::storage
