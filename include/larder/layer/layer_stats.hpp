#pragma once

#include <larder/core/cache_metrics.hpp>
#include <larder/core/stats.hpp>
#include <larder/core/time.hpp>

#include <cstdint>

namespace larder {

/// A snapshot of a layer cache's counters. Hits, misses and so `hit_rate()` count demand only: `get` and the steps of a
/// pass. `loads` counts all loads that succeeded, `load_time` includes failed ones.
struct layer_stats : cache_stats {
  std::uint64_t demand_loads = 0;       ///< loads that a `get` began itself
  std::uint64_t warmup_loads = 0;       ///< loads for `warmup`
  std::uint64_t prefetch_loads = 0;     ///< loads ahead of demand, for `prefetch_next` or a pass
  std::uint64_t prefetch_hits = 0;      ///< those of the hits whose layer was there because of a prefetch
  std::uint64_t wasted_prefetches = 0;  ///< prefetched layers that left before anybody asked for them
  std::uint64_t extra_buffers = 0;      ///< planned residency: loads for which every stream slot was held by leases
  std::uint64_t bytes_read = 0;         ///< from the source, by loads that succeeded
  std::uint64_t bytes_verified = 0;     ///< of layers that were compared with their digests when they were loaded
  std::uint64_t kept_bytes = 0;         ///< held of a layer that is streamed, so that its loads read only the rest (`plan().partial`)
  std::uint64_t shared_layers = 0;      ///< layers that were not loaded, since another cache, or a lease, had them in memory (`shared_layers`)
  std::uint64_t shared_bytes = 0;       ///< of the cached layers, in the memory of other caches: whole layers, and tensors in pages that others have read
  std::uint64_t mapped_bytes = 0;       ///< of the cached layers, those that are pages of their files (`read_path::mapped`)
  std::uint64_t damaged = 0;            ///< reads of a layer in which a tensor was not what its digest says
  duration wait_time{0};                ///< spent by `get` in loading or waiting for a load

  /// How much of the time spent in loads nobody had to wait for, in [0, 1].
  double overlap() const noexcept {
    if (load_time.count() <= 0 || wait_time >= load_time) return 0.0;
    return 1.0 - static_cast<double>(wait_time.count()) / static_cast<double>(load_time.count());
  }
};

/// Shows each figure once; `overlap()` follows from them.
template <class V>
void visit_metrics(const layer_stats& s, V& v) {
  visit_metrics(static_cast<const cache_stats&>(s), v);
  v.of("layers", [&](V& u) {
    u.count("demand_loads", "Loads that a get began itself.", s.demand_loads);
    u.count("warmup_loads", "Loads for warmup.", s.warmup_loads);
    u.count("prefetch_loads", "Loads ahead of demand.", s.prefetch_loads);
    u.count("prefetch_hits", "Hits whose layer was there because of a prefetch.", s.prefetch_hits);
    u.count("wasted_prefetches", "Prefetched layers that left before anybody asked for them.", s.wasted_prefetches);
    u.count("extra_buffers", "Loads for which every stream slot was held by leases.", s.extra_buffers);
    u.count("bytes_read", "Bytes read from the source by loads that succeeded.", s.bytes_read);
    u.count("bytes_verified", "Bytes of layers that were compared with their digests.", s.bytes_verified);
    u.gauge("kept_bytes", "Bytes held of a layer that is streamed.", s.kept_bytes);
    u.count("shared_layers", "Layers that were not loaded since somebody else had them in memory.", s.shared_layers);
    u.gauge("shared_bytes", "Bytes of the cached layers in the memory of other caches.", s.shared_bytes);
    u.gauge("mapped_bytes", "Bytes of the cached layers that are pages of their files.", s.mapped_bytes);
    u.count("damaged", "Reads of a layer in which a tensor was not what its digest says.", s.damaged);
    u.seconds("wait_time", "Time that get spent in loading or waiting for a load.", s.wait_time);
  });
}

}  // namespace larder
