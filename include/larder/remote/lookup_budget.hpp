#pragma once

#include <larder/core/error.hpp>
#include <larder/core/remote_report.hpp>
#include <larder/remote/http.hpp>
#include <larder/remote/timing.hpp>
#include <larder/sync/counter.hpp>

#include <algorithm>
#include <chrono>
#include <utility>

namespace larder::remote {

/// An `http_transport` that gives each look-up (GET, HEAD) so long until an answer begins, waiting in line, retries and the pauses between them included;
/// 0: as long as it takes. A body that has begun to come may take longer: the limits per try watch it. Each request of a look-up that
/// needs several has the budget for itself. Stands outermost; safe from many threads.
template <class Transport, class Timing = steady_timing>
class lookup_budget {
  static_assert(http_transport<Transport>, "larder: lookup_budget needs a transport with send(http_request) -> http_response");

 public:
  /// `inner`: what the transport inside is made of. Throws `larder::error` for a negative budget.
  template <class... Inner>
  lookup_budget(Timing timing, std::chrono::milliseconds budget, Inner&&... inner)
      : timing_(std::move(timing)), budget_(budget), inner_(std::forward<Inner>(inner)...) {
    if (budget.count() < 0) core::fail(error_cause::invalid_argument, "lookup_budget must not be negative; 0 is none");
  }

  http_response send(const http_request& request) {
    if (budget_.count() == 0 || (request.method != "GET" && request.method != "HEAD")) return inner_.send(request);
    const typename Timing::time_point end = timing_.now() + budget_;
    if (request.answer_by <= end) return inner_.send(request);
    http_request hurried = request;
    hurried.answer_by = end;
    try {
      return inner_.send(hurried);
    } catch (const error& e) {
      if (e.cause() == error_cause::timeout && timing_.now() >= end) over_.add();
      throw;
    }
  }

  void add_to(remote_report& report) const {
    report.lookups_over_budget += over_.load();
    if constexpr (requires { inner_.add_to(report); }) inner_.add_to(report);
  }

 private:
  Timing timing_;
  const std::chrono::milliseconds budget_;
  sync::counter<true> over_;
  Transport inner_;
};

}  // namespace larder::remote
