// A cache has one order, storage, hasher, locking and so on, and names each policy once.
#include <larder/larder.hpp>
#include <larder/storage/mmap_disk.hpp>

#include <string>

namespace {

const auto weigh = [](int, int) { return 1; };
const auto weigh_twice = [](int, int) { return 2; };
const auto on_removal = [](int, int, larder::removal_cause) {};
const auto on_removal_too = [](int, int, larder::removal_cause) {};
const auto on_error = [](const larder::error_event&) {};
const auto on_error_too = [](const larder::error_event&) {};
larder::manual_clock now;

[[maybe_unused]] void in_any_order() {
  auto a = larder::make_cache<int, int>(larder::lru{}, larder::max_entries{1}, larder::xxh3{}, larder::sharded<8>{}, larder::time_source{now});
  auto b = larder::make_cache<int, int>(larder::time_source{now}, larder::sharded<8>{}, larder::xxh3{}, larder::max_entries{1}, larder::lru{});
  auto c = larder::make_cache<int, int>(larder::weigher{weigh}, larder::max_weight{1}, larder::max_entries{1}, larder::watermark{0.9},
                                        larder::removal_listener{on_removal}, larder::error_listener{on_error});
}

// expect 1: larder: a cache has one eviction order; name one of lru, fifo, clock, ...
#if LARDER_COMPILE_FAIL == 1
auto two_orders = larder::make_cache<int, int>(larder::lru{}, larder::max_entries{1}, larder::fifo{});
#endif

// expect 2: larder: a cache has one storage; combine storages with tiered{...}
#if LARDER_COMPILE_FAIL == 2
auto two_storages = larder::make_cache<int, int>(larder::memory{}, larder::max_entries{1}, larder::mmap_disk{"directory"});
#endif

// expect 3: larder: a cache has one key hasher
#if LARDER_COMPILE_FAIL == 3
auto two_hashers = larder::make_cache<int, int>(larder::xxh3{}, larder::max_entries{1}, larder::identity{});
#endif

// expect 4: larder: a cache has one locking policy; name sharded<> or unsynchronized
#if LARDER_COMPILE_FAIL == 4
auto two_lockings = larder::make_cache<int, int>(larder::sharded<8>{}, larder::max_entries{1}, larder::unsynchronized{});
#endif

// expect 5: larder: a cache has one time_source
#if LARDER_COMPILE_FAIL == 5
auto two_clocks = larder::make_cache<int, int>(larder::time_source{now}, larder::max_entries{1}, larder::time_source{larder::steady_time{}});
#endif

// expect 6: larder: the same policy is named twice; name each once
#if LARDER_COMPILE_FAIL == 6
auto one_limit_twice = larder::make_cache<int, int>(larder::max_entries{1}, larder::lru{}, larder::max_entries{2});
#endif

// expect 7: larder: the same policy is named twice; name each once
#if LARDER_COMPILE_FAIL == 7
larder::cache<int, int, larder::lru, larder::max_entries, larder::lru>* one_order_twice = nullptr;
void use() { one_order_twice->clear(); }
#endif

// expect 8: larder: a cache has one weigher
#if LARDER_COMPILE_FAIL == 8
auto two_weighers = larder::make_cache<int, int>(larder::weigher{weigh}, larder::max_weight{1}, larder::weigher{weigh_twice});
#endif

// expect 9: larder: a cache has one removal_listener
#if LARDER_COMPILE_FAIL == 9
auto two_listeners = larder::make_cache<int, int>(larder::max_entries{1}, larder::removal_listener{on_removal}, larder::removal_listener{on_removal_too});
#endif

// expect 10: larder: a cache has one error_listener
#if LARDER_COMPILE_FAIL == 10
auto two_error_listeners = larder::make_cache<int, int>(larder::max_entries{1}, larder::error_listener{on_error}, larder::error_listener{on_error_too});
#endif

}  // namespace
