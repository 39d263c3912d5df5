#include <larder/layer/residency_plan.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>

namespace {

std::vector<larder::layer_info> layers_of(const std::vector<std::uint64_t>& sizes) {
  std::vector<larder::layer_info> layers;
  for (std::size_t i = 0; i < sizes.size(); ++i) layers.push_back({"layer." + std::to_string(i), sizes[i], {}});
  return layers;
}
larder::residency_plan plan(const std::vector<std::uint64_t>& sizes, std::uint64_t bytes, std::size_t slots = 2) {
  const auto layers = layers_of(sizes);
  return larder::layers::plan_residency(layers, {.bytes = bytes}, slots);
}

}  // namespace

TEST_CASE("L8 equal layers: capacity less the slots is resident, the rest is loaded once per pass") {
  for (std::size_t n = 1; n <= 40; ++n)
    for (std::size_t c = 1; c <= n + 1; ++c)
      for (const std::size_t slots : {1U, 2U, 3U}) {
        const auto p = plan(std::vector<std::uint64_t>(n, 1000), c * 1000 + 999, slots);
        const std::size_t resident = c >= n ? n : c > slots ? c - slots : 0;
        REQUIRE(p.resident_count == resident);
        REQUIRE(p.loads_per_pass == n - resident);
        REQUIRE(p.stream_slots == (c >= n ? 0 : std::min(c, slots)));
        REQUIRE(p.footprint() <= c * 1000 + 999);
        REQUIRE(p.expected_loads(0) == 0);
        REQUIRE(p.expected_loads(1) == n);
        REQUIRE(p.expected_loads(7) == n + 6 * (n - resident));
      }
}

TEST_CASE("residents are spread: no two runs of streamed layers differ by more than one") {
  for (std::size_t n = 4; n <= 48; ++n)
    for (std::size_t c = 3; c < n; ++c) {
      const auto p = plan(std::vector<std::uint64_t>(n, 10), c * 10);
      CHECK(p.resident[0]);  // the loader works while the pass begins
      std::vector<std::size_t> runs;  // streamed layers between residents, around the end
      std::size_t run = 0;
      for (std::size_t i = 1; i <= n; ++i) {
        if (i < n && !p.resident[i]) {
          ++run;
          continue;
        }
        runs.push_back(run);
        run = 0;
      }
      const auto [least, most] = std::minmax_element(runs.begin(), runs.end());
      REQUIRE(*most - *least <= 1);
    }
}

TEST_CASE("max_entries limits the plan as well") {
  const auto layers = layers_of(std::vector<std::uint64_t>(10, 5));
  const auto p = larder::layers::plan_residency(layers, {.entries = 6}, 2);
  CHECK(p.resident_count == 4);
  CHECK(p.stream_slots == 2);
  CHECK(larder::layers::plan_residency(layers, {.entries = 10}, 2).stream_slots == 0);
  CHECK(larder::layers::plan_residency(layers, {.bytes = 25, .entries = 6}, 2).resident_count == 3);
}

TEST_CASE("one large layer is made resident rather than making every slot large") {
  std::vector<std::uint64_t> sizes(20, 100);
  sizes[0] = 1000;  // an embedding
  const auto p = plan(sizes, 1500);
  CHECK(p.resident[0]);
  CHECK(p.slot_bytes == 100);
  CHECK(p.stream_slots == 2);
  CHECK(p.resident_count == 4);  // the embedding and three of the others
  CHECK(p.bytes_per_pass == 1600);
}

TEST_CASE("layers of any size: within the capacity, and never worse than a plan without the spread") {
  std::mt19937 random(20240601);
  for (int round = 0; round < 2000; ++round) {
    std::vector<std::uint64_t> sizes;
    const std::size_t n = 1 + random() % 30;
    std::uint64_t total = 0;
    std::uint64_t largest = 0;
    for (std::size_t i = 0; i < n; ++i) {
      sizes.push_back(random() % 1000);
      total += sizes.back();
      largest = std::max(largest, sizes.back());
    }
    const std::uint64_t bytes = largest + random() % (total - largest + 10);
    const std::size_t slots = 1 + random() % 3;
    const auto p = plan(sizes, bytes, slots);
    REQUIRE(p.footprint() <= bytes);
    std::uint64_t resident = 0;
    std::size_t count = 0;
    for (std::size_t i = 0; i < n; ++i) {
      if (p.resident[i]) {
        resident += sizes[i];
        ++count;
      } else {
        REQUIRE(sizes[i] <= p.slot_bytes);
        // No streamed layer would still fit.
        REQUIRE(p.footprint() + sizes[i] > bytes);
      }
    }
    REQUIRE(resident == p.resident_bytes);
    REQUIRE(count == p.resident_count);
    REQUIRE(p.bytes_per_pass == total - resident);
    REQUIRE((p.stream_slots == 0) == (total <= bytes));
  }
}

TEST_CASE("a capacity below the largest layer is refused by name") {
  CHECK_THROWS_WITH_AS(plan({10, 300, 20}, 299), doctest::Contains("layer \"layer.1\" has 300 bytes"), larder::error);
  CHECK(plan({10, 300, 20}, 300).stream_slots == 1);
  const auto layers = layers_of({1, 2});
  CHECK_THROWS_AS(larder::layers::plan_residency(layers, {.entries = 0}, 2), larder::error);
  CHECK(plan({}, 0).resident_count == 0);
}

TEST_CASE("what is left of the budget keeps the first bytes of one streamed layer, and every byte of that is saved in each pass") {
  std::mt19937 random(27);
  std::size_t with = 0;
  for (int round = 0; round < 3000; ++round) {
    std::vector<std::uint64_t> sizes;
    const std::size_t n = 1 + random() % 20;
    std::uint64_t total = 0;
    for (std::size_t i = 0; i < n; ++i) sizes.push_back(round % 3 == 0 ? 400'000 : 1 + random() % 900'000);
    for (const std::uint64_t size : sizes) total += size;
    const std::uint64_t largest = *std::max_element(sizes.begin(), sizes.end());
    const std::uint64_t bytes = largest + random() % (total - largest + 10);
    const std::size_t slots = 1 + random() % 3;
    const auto layers = layers_of(sizes);
    larder::layers::layer_uses uses = larder::layers::layer_uses::of_each_once(n);
    if (round % 2 == 0) {
      std::shuffle(uses.order.begin(), uses.order.end(), random);
      for (auto& count : uses.counts) count = random() % 4;
    }
    const auto p = larder::layers::plan_residency(layers, {.bytes = bytes}, slots, uses);
    const auto whole = larder::layers::plan_residency(layers, {.bytes = bytes}, slots, uses, larder::layers::partial_layers::none);
    REQUIRE_FALSE(whole.partial);
    REQUIRE(p.resident == whole.resident);
    REQUIRE(p.loads_per_pass == whole.loads_per_pass);
    REQUIRE(p.footprint() <= bytes);
    REQUIRE(p.footprint() - p.kept_bytes() == whole.footprint());
    std::optional<std::size_t> most;
    std::uint64_t read = 0;
    for (const std::size_t i : uses.order) {
      if (p.resident[i]) continue;
      read += uses.counts[i] * p.bytes_per_load(i, sizes[i]);
      if (uses.counts[i] != 0 && (!most || uses.counts[i] > uses.counts[*most])) most = i;
      REQUIRE(p.kept_bytes() < sizes[i]);
    }
    REQUIRE(p.bytes_per_pass == read);
    const std::uint64_t left = bytes - std::min(bytes, whole.footprint());
    REQUIRE(p.partial.has_value() == (most.has_value() && left >= 64 * 1024));
    if (!p.partial) continue;
    ++with;
    REQUIRE(p.partial->index == *most);
    REQUIRE(p.partial->kept_bytes % 4096 == 0);
    REQUIRE(left - p.partial->kept_bytes < 4096);
    REQUIRE(p.bytes_per_pass == whole.bytes_per_pass - uses.counts[*most] * p.partial->kept_bytes);
  }
  CHECK(with > 500);
}

TEST_CASE("equal layers, every budget: a pass reads all but the residents and what is left, in whole pages") {
  constexpr std::uint64_t size = 100 * 1024;
  for (std::size_t n = 1; n <= 6; ++n)
    for (std::uint64_t bytes = size; bytes <= n * size + 4096; bytes += 2048)
      for (const std::size_t slots : {1U, 2U, 3U}) {
        const auto p = plan(std::vector<std::uint64_t>(n, size), bytes, slots);
        const std::uint64_t left = bytes % size / 4096 * 4096;
        const std::uint64_t kept = bytes >= n * size || left < 64 * 1024 ? 0 : left;
        REQUIRE(p.kept_bytes() == kept);
        REQUIRE(p.bytes_per_pass == (n - p.resident_count) * size - kept);
        REQUIRE(p.footprint() <= bytes);
        if (kept != 0) REQUIRE(p.partial->index == (p.resident[0] ? 1 : 0));
      }
}

TEST_CASE("a part counts as an entry: none where entries have run out") {
  const auto layers = layers_of(std::vector<std::uint64_t>(10, 1'000'000));
  CHECK_FALSE(larder::layers::plan_residency(layers, {.entries = 6}, 2).partial);
  CHECK_FALSE(larder::layers::plan_residency(layers, {.bytes = 4'500'000, .entries = 4}, 2).partial);
  CHECK_FALSE(larder::layers::plan_residency(layers, {.bytes = 8'500'000, .entries = 4}, 2).partial);
  const auto p = larder::layers::plan_residency(layers, {.bytes = 4'500'000, .entries = 5}, 2);
  REQUIRE(p.partial);
  CHECK(*p.partial == larder::partial_layer{1, 499'712});
  CHECK(p.footprint() == 4'499'712);
  CHECK(p.expected_loads(3) == 10 + 2 * 8);  // as many as without
}
