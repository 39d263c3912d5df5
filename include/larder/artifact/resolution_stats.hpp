#pragma once

#include <larder/core/cache_metrics.hpp>
#include <larder/core/stats.hpp>
#include <larder/core/time.hpp>

#include <cstdint>

namespace larder {

/// What a `resolution_cache` did since it was made. Each `resolve` and `find` counts as one of hits, negative, joined and misses, or with `offline` as one of
/// hits, negative, stale and misses.
struct resolution_stats {
  std::uint64_t hits = 0;      ///< answers that were kept and hold
  std::uint64_t negative = 0;  ///< "there is none", kept and holding
  std::uint64_t joined = 0;    ///< waited for a resolver that another thread ran
  std::uint64_t misses = 0;    ///< nothing that holds: the resolver was needed
  std::uint64_t stale =
      0;  ///< answers beyond their time that were served: offline, or after a miss because the provider could not be reached
  std::uint64_t resolved = 0;     ///< resolvers that returned, or said that there is none
  std::uint64_t failures = 0;     ///< resolvers that threw something else
  std::uint64_t insertions = 0;   ///< answers that were stored
  std::uint64_t expirations = 0;  ///< entries that left because their time was over
  std::uint64_t invalid = 0;      ///< entries that left because `valid` said no
  std::uint64_t damaged = 0;      ///< entries that left because they could not be read, or were for another request
  std::uint64_t refused = 0;      ///< answers that `guard` kept back, and answers that could not be stored
  duration resolve_time{0};       ///< spent in resolvers, failed ones included
  error_counts errors;            ///< failures that were absorbed, by cause
};

/// Shows each figure once.
template <class V>
void visit_metrics(const resolution_stats& s, V& v) {
  v.of("resolution", [&](V& u) {
    u.count("hits", "Answers that were kept and hold.", s.hits);
    u.count("negative", "Answers that there is none, kept and holding.", s.negative);
    u.count("joined", "Waits for a resolver that another thread ran.", s.joined);
    u.count("misses", "Requests for which the resolver was needed.", s.misses);
    u.count("stale", "Answers beyond their time that were served.", s.stale);
    u.count("resolved", "Resolvers that returned, or said that there is none.", s.resolved);
    u.count("failures", "Resolvers that threw something else.", s.failures);
    u.count("insertions", "Answers that were stored.", s.insertions);
    u.count("expirations", "Entries that left because their time was over.", s.expirations);
    u.count("invalid", "Entries that left because they were found invalid.", s.invalid);
    u.count("damaged", "Entries that left because they could not be read, or were for another request.", s.damaged);
    u.count("refused", "Answers that were kept back or could not be stored.", s.refused);
    u.seconds("resolve_time", "Time spent in resolvers, failed ones included.", s.resolve_time);
    visit_metrics(s.errors, u);
  });
}

}  // namespace larder
