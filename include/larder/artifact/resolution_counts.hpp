#pragma once

#include <larder/artifact/resolution_stats.hpp>
#include <larder/core/time.hpp>
#include <larder/sync/counter.hpp>

#include <cstdint>

namespace larder::artifacts {

/// What `resolution_stats` are taken from; any number of threads.
struct resolution_counts {
  sync::counter<true> hits, negative, joined, misses, stale, resolved, failures, insertions, expirations, invalid, damaged,
      refused, resolve_time;

  resolution_stats snapshot() const noexcept {
    resolution_stats now;
    now.hits = hits.load();
    now.negative = negative.load();
    now.joined = joined.load();
    now.misses = misses.load();
    now.stale = stale.load();
    now.resolved = resolved.load();
    now.failures = failures.load();
    now.insertions = insertions.load();
    now.expirations = expirations.load();
    now.invalid = invalid.load();
    now.damaged = damaged.load();
    now.refused = refused.load();
    now.resolve_time = duration(static_cast<std::int64_t>(resolve_time.load()));
    return now;
  }
};

}  // namespace larder::artifacts
