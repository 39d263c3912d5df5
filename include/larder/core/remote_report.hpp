#pragma once

#include <larder/core/time.hpp>

#include <cstdint>
#include <string_view>

namespace larder {

/// How a remote store is believed to be.
enum class remote_state : std::uint8_t {
  healthy,   ///< it is asked
  degraded,  ///< it failed lately: nothing is sent, look-ups are misses that are counted as failures
  probed,    ///< one request tries whether it has recovered
};

/// The state as one lower-case word, for logs and metric labels.
constexpr std::string_view to_string(remote_state state) noexcept {
  return state == remote_state::healthy ? "healthy" : state == remote_state::degraded ? "degraded" : "probed";
}

/// What a remote store costs and how it fares. Failures by cause are in `cache_stats::errors`.
struct remote_report {
  remote_state state = remote_state::healthy;  ///< at present
  std::uint64_t requests = 0;                  ///< sent, each try and each hedge for itself
  std::uint64_t retries = 0;                   ///< tries after the first
  std::uint64_t retries_forgone = 0;           ///< that the budget of retries did not allow
  std::uint64_t hedges = 0;                    ///< second requests for answers that were late
  std::uint64_t hedge_wins = 0;                ///< that answered first
  std::uint64_t refused_by_breaker = 0;        ///< requests that were not sent because the server had failed lately
  std::uint64_t breaker_openings = 0;          ///< how often it was found to have failed
  duration degraded_time{0};                   ///< in which it was not taken to be healthy
  std::uint64_t lookups_over_budget = 0;       ///< given up because no answer began within the look-up's budget
  std::uint64_t known_absent = 0;              ///< look-ups that were not sent because the key was absent a moment ago
  std::uint64_t bypassed = 0;                  ///< loads that did without the remote store because it is slower than loading
  std::uint64_t bytes_received = 0;            ///< of the bodies of answers that came whole
  std::uint64_t bytes_sent = 0;                ///< of the bodies of requests that were answered

  /// What has happened since an earlier report of the same store; the state is the present one.
  remote_report since(const remote_report& earlier) const noexcept {
    remote_report out = *this;
    out.requests -= earlier.requests;
    out.retries -= earlier.retries;
    out.retries_forgone -= earlier.retries_forgone;
    out.hedges -= earlier.hedges;
    out.hedge_wins -= earlier.hedge_wins;
    out.refused_by_breaker -= earlier.refused_by_breaker;
    out.breaker_openings -= earlier.breaker_openings;
    out.degraded_time -= earlier.degraded_time;
    out.lookups_over_budget -= earlier.lookups_over_budget;
    out.known_absent -= earlier.known_absent;
    out.bypassed -= earlier.bypassed;
    out.bytes_received -= earlier.bytes_received;
    out.bytes_sent -= earlier.bytes_sent;
    return out;
  }
};

}  // namespace larder
