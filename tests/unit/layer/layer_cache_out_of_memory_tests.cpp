// Every allocation of a load fails once, each in its turn: the load fails or goes without, and the cache is as if nobody had asked. This file
// replaces operator new for its whole program.

#include "tensors_in_memory.hpp"

#include <larder/core/error.hpp>
#include <larder/core/verify.hpp>
#include <larder/layer/layer_cache.hpp>
#include <larder/layer/loader_source.hpp>
#include <larder/layer/prefaulted.hpp>
#include <larder/layer/shared_layers.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <new>
#include <span>
#include <stdexcept>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/replaced_new.hpp"
#include "support/sanitizers.hpp"

using namespace larder_tests;

namespace {

thread_local std::uint64_t until_it_fails = 0;  // of this thread's allocations; 0: none does
thread_local std::size_t least_alignment = 1;   // of those that count

}  // namespace

void larder::tests::before_allocation(std::size_t alignment) {
  if (alignment >= least_alignment && until_it_fails != 0 && --until_it_fails == 0) throw std::bad_alloc();
}

namespace {

constexpr std::uint64_t size_of_tensor = 150'001;
constexpr std::size_t count_of_tensors = 4;
constexpr std::uint64_t size_of_layer = count_of_tensors * size_of_tensor;

std::shared_ptr<model_in_memory> model_of(std::uint64_t tuned_seed, std::size_t layers) {
  std::vector<model_in_memory::tensors_of_layer> all(layers);
  for (std::size_t i = 0; i < layers; ++i)
    for (std::size_t t = 0; t < count_of_tensors; ++t) all[i].push_back({t == 1 ? tuned_seed + i : 10 * i + t, size_of_tensor});
  return std::make_shared<model_in_memory>(all);
}

/// f() with its n-th allocation failing, for each n until it needs no more; `afterwards(failed)` each time.
template <class F, class Afterwards>
void fail_each(F&& f, Afterwards&& afterwards) {
  std::uint64_t failures = 0;
  for (std::uint64_t n = 1;; ++n) {
    REQUIRE(n < 2000);
    CAPTURE(n);
    bool failed = false;
    until_it_fails = n;
    try {
      f();
    } catch (const std::bad_alloc&) {
      failed = true;
      ++failures;
    }
    const bool was_enough = until_it_fails != 0;
    until_it_fails = 0;
    afterwards(failed);
    if (was_enough) break;
  }
  CHECK(failures > 0);
}

}  // namespace

TEST_CASE("a load of shared tensors that finds no memory leaves everything as it was") {
  const auto base_of = model_of(1000, 1);
  const auto tuned_of = model_of(2000, 1);
  const larder::shared_layers shared;
  larder::layer_cache base{pieces_source{base_of}, shared};
  larder::layer_cache tuned{pieces_source{tuned_of}, shared};
  bool others = false;
  SUBCASE("of which nothing is there") {}
  SUBCASE("of which others have tensors") {
    others = true;
    base.get(0);
  }
  fail_each([&] { tuned.get(0); },
            [&](bool failed) {
              CHECK(tuned.size() == (failed ? 0 : 1));
              CHECK(tuned.weight() == (failed ? 0 : size_of_layer));
              CHECK(tuned.stats().pinned_bytes == 0);
              CHECK(is_right(tuned.get(0), *tuned_of));
              CHECK(tuned.stats().shared_bytes <= (others ? 3 * size_of_tensor : 0));
              tuned.clear();
              CHECK(tuned.stats().shared_bytes == 0);
              CHECK(tuned.stats().pinned_bytes == 0);
              CHECK(shared.size() == (others ? 1 : 0));
              CHECK(shared.tensors() == (others ? count_of_tensors : 0));
            });
}

TEST_CASE("a load of a partial layer that finds no memory leaves what is kept, or keeps nothing") {
  const auto model = model_of(1000, 6);
  larder::layer_cache layers{pieces_source{model}, larder::max_bytes{3 * size_of_layer + size_of_layer / 2},
                             larder::verify_tensors{larder::verify::always}};
  const larder::residency_plan plan = layers.plan();
  REQUIRE(plan.partial.has_value());
  const std::size_t partial = plan.partial->index;
  bool filled = false;
  SUBCASE("which fills it") {}
  SUBCASE("which copies it") { filled = true; }
  fail_each(
      [&] {
        layers.clear();
        if (filled) {
          const std::uint64_t left = std::exchange(until_it_fails, 0);
          layers.get(partial);
          for (std::size_t i = 0; i < 6; ++i)
            if (i != partial) layers.get(i);
          until_it_fails = left;
        }
        layers.get(partial);
      },
      [&](bool) {
        CHECK(is_right(layers.get(partial), *model));
        CHECK(layers.stats().pinned_bytes == 0);
        CHECK(layers.weight() <= plan.footprint() - plan.kept_bytes());
        for (std::size_t i = 0; i < 6; ++i) CHECK(is_right(layers.get(i), *model));
        CHECK(is_right(layers.get(partial), *model));
        CHECK(layers.stats().kept_bytes == plan.kept_bytes());
        CHECK(layers.stats().pinned_bytes == 0);
      });
}

TEST_CASE("a new capacity for which there is no memory is in force all the same") {
  const auto model = model_of(1000, 6);
  larder::layer_cache layers{pieces_source{model}, larder::max_bytes{3 * size_of_layer + size_of_layer / 2},
                             larder::prefaulted{}};
  least_alignment =
      4096;  // std::filesystem::path, by which the memory that is available is looked up, does not survive the others
  fail_each(
      [&] {
        try {
          layers.set_capacity(5 * size_of_layer);
        } catch (const larder::error&) {
          throw std::bad_alloc();
        }
      },
      [&](bool) {
        const std::uint64_t most = layers.plan().footprint();
        CHECK(most > 4 * size_of_layer);
        for (int pass = 0; pass < 2; ++pass)
          for (const larder::layer& layer : layers.pass()) CHECK(is_right(layer, *model));
        CHECK(layers.weight() <= most);
        CHECK(layers.stats().pinned_bytes == 0);
        layers.set_capacity(3 * size_of_layer + size_of_layer / 2);
        layers.clear();
      });
  least_alignment = 1;
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST_CASE("a layer that is larger than any memory is refused, whatever it is rounded to") {
  constexpr std::uint64_t most = std::numeric_limits<std::uint64_t>::max();
  for (const std::uint64_t size : {most, most - 1, most - 4095, most - 4096, most - 8191, most - 8192, most / 2}) {
    CAPTURE(size);
    std::vector<larder::layer_info> infos;
    infos.push_back({"huge", size, {}});
    larder::layer_cache layers{larder::loader_source{
        std::move(infos), [](std::size_t, std::uint64_t, std::span<std::byte>) { throw std::runtime_error("read to nowhere"); }}};
    CHECK_THROWS_AS(layers.get(0), std::bad_alloc);
    CHECK(layers.stats().pinned_bytes == 0);
  }
}
#endif
