#pragma once

#include <larder/core/time.hpp>
#include <larder/layer/layer_source.hpp>
#include <larder/layer/residency_plan.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace larder {

/// What a pass costs beside the plan: computing with each layer, and the rate at which layers come.
struct pass_costs {
  std::vector<duration> compute;  ///< by layer
  double bytes_per_second = 0;    ///< not 0 where anything is streamed
};

namespace layers {

/// What no arrangement of as many resident bytes goes below.
inline duration shortest_pass(const residency_plan& plan, std::span<const layer_info> layers, std::span<const std::size_t> order,
                              const pass_costs& costs) {
  double computing = 0;
  double loading = 0;
  for (const std::size_t i : order) {
    computing += std::chrono::duration<double>(costs.compute[i]).count();
    if (!plan.resident[i]) loading += static_cast<double>(plan.bytes_per_load(i, layers[i].size)) / costs.bytes_per_second;
  }
  return std::chrono::duration_cast<duration>(std::chrono::duration<double>(std::max(computing, loading)));
}

/// How long a pass in that order takes once the residents are there: layers come one after the other as long as there is a slot for
/// the next one, which is when the one that came so many slots before it has been used; each is used when it is there and the one
/// before it was used. O(length of the order).
inline duration predicted_pass(const residency_plan& plan, std::span<const layer_info> layers, std::span<const std::size_t> order,
                               const pass_costs& costs) {
  std::vector<double> used;  // when each streamed layer was, in the order of streaming
  double loader = 0;         // when it has loaded what it was told
  double now = 0;
  double pass_began = 0;
  for (int pass = 0; pass < 3; ++pass) {  // the first ones fill the slots
    pass_began = now;
    for (const std::size_t i : order) {
      if (!plan.resident[i]) {
        if (used.size() >= plan.stream_slots) loader = std::max(loader, used[used.size() - plan.stream_slots]);
        loader += static_cast<double>(plan.bytes_per_load(i, layers[i].size)) / costs.bytes_per_second;
        now = std::max(now, loader);
      }
      now += std::chrono::duration<double>(costs.compute[i]).count();
      if (!plan.resident[i]) used.push_back(now);
    }
  }
  const duration simulated = std::chrono::duration_cast<duration>(std::chrono::duration<double>(now - pass_began));
  return std::max(simulated, shortest_pass(plan, layers, order, costs));  // what the slots held at first may flatter a pass
}

}  // namespace layers
}  // namespace larder
