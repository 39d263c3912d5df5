#pragma once

// How a remote store is kept from hurting its callers, as a stack of transports. Outermost first:
//
//   lookup_budget    a look-up has 2 s until an answer begins
//   circuit_breaker  a server that keeps failing is left alone
//   retry            what failed for a passing reason is sent again
//   hedge            what is late is sent a second time
//   in_flight_limit  so much at once
//   metered          counts
//   (the transport)  signs each try, limits the time of each try
//
// Above the store, in the engine of a cache: what is known to be absent, and the bypass of a store that is slower than loading.

#include <larder/core/remote_report.hpp>
#include <larder/remote/circuit_breaker.hpp>
#include <larder/remote/hedge.hpp>
#include <larder/remote/http.hpp>
#include <larder/remote/in_flight_limit.hpp>
#include <larder/remote/lookup_budget.hpp>
#include <larder/remote/metered.hpp>
#include <larder/remote/retry.hpp>
#include <larder/remote/timing.hpp>
#include <larder/sync/absent_keys.hpp>
#include <larder/sync/cost_gate.hpp>

#include <chrono>
#include <utility>

namespace larder {

/// What a remote store does about failures, slowness and load: `http_blob{webdav{...}, resilience{.retry = {.tries = 2}}}`.
struct resilience {
  std::chrono::milliseconds lookup_budget{
      2'000};  ///< until the answer to a look-up begins, retries included; 0: as long as it takes
  circuit_breaker_options breaker{};
  retry_options retry{};
  hedge_options hedge{};
  in_flight_options in_flight{};
  absent_keys_options absent{};
  cost_gate_options bypass{};

  /// Everything off: each request goes once, and waits as long as `remote_timeouts` says.
  static resilience none() {
    resilience out;
    out.lookup_budget = std::chrono::milliseconds{0};
    out.breaker.on = false;
    out.retry.tries = 1;
    out.hedge.on = false;
    out.in_flight.requests = 0;
    out.in_flight.bytes = 0;
    out.absent.period = std::chrono::milliseconds{0};
    out.bypass.on = false;
    return out;
  }
};

namespace remote {

/// The stack around a transport.
template <class Transport, class Timing = steady_timing>
using resilient_stack =
    lookup_budget<circuit_breaker<retry<hedge<in_flight_limit<metered<Transport>, Timing>, Timing>, Timing>, Timing>, Timing>;

/// The stack with the options of a `resilience`. An `http_transport`.
template <class Transport, class Timing = steady_timing>
class resilient {
 public:
  /// `inner`: what the transport inside is made of. Throws `larder::error` for options that make no sense.
  template <class... Inner>
  resilient(const Timing& timing, const resilience& options, Inner&&... inner)
      : stack_(timing, options.lookup_budget, timing, options.breaker, timing, options.retry, timing, options.hedge, timing,
               options.in_flight, std::forward<Inner>(inner)...) {}

  http_response send(const http_request& request) { return stack_.send(request); }

  remote_report report() const {
    remote_report out;
    stack_.add_to(out);
    return out;
  }

 private:
  resilient_stack<Transport, Timing> stack_;
};

}  // namespace remote
}  // namespace larder
