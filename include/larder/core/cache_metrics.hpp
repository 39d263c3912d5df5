#pragma once

#include <larder/core/error.hpp>
#include <larder/core/hit_ratio_curve.hpp>
#include <larder/core/metric_visitor.hpp>
#include <larder/core/remote_report.hpp>
#include <larder/core/stats.hpp>

#include <array>
#include <cstddef>
#include <string_view>

namespace larder {

/// The failures of each cause.
template <class V>
void visit_metrics(const error_counts& errors, V& v) {
  for (std::size_t i = 0; i < error_cause_count; ++i)
    v.count_by("errors", "Failures that were absorbed, by cause.", "cause", to_string(static_cast<error_cause>(i)),
               errors.by_cause[i]);
}

template <class V>
void visit_metrics(const remote_report& r, V& v) {
  v.of("remote", [&](V& u) {
    u.state("state", "How the remote store is believed to be.", "state", to_string(r.state));
    u.count("requests", "Requests sent, each try and each hedge for itself.", r.requests);
    u.count("retries", "Tries after the first.", r.retries);
    u.count("retries_forgone", "Tries that the budget of retries did not allow.", r.retries_forgone);
    u.count("hedges", "Second requests for answers that were late.", r.hedges);
    u.count("hedge_wins", "Second requests that answered first.", r.hedge_wins);
    u.count("refused_by_breaker", "Requests that were not sent because the server had failed lately.", r.refused_by_breaker);
    u.count("breaker_openings", "How often the server was found to have failed.", r.breaker_openings);
    u.seconds("degraded_time", "Time in which it was not taken to be healthy.", r.degraded_time);
    u.count("lookups_over_budget", "Look-ups given up because no answer began within their budget.", r.lookups_over_budget);
    u.count("known_absent", "Look-ups that were not sent because the key was absent a moment ago.", r.known_absent);
    u.count("bypassed", "Loads that did without the remote store because it is slower than loading.", r.bypassed);
    u.count("bytes_received", "Bytes of the bodies of answers that came whole.", r.bytes_received);
    u.count("bytes_sent", "Bytes of the bodies of requests that were answered.", r.bytes_sent);
  });
}

template <class V>
void visit_metrics(const eviction_report& e, V& v) {
  v.of("eviction", [&](V& u) {
    u.state("behaves_as", "What the eviction order does at present.", "order", e.behaves_as);
    u.note("reason", e.reason);
    u.count("switches", "How often the behaviour has changed.", e.switches);
    u.gauge("sampled_share", "Share of the keys on which the candidates are tried.", e.sampled_share);
    u.gauge("parts", "Parts of the cache, each of which decides by itself.", static_cast<std::uint64_t>(e.parts));
    u.gauge("parts_alike", "Parts that behave as the most common one.", static_cast<std::uint64_t>(e.parts_alike));
    for (const eviction_report::candidate& c : e.candidates)
      u.gauge_by("candidate_hit_ratio", "Hit ratio of late of each candidate among the keys it was tried on.", "order", c.name,
                 c.hit_ratio);
  });
}

template <class V>
void visit_metrics(const hit_ratio_curve& c, V& v) {
  constexpr std::array<std::string_view, 7> multiples{"0.125", "0.25", "0.5", "1", "2", "4", "8"};
  v.of("curve", [&](V& u) {
    u.state("unit", "What the capacity counts.", "unit",
            c.unit == capacity_unit::bytes    ? "bytes"
            : c.unit == capacity_unit::weight ? "weight"
                                              : "entries");
    u.gauge("capacity", "The capacity of today.", c.capacity);
    for (std::size_t i = 0; i < multiples.size(); ++i)
      u.gauge_by("hit_ratio", "Hit ratio of an lru cache of a multiple of today's capacity.", "multiple", multiples[i],
                 c.hit_ratios[i * hit_ratio_curve::steps_per_doubling]);
    u.gauge("look_ups", "Look-ups that the curve tells of.", c.look_ups);
    u.gauge("sampled", "Look-ups that were followed.", c.sampled);
    u.gauge("sampling_rate", "Share of the keys that is followed.", c.sampling_rate);
    u.gauge("settled", "1 when that was enough traffic to go by.", std::uint64_t{c.settled ? 1U : 0U});
  });
}

template <class V>
void visit_metrics(const latency_report& l, V& v) {
  v.of("latency", [&](V& u) {
    u.latency("get", l.get);
    u.latency("put", l.put);
    u.latency("load", l.load);
    u.gauge("every", "One of so many gets and puts was timed.", std::uint64_t{l.every});
  });
}

template <class V>
void visit_metrics(const cache_stats& s, V& v) {
  v.of("cache", [&](V& u) {
    u.count("hits", "Demand look-ups that found a live entry.", s.hits);
    u.count("misses", "Demand look-ups that did not.", s.misses);
    u.count("insertions", "Values stored, replacements included.", s.insertions);
    u.count("evictions", "Entries that left for want of room.", s.evictions);
    u.count("expirations", "Entries that left because their time was over.", s.expirations);
    u.count("refused", "Puts that were not stored.", s.refused);
    u.count("loads", "Loaders that returned.", s.loads);
    u.count("load_failures", "Loaders that threw.", s.load_failures);
    u.count("joined", "Look-ups that waited for a load that somebody else had begun.", s.joined);
    u.seconds("load_time", "Time spent in loaders, failed ones included.", s.load_time);
    visit_metrics(s.errors, u);
    u.gauge("pinned_bytes", "Bytes held by callers after their entry left.", s.pinned_bytes);
    u.gauge("overhead_bytes", "Memory for the index and bookkeeping, payloads not counted.", s.overhead_bytes);
    u.count("hit_bytes", "Bytes of the values that hits found, where bytes are counted.", s.hit_bytes);
    u.count("missed_bytes", "Bytes of the values put for keys that were not there, where bytes are counted.", s.missed_bytes);
    u.gauge("stored_bytes", "Bytes that the values in the cache take, where bytes are counted.", s.stored_bytes);
    u.gauge("logical_bytes", "Bytes that they have for callers.", s.logical_bytes);
  });
  if (s.eviction) visit_metrics(*s.eviction, v);
  if (s.remote) visit_metrics(*s.remote, v);
  if (s.curve) visit_metrics(*s.curve, v);
  if (s.latency) visit_metrics(*s.latency, v);
}

}  // namespace larder
