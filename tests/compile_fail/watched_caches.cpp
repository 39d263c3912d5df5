// Who times and remembers: one each, and what they need.
#include <larder/larder.hpp>
#include <larder/observe/key_history.hpp>
#include <larder/observe/latency_histogram.hpp>
#include <larder/observe/metrics.hpp>

#include <string>

#include "empty_bucket.hpp"

namespace {

struct another_clock : larder::latency_histogram {};
struct another_memory : larder::key_history {};

[[maybe_unused]] void well_formed() {
  auto both = larder::make_cache<int, int>(larder::max_entries{1}, larder::key_history{}, larder::latency_histogram{},
                                           larder::miss_ratio_curve{});
  both.follow(1);
  auto remote =
      larder::make_cache<std::string, larder::bytes>(larder::unbounded{}, empty_bucket{}, larder::latency_histogram{});
  remote.put("a", {});
  larder::metrics all;
  all.add("both", both);
  all.add("remote", remote);
}

// expect 1: larder: a cache has one latency_histogram
#if LARDER_COMPILE_FAIL == 1
auto two_clocks = larder::make_cache<int, int>(larder::max_entries{1}, larder::latency_histogram{}, another_clock{});
#endif

// expect 2: larder: a cache has one key_history
#if LARDER_COMPILE_FAIL == 2
auto two_memories = larder::make_cache<int, int>(larder::max_entries{1}, larder::key_history{}, another_memory{});
#endif

// expect 3: larder: a remote storage is not told who leaves, so it takes no key_history; name it for the cache in front of it
#if LARDER_COMPILE_FAIL == 3
auto of_a_remote = larder::make_cache<std::string, larder::bytes>(larder::unbounded{}, empty_bucket{}, larder::key_history{});
#endif

// expect 4: larder: history(key) needs the policy larder::key_history
#if LARDER_COMPILE_FAIL == 4
void ask() {
  auto plain = larder::make_cache<int, int>(larder::max_entries{1});
  plain.history(1);
}
#endif

// expect 5: larder: follow(key) needs the policy larder::key_history
#if LARDER_COMPILE_FAIL == 5
void follow() {
  auto plain = larder::make_cache<int, int>(larder::max_entries{1});
  plain.follow(1);
}
#endif

// expect 6: larder: metrics shows caches, and stats for which there is a visit_metrics(stats, visitor); see larder/core/metric_visitor.hpp
#if LARDER_COMPILE_FAIL == 6
struct no_stats {};
void show() {
  larder::metrics all;
  all.add("x", no_stats{});
}
#endif

}  // namespace
