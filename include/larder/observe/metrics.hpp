#pragma once

// Figures of caches for machines: every counter of `stats()` as Prometheus text or as JSON. Collecting and printing one cache takes some
// 20 us, and the caches' own cost is that of `stats()`; nothing is kept between two collections.

#include <larder/core/cache_metrics.hpp>
#include <larder/core/metric_visitor.hpp>
#include <larder/limit/max_bytes.hpp>
#include <larder/limit/max_entries.hpp>
#include <larder/limit/max_weight.hpp>
#include <larder/observe/json_figures.hpp>
#include <larder/observe/prometheus_page.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace larder {

/// Collects figures: `larder::metrics all; all.add("names", cache); std::string text = all.prometheus();`. Not safe from many threads.
class metrics {
 public:
  /// What a cache counts, under a name that labels it; or the stats of one. Names are for people and may be any text; two caches of one
  /// process should not share one.
  template <class Source>
  void add(std::string_view name, const Source& source) {
    static_assert(metric_visitor<observe::prometheus_page> && metric_visitor<observe::json_figures>);
    page_.begin(name);
    observe::json_figures figures(name);
    if constexpr (requires { source.stats(); }) {
      const auto stats = source.stats();
      show(stats, page_);
      show(stats, figures);
      show_extent(source, page_);
      show_extent(source, figures);
    } else {
      show(source, page_);
      show(source, figures);
    }
    (json_ += json_.empty() ? "" : ",\n ") += figures.text();
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
  template <class Cache, class Visitor>
  static void show_extent(const Cache& cache, Visitor& to) {
    to.of("cache", [&](Visitor& v) {
      if constexpr (requires { v.gauge("", "", std::uint64_t{cache.size()}); })
        v.gauge("entries", "Entries in the cache.", std::uint64_t{cache.size()});
      if constexpr (requires { v.gauge("", "", std::uint64_t{cache.weight()}); })
        v.gauge("weight", "What the entries weigh in all, in the unit of the cache's limit.", std::uint64_t{cache.weight()});
      show_limit<max_entries>(cache, v, "capacity_entries");
      show_limit<max_bytes>(cache, v, "capacity_bytes");
      show_limit<max_weight>(cache, v, "capacity_weight");
    });
  }

  template <class Limit, class Cache, class Visitor>
  static void show_limit(const Cache& cache, Visitor& to, std::string_view name) {
    if constexpr (requires { requires Cache::template keeps<Limit>; })
      to.gauge(name, "The cache's limit.", std::uint64_t{cache.template capacity<Limit>()});
  }

  observe::prometheus_page page_;
  std::string json_;
};

}  // namespace larder
