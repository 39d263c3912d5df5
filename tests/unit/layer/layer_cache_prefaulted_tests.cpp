#include "counted_source.hpp"
#include "present_pages.hpp"
#include "written_model.hpp"

#include <larder/core/error.hpp>
#include <larder/layer/layer_cache.hpp>
#include <larder/layer/loader_source.hpp>
#include <larder/layer/prefaulted.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <numeric>
#include <random>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "support/in_child.hpp"
#include "support/refusal.hpp"
#include "support/sanitizers.hpp"

using namespace larder_tests;
using larder::max_bytes;
using larder::prefaulted;

namespace {

constexpr std::uint64_t size = 160'000;
constexpr std::uint64_t left = 100'000;
constexpr std::uint64_t kept = 24 * 4096;
const std::vector<std::uint64_t> equal(8, size);

/// Counts the pages that are not there when a layer comes.
struct page_counter {
  std::atomic<std::size_t> absent{0};
  auto source(const std::vector<std::uint64_t>& sizes) {
    std::vector<larder::layer_info> layers;
    for (std::size_t i = 0; i < sizes.size(); ++i) layers.push_back({"layer." + std::to_string(i), sizes[i], {}});
    return larder::loader_source{std::move(layers), [this](std::size_t i, std::uint64_t, std::span<std::byte> destination) {
                                   const auto first = reinterpret_cast<std::uintptr_t>(destination.data());
                                   absent +=
                                       (first + destination.size() + 4095) / 4096 - first / 4096 - present_pages(destination);
                                   std::memset(destination.data(), static_cast<int>(i), destination.size());
                                 }};
  }
};

template <class Cache>
void pass_over(Cache& layers) {
  std::size_t expected = 0;
  for (const auto& layer : layers.pass()) {
    REQUIRE(layer.index() == expected++);
    REQUIRE(wrong_counted_bytes(layer) == 0);
  }
}

}  // namespace

TEST_CASE("every page that a layer comes to is there, from the first pass on and after a new capacity") {
  constexpr std::uint64_t large = std::uint64_t{40} << 20U;  // more than the allocator keeps for itself
  {
    page_counter without;
    larder::layer_cache layers{without.source({large}), max_bytes{large}};
    layers.get(0);
    CHECK(without.absent > 0);
  }
  page_counter with;
  larder::layer_cache layers{with.source({large, 3'000'001, 500'000, large, 700'000, 3'000'000}),
                             max_bytes{2 * large + 1'000'000}, prefaulted{}};
  for (const auto& layer : layers.pass()) CHECK(layer.size() != 0);
  CHECK(with.absent == 0);
  layers.set_capacity(max_bytes{3 * large});
  for (const auto& layer : layers.pass()) CHECK(layer.size() != 0);
  CHECK(with.absent == 0);
}

TEST_CASE("the constructor takes the memory of the plan, and nothing is allocated afterwards") {
  std::mt19937 random(31);
  for (int round = 0; round < 12; ++round) {
    std::vector<std::uint64_t> sizes = equal;
    if (round % 2 == 0)
      for (std::uint64_t& s : sizes) s = 1 + random() % 300'000;
    const std::uint64_t total = std::accumulate(sizes.begin(), sizes.end(), std::uint64_t{0});
    const std::uint64_t largest = *std::max_element(sizes.begin(), sizes.end());
    const std::uint64_t budget = largest + random() % (total - largest + 10);
    CAPTURE(round);
    counted state;
    larder::layer_cache layers{counted_source(state, sizes), max_bytes{budget}, larder::stream_slots{1 + random() % 3},
                               prefaulted{}};
    const larder::residency_plan plan = layers.plan();
    const std::uint64_t taken = layers.buffer_allocations();
    const std::uint64_t held = layers.stats().overhead_bytes;
    CHECK(state.bytes() == 0);
    CHECK(taken == plan.resident_count + plan.stream_slots);
    CHECK(held >= plan.footprint());
    CHECK(held < plan.footprint() + 10'000);
    for (int step = 0; step < 200; ++step) {
      const std::size_t i = random() % sizes.size();
      switch (random() % 8) {
        case 0:
          layers.erase(i);
          break;
        case 1:
          layers.warmup({i, random() % sizes.size()}).wait();
          break;
        case 2:
          if (random() % 4 == 0) layers.clear();
          break;
        case 3:
          if (random() % 4 == 0) pass_over(layers);
          break;
        default:
          REQUIRE(wrong_counted_bytes(layers.get(i)) == 0);
      }
      REQUIRE(layers.buffer_allocations() == taken);
    }
    layers.clear();
    CHECK(layers.stats().overhead_bytes == held);  // it stays
  }
}

TEST_CASE("a new capacity takes the memory of the new plan at once, and gives back the rest of the old one's") {
  counted state;
  larder::layer_cache layers{counted_source(state, equal), max_bytes{4 * size + left}, prefaulted{}};
  CHECK(layers.buffer_allocations() == 4);
  pass_over(layers);
  layers.set_capacity(max_bytes{6 * size + left});  // two residents more; the slots and the part stay
  CHECK(layers.buffer_allocations() == 6);
  CHECK(layers.stats().kept_bytes == kept);
  CHECK(layers.weight() + layers.stats().kept_bytes + layers.stats().overhead_bytes >= layers.plan().footprint());
  pass_over(layers);
  pass_over(layers);
  CHECK(layers.buffer_allocations() == 6);
  layers.set_capacity(max_bytes{3 * size});
  CHECK(layers.buffer_allocations() == 6);
  CHECK(layers.weight() + layers.stats().overhead_bytes < 3 * size + 10'000);
  pass_over(layers);
  layers.set_capacity(max_bytes{8 * size});
  CHECK(layers.buffer_allocations() >= 8);
  const std::uint64_t taken = layers.buffer_allocations();
  pass_over(layers);
  CHECK(layers.buffer_allocations() == taken);
  CHECK(layers.stats().kept_bytes == 0);
}

TEST_CASE("leases beyond the slots take memory of their own, which goes with them") {
  counted state;
  larder::layer_cache layers{counted_source(state, equal), max_bytes{3 * size + left}, prefaulted{}};
  {
    std::vector<larder::layer> held;
    for (const auto& layer : layers.pass()) held.push_back(layer);
    for (const larder::layer& layer : held) CHECK(wrong_counted_bytes(layer) == 0);
    CHECK(layers.buffer_allocations() > 3);
  }
  CHECK(layers.weight() + layers.stats().kept_bytes + layers.stats().overhead_bytes < layers.plan().footprint() + 10'000);
  pass_over(layers);
}

TEST_CASE("memory that is not there is told when the cache is made, with the size and the way out") {
  constexpr std::uint64_t absurd = std::uint64_t{1} << 50U;
  page_counter counter;
  const auto refused = support::refusal_of([&] {
    larder::layer_cache layers{counter.source({absurd, absurd, absurd}), max_bytes{2 * absurd}, prefaulted{}};
  });
  CHECK(refused.cause == larder::error_cause::no_space);
  CHECK(refused.message.find(std::to_string(2 * absurd) + " bytes") != std::string::npos);
  CHECK(refused.message.find("smaller max_bytes") != std::string::npos);
  larder::layer_cache later{counter.source({absurd, absurd, absurd}), max_bytes{2 * absurd}};  // as long as no layer comes
  CHECK(later.size() == 0);
}

TEST_CASE("the memory of files' layers is there too, whichever way they are read") {
  const scratch_directory folder;
  const std::filesystem::path path = folder / "model.safetensors";
  write_file(path, model_bytes(equal_layers(6, 1'200'000)));
  for (const larder::read_path::kind kind : {larder::read_path::buffered, larder::read_path::direct}) {
    larder::layer_cache layers{larder::safetensors{path}, max_bytes{4'500'000}, larder::read_path{kind}, prefaulted{}};
    for (int pass = 0; pass < 3; ++pass)
      for (const larder::layer& layer : layers.pass()) {
        std::size_t wrong = 0;
        for (std::size_t k = 0; k < layer.size(); ++k)
          wrong += layer.data().data()[k] != static_cast<std::byte>(data_byte(layer.index() * layer.size() + k)) ? 1U : 0U;
        CHECK(wrong == 0);
      }
    CHECK(layers.buffer_allocations() == 3);
    CHECK(layers.stats().kept_bytes == layers.plan().kept_bytes());
  }
}

TEST_CASE("passes in several threads while the capacity changes") {
  counted state;
  larder::layer_cache layers{counted_source_with_rest(state, equal), max_bytes{4 * size + left}, prefaulted{}};
  std::atomic<std::size_t> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t)
    threads.emplace_back([&] {
      for (int pass = 0; pass < 5; ++pass)
        for (const larder::layer& layer : layers.pass()) wrong += wrong_counted_bytes(layer);
    });
  for (std::uint64_t step = 0; step < 30; ++step) {
    layers.set_capacity(max_bytes{(3 + step % 3) * size + left - step % 2 * 8192});
    layers.erase(step % 8);
    if (step % 5 == 0) layers.clear();
  }
  for (std::thread& t : threads) t.join();
  CHECK(wrong == 0);
  CHECK(layers.weight() + layers.stats().kept_bytes + layers.stats().overhead_bytes < layers.plan().footprint() + 10'000);
}

TEST_CASE("memory for every layer and layers that are pages of their files exclude each other") {
  counted state;
  const auto make = [&] {
    larder::layer_cache layers{counted_source(state, equal), prefaulted{}, larder::read_path{larder::read_path::mapped}};
  };
  CHECK_THROWS_WITH_AS(make(), doctest::Contains("leave out one of the two"), larder::error);
}

#if !defined(__SANITIZE_THREAD__) && !defined(__SANITIZE_ADDRESS__)
TEST_CASE("a child's memory comes with its layers, and after a new capacity at once") {
  counted state;
  larder::layer_cache layers{counted_source(state, equal), max_bytes{4 * size + left}, prefaulted{}};
  support::in_child([&] {
    bool good = true;
    for (int pass = 0; pass < 2; ++pass)
      for (const larder::layer& layer : layers.pass()) good = good && wrong_counted_bytes(layer) == 0;
    layers.set_capacity(max_bytes{6 * size});
    for (const larder::layer& layer : layers.pass()) good = good && wrong_counted_bytes(layer) == 0;
    return good && layers.weight() == 6 * size;
  });
  pass_over(layers);
  CHECK(layers.buffer_allocations() == 4);
}
#endif
