#pragma once

// Bounds what is on the way at once: requests (sockets, threads of the server) and bytes (memory for bodies). Who comes when all is taken waits in
// line (`sync/admission_line.hpp`).

#include <larder/core/error.hpp>
#include <larder/core/remote_report.hpp>
#include <larder/remote/http.hpp>
#include <larder/remote/timing.hpp>
#include <larder/sync/admission_line.hpp>
#include <larder/sync/per_process.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace larder {

/// How much may be on the way to and from one remote store at once. Zero means no limit.
struct in_flight_options {
  std::size_t requests = 64;
  std::uint64_t bytes = std::uint64_t{256} << 20U;       ///< of bodies: that are sent, or of the ranges that are asked for
  std::uint64_t unknown_body = std::uint64_t{1} << 20U;  ///< what a GET without a range is taken to bring
};

namespace remote {

/// An `http_transport` that lets requests through in the order in which they come while there is room for them. One that is larger than all of the room
/// goes when no other bytes are on the way. Waiting honours `stop` and `answer_by`. Safe from many threads.
template <class Transport, class Timing = steady_timing>
class in_flight_limit {
  static_assert(http_transport<Transport>, "larder: in_flight_limit needs a transport with send(http_request) -> http_response");

 public:
  /// `inner`: what the transport inside is made of.
  template <class... Inner>
  in_flight_limit(Timing timing, const in_flight_options& options, Inner&&... inner)
      : timing_(std::move(timing)),
        options_(options),
        line_(room{{options_.requests == 0 ? ~std::uint64_t{0} : options_.requests}, {options_.bytes}}),
        inner_(std::forward<Inner>(inner)...) {}

  http_response send(const http_request& request) {
    if (options_.requests == 0 && options_.bytes == 0) return inner_.send(request);
    const passage mine(*this, request);
    return inner_.send(request);
  }

  void add_to(remote_report& report) const {
    if constexpr (requires { inner_.add_to(report); }) inner_.add_to(report);
  }

 private:
  struct room {
    bool fits(std::uint64_t n) const noexcept { return requests.fits(1) && (n == 0 || bytes.fits(n)); }
    void take(std::uint64_t n) noexcept {
      requests.take(1);
      bytes.take(n);
    }
    void give_back(std::uint64_t n) noexcept {
      requests.give_back(1);
      bytes.give_back(n);
    }
    sync::bounded_sum requests;
    sync::bounded_sum bytes;
  };
  using line = sync::admission_line<room>;

  /// A request's share of the room, while it lives.
  class passage {
   public:
    passage(in_flight_limit& owner, const http_request& request) : line_(owner.line_.get()), bytes_(owner.expected(request)) {
      const auto wait = [&](auto& changed, auto& lock, auto&& admitted) {
        owner.timing_.wait(changed, lock, request.stop, request.answer_by, admitted);
      };
      if (line_.enter(bytes_, wait)) return;
      if (request.stop.stop_requested())
        throw send_error(error_cause::cancelled, subject_of(request) + " was given up in line because a stop was requested", 0);
      throw send_error(error_cause::timeout,
                       subject_of(request) + " waited in line until its time was over; raise in_flight, or ask for less at once",
                       0);
    }
    passage(const passage&) = delete;
    passage& operator=(const passage&) = delete;
    ~passage() { line_.leave(bytes_); }

   private:
    line& line_;
    const std::uint64_t bytes_;
  };

  std::uint64_t expected(const http_request& request) const noexcept {
    if (options_.bytes == 0) return 0;  // they are not counted
    if (request.has_body) return request.body_size();
    if (request.method != "GET") return 0;
    return std::min(request.max_body, request.range && !request.range->whole() && last_known(*request.range)
                                          ? request.range->size
                                          : options_.unknown_body);
  }
  /// Whether the range ends before the largest number, which means the object's end.
  static bool last_known(const byte_range& range) noexcept { return range.size <= ~std::uint64_t{0} - range.offset; }

  Timing timing_;
  const in_flight_options options_;
  sync::per_process<line, room> line_;
  Transport inner_;
};

}  // namespace remote
}  // namespace larder
