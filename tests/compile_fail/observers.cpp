// An observer needs a capacity to tell multiples of.
#include <larder/larder.hpp>

#include <string>

#include "empty_bucket.hpp"

namespace {

struct an_observer {
  using policy_axis = larder::axis::observer;
};

[[maybe_unused]] void well_formed() {
  auto by_entries = larder::make_cache<int, int>(larder::miss_ratio_curve{}, larder::max_entries{1});
  auto by_bytes = larder::make_cache<int, std::string>(larder::miss_ratio_curve{}, larder::max_bytes{1}, larder::unsynchronized{});
  larder::cache<int, int, larder::max_entries, larder::miss_ratio_curve> as_a_type{larder::max_entries{1}};
  auto remote = larder::make_cache<std::string, larder::bytes>(larder::unbounded{}, empty_bucket{});
  auto endless = larder::make_cache<int, int>(larder::unbounded{});
  remote.put("a", {});
}

// expect 1: larder: a remote storage has no capacity, so it takes no miss_ratio_curve; name it for the cache in front of it
#if LARDER_COMPILE_FAIL == 1
auto of_a_remote = larder::make_cache<std::string, larder::bytes>(larder::unbounded{}, empty_bucket{}, larder::miss_ratio_curve{});
#endif

// expect 2: larder: miss_ratio_curve tells of multiples of the capacity, and an unbounded cache has none; name a limit
#if LARDER_COMPILE_FAIL == 2
auto of_the_endless = larder::make_cache<int, int>(larder::unbounded{}, larder::miss_ratio_curve{});
#endif

// expect 3: larder: the same policy is named twice; name each once
#if LARDER_COMPILE_FAIL == 3
larder::cache<int, int, larder::max_entries, larder::miss_ratio_curve, larder::miss_ratio_curve> twice{larder::max_entries{1}};
#endif

// expect 4: larder: the observer of a cache is miss_ratio_curve
#if LARDER_COMPILE_FAIL == 4
auto of_another_kind = larder::make_cache<int, int>(larder::max_entries{1}, an_observer{});
#endif

// expect 5: larder: a cache has one observer
#if LARDER_COMPILE_FAIL == 5
auto two_observers = larder::make_cache<int, int>(larder::max_entries{1}, an_observer{}, larder::miss_ratio_curve{});
#endif

}  // namespace
