#include "hand_source.hpp"
#include "written_model.hpp"

#include <larder/core/axis.hpp>
#include <larder/core/slot.hpp>
#include <larder/layer/layer_cache.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "support/in_child.hpp"
#include "support/sanitizers.hpp"

#if !defined(__SANITIZE_THREAD__)  // which does not let the child of a program with threads start its own

using namespace larder_tests;

namespace {

bool holds(const larder::layer& layer) {
  for (std::size_t k = 0; k < layer.size(); ++k)
    if (layer.data().data()[k] != static_cast<std::byte>(data_byte(layer.index() * layer.size() + k))) return false;
  return true;
}

std::atomic<int> stage{0};

/// An order that holds the cache's lock in `on_insert` until it is let go.
struct holding {
  using policy_axis = larder::axis::eviction;
  struct state {};
  template <class States>
  struct order {
    void on_insert(larder::slot, larder::entry_info) noexcept {
      if (stage != 1) return;
      stage = 2;
      while (stage != 3) std::this_thread::yield();
    }
    void on_hit(larder::slot) noexcept {}
    void on_erase(larder::slot) noexcept {}
    void on_evict(larder::slot, larder::entry_info) noexcept {}
    larder::slot victim() noexcept { return larder::no_slot; }
  };
};

}  // namespace

#if !defined(__SANITIZE_ADDRESS__)  // whose own locks, unlike malloc's, a child may inherit locked
TEST_CASE("after fork the child's cache works, ends, and leaves the parent's alone") {
  const scratch_directory directory;
  const auto path = directory / "m.safetensors";
  write_file(path, model_bytes(equal_layers(8, 3000)));
  auto layers = std::make_unique<larder::layer_cache<larder::safetensors, larder::max_entries>>(larder::safetensors{path},
                                                                                                larder::max_entries{4});
  for (int round = 0; round < 5; ++round) {
    for (auto layer : layers->pass()) CHECK(holds(layer));  // the parent's loader runs
    support::in_child([&] {
      bool good = true;
      for (auto layer : layers->passes(2)) good = good && holds(layer);
      layers->warmup({0}).wait();
      good = good && layers->weight() <= 4 * 3000;
      layers.reset();
      return good;
    });
  }
  for (auto layer : layers->pass()) CHECK(holds(layer));
}
TEST_CASE("a child drops leases of slots, before or after it asks the cache, whatever a thread of the parent was at") {
  const scratch_directory directory;
  const auto path = directory / "m.safetensors";
  write_file(path, model_bytes(equal_layers(8, 3000)));
  larder::layer_cache layers{larder::safetensors{path}, larder::max_bytes{4 * 3000}};
  for (auto layer : layers.pass()) CHECK(holds(layer));  // its loaders sleep afterwards
  std::vector<larder::layer> leases;
  for (std::size_t i = 0; i < 8; ++i) leases.push_back(layers.get(i));
  std::atomic<bool> over{false};
  std::thread busy([&] {
    while (!over) layers.stats();
  });
  for (int turn = 0; turn < 40; ++turn)
    support::in_child([&] {
      const bool asked_first = turn % 2 == 0;
      bool good = !asked_first || layers.weight() <= 4 * 3000;
      for (const larder::layer& lease : leases) good = good && holds(lease);
      leases.clear();
      for (auto layer : layers.pass()) good = good && holds(layer);
      return good;
    });
  over = true;
  busy.join();
}
#endif

TEST_CASE("what a thread of the parent was loading at a fork counts for nothing in the child") {
  hand h;
  larder::layer_cache layers{source_of(h, 8, 3000), larder::max_bytes{4 * 3000}};
  for (auto layer : layers.passes(2)) CHECK(is_whole(layer));
  std::size_t streamed = 0;
  while (layers.contains(streamed)) ++streamed;
  const int loads = h.loads_of(streamed);
  h.hold();
  const larder::task warm = layers.warmup({streamed});
  REQUIRE(h.begun(streamed, loads + 1));
  support::in_child([&] {
    h.let_all();
    bool good = layers.stats().pinned_bytes == 0;
    for (auto layer : layers.passes(2)) good = good && is_whole(layer);
    const std::uint64_t allocations = layers.buffer_allocations();
    for (auto layer : layers.passes(2)) good = good && is_whole(layer);
    return good && layers.buffer_allocations() == allocations && layers.stats().pinned_bytes == 0;
  });
  h.let_all();
  warm.wait();
  CHECK(is_whole(layers.get(streamed)));
  CHECK(layers.stats().pinned_bytes == 0);
}

TEST_CASE("a fork while the loader holds the lock leaves the child an empty cache that works") {
  const scratch_directory directory;
  const auto path = directory / "m.safetensors";
  write_file(path, model_bytes(equal_layers(4, 3000)));
  auto layers = std::make_unique<larder::layer_cache<larder::safetensors, holding>>(larder::safetensors{path}, holding{});
  const larder::layer lease = layers->get(3);
  stage = 1;
  const larder::task warm = layers->warmup({0});
  while (stage != 2) std::this_thread::yield();
  support::in_child([&] {
    stage = 0;
    bool good = layers->size() == 0 && holds(lease);
    for (auto layer : layers->pass()) good = good && holds(layer);
    layers->warmup({0, 1}).wait();
    good = good && layers->size() == 4;
    layers.reset();
    return good && holds(lease);
  });
  stage = 3;
  warm.wait();
  CHECK(layers->size() == 2);
  CHECK(holds(layers->get(0)));
}

#endif
