#include "catalogue.hpp"

#include "../lap.hpp"

#include <larder/layer/layer_cache.hpp>
#include <larder/limit/max_entries.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <utility>

namespace bench {
namespace {

/// So many passes over so many layers, of which so many may be in memory.
struct shape {
  std::size_t layers;
  std::size_t capacity;
  std::size_t passes;
};

const std::vector<metric> metrics{{"loads", "1", 0, false},
                                  {"promised", "1", 0, false},
                                  {"loads beyond promise", "1", 0, false},
                                  {"wall", "ms", 2, false},
                                  {"cpu", "ms", 2, false}};

/// The promise with two stream slots: all of them once, then what the residents leave.
std::size_t promised(const shape& s) { return s.layers + (s.passes - 1) * (s.layers - (s.capacity - 2)); }

std::vector<double> turn(const shape& s) {
  std::vector<larder::layer_info> all(s.layers);
  for (std::size_t i = 0; i < s.layers; ++i) {
    all[i].name = "layers." + std::to_string(i);
    all[i].size = 4096;
  }
  larder::layer_cache cache{
      larder::loader_source{std::move(all), [](std::size_t, std::uint64_t,
                                               std::span<std::byte> room) { std::memset(room.data(), 1, room.size()); }},
      larder::max_entries{s.capacity}};
  const lap taken = time([&] {
    for (const larder::layer& layer : cache.passes(s.passes)) static_cast<void>(layer);
  });
  const auto count = static_cast<double>(cache.stats().loads);
  const auto expected = static_cast<double>(promised(s));
  return {count, expected, count - expected, taken.wall * 1e3, taken.cpu * 1e3};
}

}  // namespace

std::vector<contest> loads(const options& wanted) {
  if (!wanted.wants_case("loads_per_pass")) return {};
  contest all{"loads_per_pass", metrics, {}};
  for (const shape& s : {shape{4, 3, 3}, {4, 2, 3}, {12, 4, 10}, {12, 8, 10}, {32, 16, 4}, {80, 20, 10}})
    all.contenders.push_back(
        {std::to_string(s.passes) + " passes, " + std::to_string(s.capacity) + " of " + std::to_string(s.layers),
         [s] { return turn(s); }});
  return {all};
}

}  // namespace bench
