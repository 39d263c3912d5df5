#pragma once

#include <larder/core/remote_report.hpp>
#include <larder/remote/http.hpp>
#include <larder/sync/counter.hpp>

#include <utility>

namespace larder::remote {

/// An `http_transport` that counts what goes through it. Stands innermost but for signing, so that each try counts. Safe from many threads.
template <class Transport>
class metered {
  static_assert(http_transport<Transport>, "larder: metered needs a transport with send(http_request) -> http_response");

 public:
  /// `inner`: what the transport inside is made of.
  template <class... Inner>
  explicit metered(Inner&&... inner) : inner_(std::forward<Inner>(inner)...) {}

  http_response send(const http_request& request) {
    requests_.add();
    http_response answer = inner_.send(request);
    if (request.has_body) sent_.add(request.body_size());
    received_.add(answer.landed.value_or(answer.body.size()));
    return answer;
  }

  void add_to(remote_report& report) const {
    report.requests += requests_.load();
    report.bytes_sent += sent_.load();
    report.bytes_received += received_.load();
    if constexpr (requires { inner_.add_to(report); }) inner_.add_to(report);
  }

 private:
  sync::counter<true> requests_, sent_, received_;
  Transport inner_;
};

}  // namespace larder::remote
