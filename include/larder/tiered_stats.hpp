#pragma once

#include <larder/core/cache_metrics.hpp>
#include <larder/core/stats.hpp>
#include <larder/core/time.hpp>

#include <array>
#include <cstddef>
#include <cstdint>

namespace larder {

/// What only the whole of several tiers can count; no sum of what they counted.
struct tiered_counts {
  std::uint64_t hits = 0;        ///< demand look-ups that some tier answered
  std::uint64_t misses = 0;      ///< demand look-ups that none did
  std::uint64_t promotions = 0;  ///< values copied into a faster tier after a hit in a slower one
  std::uint64_t loads = 0;
  std::uint64_t load_failures = 0;
  std::uint64_t joined = 0;  ///< look-ups that waited for another one's search or load
  duration load_time{0};
  std::uint64_t owed_bytes = 0;  ///< of values that `write_back` tiers still have to take
  std::uint64_t dropped = 0;     ///< acknowledged values that they never took, as they owed too much (`full_queue::drop_oldest`)

  double hit_rate() const noexcept {
    return hits + misses == 0 ? 0.0 : static_cast<double>(hits) / static_cast<double>(hits + misses);
  }
};

/// What the whole counted, and each tier, fastest first.
template <std::size_t Tiers>
struct tiered_stats : tiered_counts {
  std::array<cache_stats, Tiers> tiers;

  const cache_stats& operator[](std::size_t tier) const noexcept { return tiers[tier]; }
  static constexpr std::size_t size() noexcept { return Tiers; }
  auto begin() const noexcept { return tiers.begin(); }
  auto end() const noexcept { return tiers.end(); }
};

template <class V>
void visit_metrics(const tiered_counts& s, V& v) {
  v.of("tiers", [&](V& u) {
    u.count("hits", "Demand look-ups that some tier answered.", s.hits);
    u.count("misses", "Demand look-ups that none did.", s.misses);
    u.count("promotions", "Values copied into a faster tier after a hit in a slower one.", s.promotions);
    u.count("loads", "Loaders that returned.", s.loads);
    u.count("load_failures", "Loaders that threw.", s.load_failures);
    u.count("joined", "Look-ups that waited for another one's search or load.", s.joined);
    u.seconds("load_time", "Time spent in loaders, failed ones included.", s.load_time);
    u.gauge("owed_bytes", "Bytes of values that write_back tiers still have to take.", s.owed_bytes);
    u.count("dropped", "Acknowledged values that they never took.", s.dropped);
  });
}

/// Shows each figure once: those of the whole, and each tier's.
template <std::size_t Tiers, class V>
void visit_metrics(const tiered_stats<Tiers>& s, V& v) {
  visit_metrics(static_cast<const tiered_counts&>(s), v);
  for (std::size_t i = 0; i < Tiers; ++i) v.part("tier", i, [&](V& u) { visit_metrics(s.tiers[i], u); });
}

}  // namespace larder
