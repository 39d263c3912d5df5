// A cache says how much it may hold, and each limit has its number.
#include <larder/larder.hpp>

#include <string>

namespace {

const auto weigh = [](int, int) { return 1; };

[[maybe_unused]] void limits_combine() {
  auto a = larder::make_cache<int, int>(larder::max_entries{1}, larder::max_bytes{1}, larder::max_weight{1}, larder::weigher{weigh});
  a.set_capacity(larder::max_bytes{2});
  auto b = larder::make_cache<int, int>(larder::unbounded{});
  b.put(1, 1);
  larder::cache<int, int, larder::lru, larder::max_entries> c{larder::max_entries{1}};
  c.set_capacity(2);
}

// expect 1: larder: a cache needs a limit; name max_entries, max_bytes or max_weight, or say unbounded
#if LARDER_COMPILE_FAIL == 1
auto no_limit = larder::make_cache<int, int>(larder::lru{});
#endif

// expect 2: larder: a cache needs a limit; name max_entries, max_bytes or max_weight, or say unbounded
#if LARDER_COMPILE_FAIL == 2
larder::cache<int, int> no_policy_at_all;
#endif

// expect 3: larder: unbounded cannot be combined with a limit
#if LARDER_COMPILE_FAIL == 3
auto both = larder::make_cache<int, int>(larder::unbounded{}, larder::max_entries{1});
#endif

// expect 4: larder: a policy has no default, such as a limit without its number; pass it to the constructor
#if LARDER_COMPILE_FAIL == 4
larder::cache<int, int, larder::lru, larder::max_entries> no_number;
#endif

// expect 5: larder: a policy has no default, such as a limit without its number; pass it to the constructor
#if LARDER_COMPILE_FAIL == 5
larder::cache<int, int, larder::lru, larder::max_entries, larder::max_bytes> one_number_of_two{larder::max_entries{1}, larder::lru{}};
#endif

// expect 6: larder: max_weight needs a weigher{f} that says what an entry weighs
#if LARDER_COMPILE_FAIL == 6
auto no_weigher = larder::make_cache<int, int>(larder::max_weight{1});
#endif

// expect 7: larder: weigher needs max_weight, the limit that it counts for
#if LARDER_COMPILE_FAIL == 7
auto no_max_weight = larder::make_cache<int, int>(larder::max_entries{1}, larder::weigher{weigh});
#endif

// expect 8: larder: watermark needs a limit to be a share of
#if LARDER_COMPILE_FAIL == 8
auto a_share_of_nothing = larder::make_cache<int, int>(larder::unbounded{}, larder::watermark{0.9});
#endif

// expect 9: larder: the cache has several limits; say which, as in set_capacity(max_bytes{n}) or capacity<max_bytes>()
#if LARDER_COMPILE_FAIL == 9
void which_of_two(larder::cache<int, int, larder::max_entries, larder::max_bytes>& c) { c.set_capacity(5); }
#endif

// expect 10: larder: the cache has several limits; say which, as in set_capacity(max_bytes{n}) or capacity<max_bytes>()
#if LARDER_COMPILE_FAIL == 10
auto which_of_two(const larder::cache<int, int, larder::max_entries, larder::max_bytes>& c) { return c.capacity(); }
#endif

// expect 11: larder: the cache has no such limit
#if LARDER_COMPILE_FAIL == 11
void not_its_limit(larder::cache<int, int, larder::max_entries>& c) { c.set_capacity(larder::max_bytes{5}); }
#endif

// expect 12: larder: an unbounded cache has no capacity to set
#if LARDER_COMPILE_FAIL == 12
void not_limited(larder::cache<int, int, larder::unbounded>& c) { c.set_capacity(5); }
#endif

// expect 13: larder: the cache has no such limit
#if LARDER_COMPILE_FAIL == 13
auto not_its_capacity(const larder::cache<int, int, larder::max_entries>& c) { return c.capacity<larder::max_bytes>(); }
#endif

// expect 14: larder: unbounded has no number; set a limit that the cache's type names
#if LARDER_COMPILE_FAIL == 14
void unbounded_by_name(larder::cache<int, int, larder::unbounded>& c) { c.set_capacity(larder::unbounded{}); }
#endif

}  // namespace
