// Policies say their axis, users' own are checked hook by hook, and a cache takes the objects of its own policies only.
#include <larder/larder.hpp>

#include <memory>
#include <string>

namespace {

template <bool InsertThrows, bool HasVictim>
struct newest_first {
  using policy_axis = larder::axis::eviction;
  struct state {};
  template <class States>
  struct order {
    void on_insert(larder::slot s, larder::entry_info) noexcept(!InsertThrows) { newest = s; }
    void on_hit(larder::slot) noexcept {}
    void on_erase(larder::slot) noexcept {}
    void on_evict(larder::slot, larder::entry_info) noexcept {}
    larder::slot victim() noexcept
      requires HasVictim
    {
      return newest;
    }
    larder::slot newest = larder::no_slot;
  };
};
struct no_axis {};
struct opaque {
  std::unique_ptr<int> inside;
};
struct opaque_copyable {
  std::string inside;
  bool operator==(const opaque_copyable&) const = default;
};
struct a_storage {
  using policy_axis = larder::axis::storage;
  struct store {  // neither an indexed_store nor a blob_store: its members are missing
    using handle = int;
    using staged = int;
    void clear();
  };
};
struct no_state {
  using policy_axis = larder::axis::eviction;
};

[[maybe_unused]] void well_formed() {
  auto own_order = larder::make_cache<int, int>(newest_first<false, true>{}, larder::max_entries{1});
  auto own_hasher = larder::make_cache<opaque_copyable, int>(larder::hash_with{[](const opaque_copyable& key) { return key.inside.size(); }}, larder::unbounded{});
  own_order.put(1, 1);
}

// expect 1: larder: every argument after the value type must be a policy, which says its axis with policy_axis
#if LARDER_COMPILE_FAIL == 1
auto without_axis = larder::make_cache<int, int>(larder::max_entries{1}, no_axis{});
#endif

// expect 2: larder: every argument after the value type must be a policy, which says its axis with policy_axis
#if LARDER_COMPILE_FAIL == 2
larder::cache<int, int, larder::max_entries, no_axis> without_axis{larder::max_entries{1}};
#endif

// expect 3: larder: the eviction policy must model larder::eviction_policy: a default-constructible state and an order<States> whose on_insert, on_hit, on_erase, on_evict and victim are noexcept
#if LARDER_COMPILE_FAIL == 3
auto throwing_hook = larder::make_cache<int, int>(newest_first<true, true>{}, larder::max_entries{1});
#endif

// expect 4: larder: the eviction policy must model larder::eviction_policy
#if LARDER_COMPILE_FAIL == 4
auto no_victim = larder::make_cache<int, int>(newest_first<false, false>{}, larder::max_entries{1});
#endif

// expect 5: larder: the eviction policy must model larder::eviction_policy
#if LARDER_COMPILE_FAIL == 5
auto neither_state_nor_order = larder::make_cache<int, int>(no_state{}, larder::max_entries{1});
#endif

// expect 6: larder: the storage policy must have a nested store that models larder::indexed_store or larder::blob_store
#if LARDER_COMPILE_FAIL == 6
auto broken_storage = larder::make_cache<int, int>(a_storage{}, larder::max_entries{1});
#endif

// expect 7: larder: the hasher cannot hash this key type; name std_hash or hash_with{f}, or give the key a form that it takes
#if LARDER_COMPILE_FAIL == 7
auto not_hashable = larder::make_cache<opaque_copyable, int>(larder::max_entries{1});
#endif

// expect 8: larder: keys must be copyable and comparable with ==
#if LARDER_COMPILE_FAIL == 8
auto not_copyable = larder::make_cache<opaque, int>(larder::hash_with{[](const opaque&) { return 1; }}, larder::max_entries{1});
#endif

// expect 9: larder: values must be movable objects, not references or const
#if LARDER_COMPILE_FAIL == 9
auto const_value = larder::make_cache<int, const int>(larder::max_entries{1});
#endif

// expect 10: larder: the constructor takes the policies that the cache's type names, such as max_entries{1000}, and nothing else
#if LARDER_COMPILE_FAIL == 10
larder::cache<int, int, larder::lru, larder::max_entries> not_named{larder::max_entries{1}, larder::max_bytes{1}};
#endif

// expect 11: larder: the constructor takes the policies that the cache's type names, such as max_entries{1000}, and nothing else
#if LARDER_COMPILE_FAIL == 11
larder::cache<int, int, larder::lru, larder::max_entries> a_bare_number{1000};
#endif

// expect 12: larder: values must be movable objects, not references or const
#if LARDER_COMPILE_FAIL == 12
larder::cache<int, int&, larder::max_entries> reference_value{larder::max_entries{1}};
#endif

}  // namespace

// expect 90: larder: char pointers compare by address, not by text; use std::string keys, which are looked up by string_view
#if LARDER_COMPILE_FAIL == 90
larder::cache<const char*, int, larder::max_entries> by_address{larder::max_entries{1}};
#endif
