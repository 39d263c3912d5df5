#pragma once

// Leaves an HTTP server alone that keeps failing, as a transport around a transport; when and for how long says `circuit`.
//
// A failure is no answer, or one that says the server is busy or ill (`is_transient`). Any other status, 401, 403, 404 and 412
// among them, shows that it is alive. What never left this process and what was cancelled says nothing. It stands outside
// `retry`: a request that failed four times counts as four failures in a row.

#include <larder/core/error.hpp>
#include <larder/core/remote_report.hpp>
#include <larder/remote/circuit.hpp>
#include <larder/remote/http.hpp>
#include <larder/remote/timing.hpp>

#include <string>
#include <utility>

namespace larder::remote {

/// An `http_transport` that fails at once with `error_cause::network` while the server is taken to be down. Safe from many
/// threads.
template <class Transport, class Timing = steady_timing>
class circuit_breaker {
  static_assert(http_transport<Transport>, "larder: circuit_breaker needs a transport with send(http_request) -> http_response");

 public:
  /// `inner`: what the transport inside is made of. Throws `larder::error` for options that make no sense.
  template <class... Inner>
  circuit_breaker(Timing timing, const circuit_breaker_options& options, Inner&&... inner)
      : server_(std::move(timing), options), inner_(std::forward<Inner>(inner)...) {}

  http_response send(const http_request& request) {
    return server_.run([&] { return subject_of(request); },
                       [&](typename circuit<Timing>::outcome& went) {
                         http_response answer = inner_.send(request);
                         if (is_transient(request, answer.status))
                           went = {answer.tries - 1, "answered " + std::to_string(answer.status)};
                         return answer;
                       });
  }

  void add_to(remote_report& report) const {
    server_.add_to(report);
    if constexpr (requires { inner_.add_to(report); }) inner_.add_to(report);
  }

 private:
  circuit<Timing> server_;
  Transport inner_;
};

}  // namespace larder::remote
