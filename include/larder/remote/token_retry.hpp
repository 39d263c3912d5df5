#pragma once

// How often a token service is asked when it is busy: pauses that double, from 0.8 s on, and 5 tries more (what Microsoft asks of
// clients of its metadata service, which also wants 410, "being updated", to be asked about for at least 70 s). The general `retry` transport is
// not used: it serves look-ups, whose patience is two seconds, and a token is fetched beside them.

#include <larder/core/error.hpp>
#include <larder/remote/http.hpp>
#include <larder/remote/range.hpp>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string_view>
#include <utility>

namespace larder::remote {

/// Waits for that long, or until a stop is requested. In tests it is any function.
using token_pause = std::function<void(std::chrono::milliseconds, const std::stop_token&)>;

inline void pause_unless_stopped(std::chrono::milliseconds span, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any changed;
  std::unique_lock lock(mutex);
  changed.wait_for(lock, stop, span, [] { return false; });
}

/// Which answers of a token service are asked about again, and for how long.
struct token_retry {
  unsigned more_tries = 5;
  std::chrono::milliseconds first_pause{800};       ///< then doubled each time
  std::chrono::milliseconds longest_pause{15'000};  ///< also where the service asks for a longer one
  std::chrono::milliseconds gone_for{0};  ///< 410 is asked about until the pauses have come to this, whatever `more_tries` says
  bool absent_may_pass = false;           ///< 404 and 410 come while the service starts or is updated

  /// Sends; the last answer, whatever it is. A connection that breaks or times out counts as a busy answer; the last such failure is thrown.
  /// The request must do no harm when it is sent twice; `first` is an answer to it that has already come. Throws `larder::error` (cancelled) when a stop is requested between two tries.
  template <http_transport Transport>
  http_response send(Transport& transport, const http_request& request, const token_pause& pause,
                     std::optional<http_response> first = std::nullopt) const {
    std::chrono::milliseconds next = first_pause;
    std::chrono::milliseconds paused{0};
    for (unsigned tries_left = more_tries;;) {
      std::optional<http_response> answer = std::exchange(first, std::nullopt);
      try {
        if (!answer) answer = transport.send(request);
      } catch (const error& thrown) {
        if ((thrown.cause() != error_cause::network && thrown.cause() != error_cause::timeout) || tries_left == 0) throw;
      }
      const bool patient = answer && answer->status == 410 && absent_may_pass && paused < gone_for;
      if (answer && (!may_pass(answer->status) || (tries_left == 0 && !patient))) return std::move(*answer);
      if (tries_left != 0) --tries_left;
      const std::chrono::milliseconds span = std::min(longest_pause, answer ? std::max(next, asked_for(*answer)) : next);
      pause(span, request.stop);
      if (request.stop.stop_requested())
        core::fail(error_cause::cancelled,
                   request.method + " " + request.target.printable() + " was given up because a stop was requested");
      paused += span;
      next = std::min(next * 2, longest_pause);
    }
  }

  bool may_pass(int status) const noexcept {
    return status == 408 || status == 429 || status >= 500 || (absent_may_pass && is_absent(status));
  }

 private:
  /// What `Retry-After` says in seconds; its form as a date is not used by these services.
  static std::chrono::milliseconds asked_for(const http_response& answer) {
    constexpr std::uint64_t hour = 3600;
    const std::optional<std::string_view> text = answer.header("retry-after");
    const std::optional<std::uint64_t> seconds = text ? parse_count(*text) : std::nullopt;
    return std::chrono::seconds(std::min(seconds.value_or(0), hour));
  }
};

}  // namespace larder::remote
