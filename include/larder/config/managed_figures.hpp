#pragma once

#include <larder/core/cache_metrics.hpp>
#include <larder/core/latency_report.hpp>
#include <larder/core/stats.hpp>
#include <larder/observe/cache_extent.hpp>
#include <larder/tiered_stats.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace larder {

/// What one tier of a managed cache counted, holds and may hold.
struct managed_tier_figures {
  std::string_view kind;  ///< `memory`, `disk` or `remote`
  cache_stats stats;
  observe::cache_extent extent;  ///< nothing of a remote tier, which would have to list what other machines have put there too
};

/// What a managed cache did, as a whole and tier by tier; what `metrics` and `metrics_server` show of it. No figure of the whole is a
/// sum of the tiers' that would be counted twice beside them.
struct managed_figures : tiered_counts {
  std::uint64_t entries = 0;                ///< in memory or on disk, whichever has more
  std::vector<managed_tier_figures> tiers;  ///< fastest first
  std::optional<latency_report> latency;    ///< of the whole; where settings say `latency = true`
};

template <class V>
void visit_metrics(const managed_figures& f, V& v) {
  visit_metrics(static_cast<const tiered_counts&>(f), v);
  v.of("tiers", [&](V& u) { u.gauge("entries", "Entries in memory or on disk, whichever has more.", f.entries); });
  if (f.latency) visit_metrics(*f.latency, v);
  for (std::size_t i = 0; i < f.tiers.size(); ++i)
    v.part("tier", i, [&](V& u) {
      u.state("tier_kind", "What the tier is.", "kind", f.tiers[i].kind);
      visit_metrics(f.tiers[i].stats, u);
      observe::visit_metrics(f.tiers[i].extent, u);
    });
}

}  // namespace larder
