#pragma once

// Figures of caches for machines: every counter of `stats()` as Prometheus text or as JSON. Collecting and printing one cache takes some
// 25 us, and the caches' own cost is that of `stats()`; nothing is kept between two collections.

#include <larder/core/cache_metrics.hpp>
#include <larder/core/metric_visitor.hpp>
#include <larder/observe/cache_collection.hpp>
#include <larder/observe/cache_extent.hpp>
#include <larder/observe/json_figures.hpp>
#include <larder/observe/prometheus_page.hpp>

#include <string>
#include <string_view>

namespace larder {

/// Collects figures: `larder::metrics all; all.add("names", cache); std::string text = all.prometheus();`. Not safe from many threads.
class metrics {
 public:
  /// What a cache counts, under a name that labels it; or the stats of one. Names are for people and may be any text; two caches of one
  /// process should not share one. What has `figures()` besides `stats()`, as a managed cache has, is shown by these, tier by tier.
  template <class Source>
  void add(std::string_view name, const Source& source) {
    static_assert(metric_visitor<observe::prometheus_page> && metric_visitor<observe::json_figures>);
    page_.begin(name);
    observe::json_figures figures(name);
    if constexpr (requires { source.figures(); }) {
      const auto all = source.figures();
      show(all, page_);
      show(all, figures);
    } else if constexpr (requires { source.stats(); }) {
      const auto stats = source.stats();
      const observe::cache_extent extent = observe::extent_of(source);
      show(stats, page_);
      show(stats, figures);
      show(extent, page_);
      show(extent, figures);
    } else {
      show(source, page_);
      show(source, figures);
    }
    (json_ += json_.empty() ? "" : ",\n ") += figures.text();
  }
  /// What each cache of a `cache_manager` counts, under its name.
  template <observe::cache_collection Caches>
  void add(const Caches& all) {
    for (const auto& name : all.names()) add(name, all.at(name));
  }

  /// The text format 0.0.4.
  std::string prometheus() const { return page_.text(); }
  /// An array of objects, one per cache.
  std::string json() const { return "[" + json_ + "]"; }

 private:
  template <class Stats, class Visitor>
  static void show(const Stats& stats, Visitor& to) {
    static_assert(
        requires { visit_metrics(stats, to); },
        "larder: metrics shows caches, and stats for which there is a visit_metrics(stats, visitor); see "
        "larder/core/metric_visitor.hpp");
    visit_metrics(stats, to);
  }
  observe::prometheus_page page_;
  std::string json_;
};

}  // namespace larder
