#pragma once

// Which layers stay in memory when a model is larger than it and is passed through again and again. For a cyclic order
// every fixed resident set of equal bytes saves the same bytes per pass, and no policy saves more; recency hits nothing.
// Where they lie matters for time: residents spread evenly over the order let the loader work through the whole pass,
// a contiguous prefix lets it idle. So: S stream slots of the largest streamed layer's size inside the budget, the rest
// for residents, spread by Bresenham's line. Layers larger than the others are made resident first where that leaves
// less to stream, because one large streamed layer makes every slot large.
// Cost: O(layers x distinct sizes, at most 64), once per capacity.

#include <larder/core/error.hpp>
#include <larder/core/units.hpp>
#include <larder/layer/layer_source.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace larder {

/// What is resident, what is streamed through how many slots, and what that costs.
struct residency_plan {
  std::vector<bool> resident;            ///< by layer
  std::size_t resident_count = 0;
  std::uint64_t resident_bytes = 0;
  std::size_t stream_slots = 0;          ///< 0 when everything is resident
  std::uint64_t slot_bytes = 0;          ///< size of each
  std::size_t loads_per_pass = 0;        ///< from the second pass on
  std::uint64_t bytes_per_pass = 0;      ///< from the second pass on
  std::uint64_t total_bytes = 0;         ///< the first pass reads them all

  std::uint64_t footprint() const noexcept { return resident_bytes + stream_slots * slot_bytes; }
  /// Loads of that many passes in the layers' order, begun with an empty cache.
  std::uint64_t expected_loads(std::uint64_t passes) const noexcept {
    return passes == 0 ? 0 : resident.size() + (passes - 1) * loads_per_pass;
  }
};

namespace layers {

/// The limits in force; the largest number where there is none.
struct limits {
  std::uint64_t bytes = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t entries = std::numeric_limits<std::uint64_t>::max();
};

/// Chooses evenly from `candidates` (in order) within both limits; the first one is chosen before the others.
inline std::vector<std::size_t> spread(std::span<const std::size_t> candidates, std::span<const std::uint64_t> sizes, const limits& room) {
  std::vector<std::size_t> chosen;
  if (candidates.empty()) return chosen;
  std::uint64_t sum = 0;
  bool equal = true;
  for (const std::size_t i : candidates) {
    sum += sizes[i];
    equal = equal && sizes[i] == sizes[candidates[0]];
  }
  const std::uint64_t n = candidates.size();
  if (equal) {
    const std::uint64_t size = sizes[candidates[0]];
    const std::uint64_t fit = std::min({n, room.entries, size == 0 ? n : room.bytes / size});
    for (std::uint64_t k = 0; k < n && chosen.size() < fit; ++k)
      if (chosen.size() * n <= k * fit) chosen.push_back(candidates[k]);
    return chosen;
  }
  const long double target = std::min(static_cast<long double>(room.bytes), static_cast<long double>(room.entries) *
                                                                                static_cast<long double>(sum) / static_cast<long double>(n));
  std::vector<std::size_t> rest;
  std::uint64_t taken = 0;
  std::uint64_t passed = 0;
  for (const std::size_t i : candidates) {
    const bool due = static_cast<long double>(taken) * static_cast<long double>(sum) <= static_cast<long double>(passed) * target;
    passed += sizes[i];
    if (due && sizes[i] <= room.bytes - taken && chosen.size() < room.entries) {
      chosen.push_back(i);
      taken += sizes[i];
    } else {
      rest.push_back(i);
    }
  }
  std::stable_sort(rest.begin(), rest.end(), [&](std::size_t a, std::size_t b) { return sizes[a] > sizes[b]; });
  for (const std::size_t i : rest)
    if (sizes[i] <= room.bytes - taken && chosen.size() < room.entries) {
      chosen.push_back(i);
      taken += sizes[i];
    }
  return chosen;
}

/// The plan for these layers; throws `larder::error` when not even the largest layer alone fits.
inline residency_plan plan_residency(std::span<const layer_info> layers, const limits& capacity, std::size_t wanted_slots) {
  std::vector<std::uint64_t> sizes;
  sizes.reserve(layers.size());
  for (const layer_info& l : layers) sizes.push_back(l.size);
  residency_plan plan;
  plan.total_bytes = std::accumulate(sizes.begin(), sizes.end(), std::uint64_t{0});
  plan.resident.assign(layers.size(), true);
  plan.resident_count = layers.size();
  plan.resident_bytes = plan.total_bytes;
  if (plan.total_bytes <= capacity.bytes && layers.size() <= capacity.entries) return plan;

  const auto largest = std::max_element(sizes.begin(), sizes.end());
  if (capacity.entries == 0 || *largest > capacity.bytes) {
    const auto& name = layers[static_cast<std::size_t>(largest - sizes.begin())].name;
    core::fail(error_cause::invalid_argument,
               capacity.entries == 0 ? std::string("a layer_cache of 0 layers cannot serve any; give max_entries of at least 1")
                                     : "layer \"" + name + "\" has " + std::to_string(*largest) + " bytes (" + format_size(*largest) +
                                           "), more than the layer_cache may hold (" + std::to_string(capacity.bytes) +
                                           "); give max_bytes of at least that, or three times that to overlap loading and computing");
  }
  std::vector<std::uint64_t> thresholds = sizes;
  std::sort(thresholds.begin(), thresholds.end(), std::greater<>());
  thresholds.erase(std::unique(thresholds.begin(), thresholds.end()), thresholds.end());
  if (thresholds.size() > 64) {
    std::vector<std::uint64_t> some;
    for (std::size_t k = 0; k < 64; ++k) some.push_back(thresholds[k * thresholds.size() / 64]);
    thresholds = std::move(some);
  }

  bool found = false;
  for (std::size_t slots = std::max<std::size_t>(wanted_slots, 1); slots >= 1 && !found; --slots)
    for (const std::uint64_t slot_bytes : thresholds) {
      residency_plan candidate;
      candidate.total_bytes = plan.total_bytes;
      candidate.resident.assign(layers.size(), false);
      candidate.stream_slots = slots;
      candidate.slot_bytes = slot_bytes;
      const auto keep = [&](std::size_t i) {
        candidate.resident[i] = true;
        ++candidate.resident_count;
        candidate.resident_bytes += sizes[i];
      };
      std::vector<std::size_t> others;
      for (std::size_t i = 0; i < sizes.size(); ++i)
        if (sizes[i] > slot_bytes)
          keep(i);
        else
          others.push_back(i);
      if (slot_bytes > capacity.bytes / slots || candidate.resident_bytes > capacity.bytes - slots * slot_bytes) continue;
      if (slots > capacity.entries || candidate.resident_count > capacity.entries - slots) continue;
      const limits room{capacity.bytes - candidate.footprint(), capacity.entries - slots - candidate.resident_count};
      for (const std::size_t i : spread(others, sizes, room)) keep(i);
      candidate.loads_per_pass = layers.size() - candidate.resident_count;
      candidate.bytes_per_pass = candidate.total_bytes - candidate.resident_bytes;
      if (!found || candidate.bytes_per_pass < plan.bytes_per_pass) plan = std::move(candidate);
      found = true;
    }
  return plan;
}

}  // namespace layers
}  // namespace larder
