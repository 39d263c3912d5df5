#pragma once

// Which layers stay in memory when a model is larger than it and is passed through again and again. For a cyclic order
// every fixed resident set of equal bytes saves the same bytes per pass, and no policy saves more; recency hits nothing.
// Where they lie matters for time: residents spread evenly over the order let the loader work through the whole pass,
// a contiguous prefix lets it idle. So: S stream slots of the largest streamed layer's size inside the budget, the rest
// for residents, spread by Bresenham's line. Layers larger than the others are made resident first where that leaves
// less to stream, because one large streamed layer makes every slot large. Where layers are not used alike (an order with
// repetitions, experts), those used most come first, since a resident byte saves as many as its layer is used; among equals they
// are spread over the order of use. What is then left of the budget is less than any streamed layer: there the first bytes of one stay.
// Cost: O(layers x distinct sizes, at most 64), once per capacity.

#include <larder/core/error.hpp>
#include <larder/core/time.hpp>
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

/// A streamed layer of which the first bytes stay in memory, so that its loads read only the rest.
struct partial_layer {
  std::size_t index = 0;
  std::uint64_t kept_bytes = 0;

  friend bool operator==(const partial_layer&, const partial_layer&) = default;
};

/// What is resident, what is streamed through how many slots, and what that costs.
struct residency_plan {
  std::vector<bool> resident;            ///< by layer
  std::size_t resident_count = 0;
  std::size_t used_residents = 0;        ///< those of them that come in the order of a pass
  std::uint64_t resident_bytes = 0;
  std::size_t stream_slots = 0;          ///< 0 when everything is resident
  std::uint64_t slot_bytes = 0;          ///< size of each
  std::optional<partial_layer> partial;  ///< what is left of the budget beside them, where that is worth it
  std::size_t loads_per_pass = 0;        ///< from the second pass on; by use, of as many accesses as there are layers
  std::uint64_t bytes_per_pass = 0;      ///< from the second pass on; by use, of as many accesses as there are layers
  std::uint64_t total_bytes = 0;         ///< the first pass reads them all
  bool by_use = false;                   ///< residents are those that were asked for most, as accesses follow no order
  std::optional<duration> predicted_pass;  ///< how long a pass takes, once passes have shown what loading and computing cost
  std::optional<duration> shortest_pass;   ///< what no plan with these costs goes below: computing, or reading what is not resident

  std::uint64_t footprint() const noexcept { return resident_bytes + stream_slots * slot_bytes + kept_bytes(); }
  /// Of the partial layer.
  std::uint64_t kept_bytes() const noexcept { return partial ? partial->kept_bytes : 0; }
  /// What a load of that layer, which has so many bytes, reads once the cache has seen it.
  std::uint64_t bytes_per_load(std::size_t layer, std::uint64_t size) const noexcept {
    return partial && partial->index == layer ? size - partial->kept_bytes : size;
  }
  /// Loads of that many passes in the planned order, begun with an empty cache.
  std::uint64_t expected_loads(std::uint64_t passes) const noexcept {
    return passes == 0 ? 0 : used_residents + passes * loads_per_pass;
  }
};

namespace layers {

/// The limits in force; the largest number where there is none.
struct limits {
  std::uint64_t bytes = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t entries = std::numeric_limits<std::uint64_t>::max();
};

/// How layers are used: in which order, and how often each relative to the others. Of each layer once where nothing was said.
struct layer_uses {
  std::vector<std::size_t> order;
  std::vector<std::uint64_t> counts;  // by layer

  static layer_uses of_each_once(std::size_t layers) {
    layer_uses uses;
    uses.order.resize(layers);
    std::iota(uses.order.begin(), uses.order.end(), std::size_t{0});
    uses.counts.assign(layers, 1);
    return uses;
  }
  /// In the order of their first use; layers that are never used come last.
  static layer_uses of_order(std::span<const std::size_t> order, std::size_t layers) {
    layer_uses uses;
    uses.counts.assign(layers, 0);
    for (const std::size_t i : order)
      if (uses.counts[i]++ == 0) uses.order.push_back(i);
    for (std::size_t i = 0; i < layers; ++i)
      if (uses.counts[i] == 0) uses.order.push_back(i);
    return uses;
  }
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

/// Of `candidates` (in order) those used most, evenly among those used alike, within both limits.
inline std::vector<std::size_t> choose_residents(const std::vector<std::size_t>& candidates, const std::vector<std::uint64_t>& counts,
                                                 std::span<const std::uint64_t> sizes, limits room) {
  std::vector<std::size_t> by_count = candidates;
  std::stable_sort(by_count.begin(), by_count.end(), [&](std::size_t a, std::size_t b) { return counts[a] > counts[b]; });
  std::vector<std::size_t> chosen;
  for (std::size_t first = 0; first < by_count.size();) {
    std::size_t last = first;
    while (last < by_count.size() && counts[by_count[last]] == counts[by_count[first]]) ++last;
    for (const std::size_t i : spread(std::span(by_count).subspan(first, last - first), sizes, room)) {
      chosen.push_back(i);
      room.bytes -= sizes[i];
      --room.entries;
    }
    first = last;
  }
  return chosen;
}

/// Whether the beginning of a layer may stay while the rest is read: not where the source reads whole layers only.
enum class partial_layers : bool { none, one };

/// Fewer bytes than that come in the time that a disk takes to answer at all: keeping them would save nothing.
inline constexpr std::uint64_t least_kept = std::uint64_t{64} << 10U;
/// What is kept are whole pages, so that the rest lies in its page as the layer does.
inline constexpr std::uint64_t kept_unit = 4096;

/// Which layer a plan without one keeps in part, of those that it streams: the one that is used most, the first of them in the order of
/// use. All of them have more bytes than are left, or they would be resident, unless entries ran out; a part counts as one.
inline std::optional<partial_layer> choose_partial(const residency_plan& plan, const limits& capacity, const layer_uses& uses) {
  if (plan.resident_count + plan.stream_slots >= capacity.entries) return std::nullopt;
  std::optional<std::size_t> best;
  for (const std::size_t i : uses.order)
    if (!plan.resident[i] && uses.counts[i] != 0 && (!best || uses.counts[i] > uses.counts[*best])) best = i;
  const std::uint64_t kept = (capacity.bytes - plan.footprint()) / kept_unit * kept_unit;
  if (!best || kept < least_kept) return std::nullopt;
  return partial_layer{*best, kept};
}

/// The plan for these layers, used like that; throws `larder::error` when not even the largest layer alone fits.
inline residency_plan plan_residency(std::span<const layer_info> layers, const limits& capacity, std::size_t wanted_slots,
                                     const layer_uses& uses, partial_layers parts = partial_layers::one) {
  std::vector<std::uint64_t> sizes;
  sizes.reserve(layers.size());
  for (const layer_info& l : layers) sizes.push_back(l.size);
  residency_plan plan;
  plan.total_bytes = std::accumulate(sizes.begin(), sizes.end(), std::uint64_t{0});
  plan.resident.assign(layers.size(), true);
  plan.resident_count = layers.size();
  plan.used_residents = layers.size() - static_cast<std::size_t>(std::count(uses.counts.begin(), uses.counts.end(), 0U));
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
        if (uses.counts[i] != 0) ++candidate.used_residents;
        candidate.resident_bytes += sizes[i];
      };
      std::vector<std::size_t> others;
      for (const std::size_t i : uses.order)
        if (sizes[i] > slot_bytes)
          keep(i);
        else
          others.push_back(i);
      if (slot_bytes > capacity.bytes / slots || candidate.resident_bytes > capacity.bytes - slots * slot_bytes) continue;
      if (slots > capacity.entries || candidate.resident_count > capacity.entries - slots) continue;
      const limits room{capacity.bytes - candidate.footprint(), capacity.entries - slots - candidate.resident_count};
      for (const std::size_t i : choose_residents(others, uses.counts, sizes, room)) keep(i);
      for (std::size_t i = 0; i < sizes.size(); ++i)
        if (!candidate.resident[i]) {
          candidate.loads_per_pass += uses.counts[i];
          candidate.bytes_per_pass += uses.counts[i] * sizes[i];
        }
      if (!found || candidate.bytes_per_pass < plan.bytes_per_pass) plan = std::move(candidate);
      found = true;
    }
  if (parts == partial_layers::one) plan.partial = choose_partial(plan, capacity, uses);
  if (plan.partial) plan.bytes_per_pass -= uses.counts[plan.partial->index] * plan.partial->kept_bytes;
  return plan;
}
/// The plan for passes over each layer once, in their order.
inline residency_plan plan_residency(std::span<const layer_info> layers, const limits& capacity, std::size_t wanted_slots,
                                     partial_layers parts = partial_layers::one) {
  return plan_residency(layers, capacity, wanted_slots, layer_uses::of_each_once(layers.size()), parts);
}

}  // namespace layers
}  // namespace larder
