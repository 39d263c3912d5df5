// The policies of a layer cache.
#include <larder/larder.hpp>
#include <larder/layer/layer_cache.hpp>

#include <cstddef>
#include <cstdint>
#include <span>

namespace {

using namespace larder::literals;

struct small_model {
  std::span<const larder::layer_info> layers() const { return {}; }
  void read(std::size_t, std::uint64_t, std::span<std::byte>) const {}
};

[[maybe_unused]] void allowed() {
  larder::layer_cache planned{small_model{}, larder::max_bytes{1_GiB}, larder::prefaulted{}, larder::stream_slots{3}};
  larder::layer_cache sharing{small_model{}, larder::max_bytes{1_GiB}, larder::shared_layers{}};
  larder::layer_cache by_use{small_model{}, larder::lru{}, larder::max_entries{3}};
}

// expect 1: larder: prefaulted takes the memory of a plan; a layer_cache with an eviction order has none
#if LARDER_COMPILE_FAIL == 1
larder::layer_cache no_plan{small_model{}, larder::lru{}, larder::max_entries{3}, larder::prefaulted{}};
#endif

// expect 2: larder: prefaulted takes memory for every layer, shared_layers looks for layers in the memory of others
#if LARDER_COMPILE_FAIL == 2
larder::layer_cache both{small_model{}, larder::max_bytes{1_GiB}, larder::prefaulted{}, larder::shared_layers{}};
#endif

// expect 3: larder: a layer_cache has one eviction order at most
#if LARDER_COMPILE_FAIL == 3
larder::layer_cache two_orders{small_model{}, larder::lru{}, larder::fifo{}, larder::max_entries{3}};
#endif

// expect 4: larder: a layer_cache takes each policy once
#if LARDER_COMPILE_FAIL == 4
larder::layer_cache twice{small_model{}, larder::stream_slots{2}, larder::stream_slots{3}};
#endif

// expect 5: larder: a layer_cache takes an eviction order, max_bytes, max_entries, stream_slots
#if LARDER_COMPILE_FAIL == 5
larder::layer_cache another_axis{small_model{}, larder::max_bytes{1_GiB}, larder::unsynchronized{}};
#endif

// expect 6: larder: a layer_cache is limited by max_bytes and max_entries
#if LARDER_COMPILE_FAIL == 6
larder::layer_cache by_weight{small_model{}, larder::max_weight{1000}};
#endif

// expect 7: larder: a layer source has layers(), convertible to std::span<const layer_info>, and read(index, offset, destination)
#if LARDER_COMPILE_FAIL == 7
larder::layer_cache no_source{3, larder::max_bytes{1_GiB}};
#endif

}  // namespace
