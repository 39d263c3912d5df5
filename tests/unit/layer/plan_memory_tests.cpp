#include "present_pages.hpp"

#include <larder/core/error.hpp>
#include <larder/layer/kept_part.hpp>
#include <larder/layer/layer_memory.hpp>
#include <larder/layer/plan_memory.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/refusal.hpp"
#include "support/sanitizers.hpp"

using larder::layers::kept_part;
using larder::layers::layer_block;
using larder::layers::layer_memory;
using larder::layers::part_use;
using larder::layers::take_plan_memory;
using larder_tests::present_pages;

namespace {

constexpr std::uint64_t plenty = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t large = std::uint64_t{40} << 20U;  // comes fresh from the system
constexpr std::uint64_t small = 10'000;

std::shared_ptr<layer_memory> memory_of(const std::vector<std::uint64_t>& sizes, std::uint64_t footprint) {
  std::vector<larder::layer_info> layers;
  for (const std::uint64_t size : sizes) layers.push_back({"layer." + std::to_string(layers.size()), size, {}});
  auto memory = std::make_shared<layer_memory>(std::move(layers));
  memory->set_footprint(footprint);
  return memory;
}

}  // namespace

TEST_CASE("blocks and the part are there page by page, and each layer finds the block that was made for it") {
  const auto memory = memory_of({large, small, 9'000}, large + 2 * small);
  kept_part part(1, large, true);
  REQUIRE(part.lend_empty());
  take_plan_memory(*memory, {small, large, small}, &part, plenty);
  part.give_back(part_use::filled, false);
  CHECK(memory->allocations() == 3);
  CHECK(memory->idle_bytes() == large + 2 * small);
  CHECK(part.bytes().size() == large);
  CHECK(present_pages(part.bytes()) == large / 4096);
  layer_block* third = memory->take(2, small, true);  // the smaller layer in a slot
  layer_block* second = memory->take(1, small, true);
  layer_block* first = memory->take(0, large, false);
  CHECK(memory->allocations() == 3);
  CHECK(first->capacity() == large);
  CHECK(present_pages({first->data(), large}) == large / 4096);
  for (layer_block* block : {first, second, third}) block->release();
  CHECK(memory->idle_bytes() == large + 2 * small);
}

TEST_CASE("a layer takes a block of its own size before a smaller one that would do") {
  const auto memory = memory_of({6'000, 8'000, 10'000}, 28'000);
  take_plan_memory(*memory, {8'000, 10'000, 10'000}, nullptr, plenty);
  layer_block* slot = memory->take(0, 10'000, true);
  layer_block* resident = memory->take(1, 8'000, false);
  layer_block* other = memory->take(2, 10'000, true);
  CHECK(memory->allocations() == 3);
  CHECK(slot->capacity() == 10'000);
  CHECK(resident->capacity() == 8'000);
  CHECK(other->capacity() == 10'000);
  for (layer_block* block : {slot, resident, other}) block->release();
}

TEST_CASE("what is there already is not taken again, and what the plan has no use for goes") {
  const auto memory = memory_of({small}, 6 * small);
  take_plan_memory(*memory, {small, small, 5'000}, nullptr, plenty);
  CHECK(memory->allocations() == 3);
  take_plan_memory(*memory, {small, small, small}, nullptr, plenty);
  CHECK(memory->allocations() == 4);
  CHECK(memory->idle_bytes() == 3 * small);
  take_plan_memory(*memory, {small}, nullptr, plenty);
  CHECK(memory->allocations() == 4);
  CHECK(memory->idle_bytes() == small);
}

TEST_CASE("no block beyond the footprint stays: leases may hold what a plan counts on") {
  const auto memory = memory_of({small}, 3 * small);
  layer_block* leased = memory->take(0, small, false);
  take_plan_memory(*memory, {small, small, small}, nullptr, plenty);
  CHECK(memory->idle_bytes() == 2 * small);
  CHECK(memory->allocations() == 3);  // not even for a moment
  leased->release();
  CHECK(memory->idle_bytes() == 3 * small);
}

TEST_CASE("memory that is not there: nothing is taken where the system says so, and the error names the size either way") {
  const auto memory = memory_of({small}, plenty);
  kept_part part(0, 5'000, true);
  REQUIRE(part.lend_empty());
  take_plan_memory(*memory, {small}, nullptr, small);
  const auto refused = support::refusal_of([&] { take_plan_memory(*memory, {small, small}, &part, small + 4'999); });
  CHECK(refused.cause == larder::error_cause::no_space);
  CHECK(refused.message.find("takes 15000 bytes (14.6 KiB) of memory at once, and there are 14999") != std::string::npos);
  CHECK(memory->allocations() == 1);
  CHECK(part.bytes().empty());
  take_plan_memory(*memory, {small, small}, &part, small + 5'000);
  CHECK(memory->allocations() == 2);
  take_plan_memory(*memory, {small, small}, &part, 0);               // it is all there
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // whose allocators end the program
  const auto absurd = support::refusal_of([&] { take_plan_memory(*memory, {small, plenty / 4, plenty / 2}, nullptr, plenty); });
  CHECK(absurd.cause == larder::error_cause::no_space);
#endif
  const auto beyond = support::refusal_of([&] { take_plan_memory(*memory, {plenty, plenty}, nullptr, plenty - 1); });
  CHECK(beyond.message.find(std::to_string(plenty) + " bytes") != std::string::npos);
}
