#pragma once

// Sends again what failed for a passing reason: no connection, a broken one, silence, and the statuses 408, 429, 500, 502, 503, 504. A certificate
// that nobody trusts is none.
// Pauses are exponential with full jitter (M. Brooker, "Exponential Backoff and Jitter", AWS 2015): clients that failed together do not come back
// together. A server that says when (Retry-After, in seconds or as a date) is not asked sooner, up to the longest pause. Retries are at most a share
// of the requests, so that an overloaded server is not given four times its load.
//
// It stands outside limits of time and signing, so that both hold for each try. A pause that would end after `answer_by` is not begun: the failure is
// told at once.

#include <larder/core/error.hpp>
#include <larder/core/remote_report.hpp>
#include <larder/core/time.hpp>
#include <larder/remote/extra_budget.hpp>
#include <larder/remote/http.hpp>
#include <larder/remote/range.hpp>
#include <larder/remote/resumable_target.hpp>
#include <larder/remote/time_text.hpp>
#include <larder/remote/timing.hpp>
#include <larder/sync/counter.hpp>
#include <larder/sync/per_process.hpp>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <random>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

namespace larder {

/// How often and when a request that failed for a passing reason is sent again.
struct retry_options {
  unsigned tries = 4;                               ///< in all; 1: no second one
  std::chrono::milliseconds base{200};              ///< the first pause is drawn from [0, base], each next one from twice as much
  std::chrono::milliseconds longest_pause{10'000};  ///< drawn, or asked for by the server
  double budget = 0.1;                              ///< retries as a share of the requests in a sliding window
  unsigned budget_floor = 10;                       ///< retries in such a window that are always allowed
  std::chrono::milliseconds budget_window{10'000};
};

namespace remote {

/// How long the server asks to be left alone, if it says so: `Retry-After` in seconds or as a date of RFC 1123, which is taken by the server's own
/// `Date` where it is given, or Azure's form in milliseconds. Never negative.
inline std::optional<std::chrono::milliseconds> asked_pause(const http_response& answer,
                                                            std::chrono::system_clock::time_point time_of_day) {
  using std::chrono::milliseconds;
  constexpr std::uint64_t most = std::uint64_t{1} << 40U;  // no caller waits longer, and it overflows nothing
  for (const std::string_view name : {"retry-after-ms", "x-ms-retry-after-ms"})
    if (const auto text = answer.header(name))
      if (const auto count = parse_count(*text)) return milliseconds(static_cast<std::int64_t>(std::min(*count, most)));
  const auto text = answer.header("retry-after");
  if (!text) return std::nullopt;
  if (const auto count = parse_count(*text)) return milliseconds(static_cast<std::int64_t>(std::min(*count, most / 1000) * 1000));
  const std::optional<instant> until = parse_rfc1123(*text);
  if (!until) return std::nullopt;
  const std::optional<std::string_view> date = answer.header("date");
  const std::optional<instant> told = date ? parse_rfc1123(*date) : std::nullopt;
  const instant now = told ? *told : std::chrono::floor<std::chrono::seconds>(time_of_day.time_since_epoch());
  return std::chrono::duration_cast<milliseconds>(std::max(*until - now, instant(0)));
}

/// An `http_transport` that repeats what `is_repeatable`. What `send` gives or throws in the end says after how many tries.
/// A body that goes to `http_request::into` and breaks off is asked for from where it broke, if an ETag makes that safe (`resumable_target`); the
/// pause before counts against `answer_by` no more, since the answer had begun in time. Any other body begins anew. Safe from many threads.
template <class Transport, class Timing = steady_timing>
class retry {
  static_assert(http_transport<Transport>, "larder: retry needs a transport with send(http_request) -> http_response");

 public:
  /// `inner`: what the transport inside is made of. Throws `larder::error` for options that make no sense.
  template <class... Inner>
  retry(Timing timing, const retry_options& options, Inner&&... inner)
      : timing_(std::move(timing)), options_(checked(options)), state_(options_), inner_(std::forward<Inner>(inner)...) {}

  http_response send(const http_request& request) {
    if (options_.tries <= 1 || !is_repeatable(request)) return inner_.send(request);
    const typename Timing::time_point begun = timing_.now();
    note_request(begun);
    std::optional<resumable_target> target;
    std::optional<http_request> changed;  // the request of this try, where it is not the caller's
    if (request.into != nullptr) changed = target.emplace(*request.into, request).next(false);
    std::chrono::steady_clock::time_point answer_by = request.answer_by;
    for (unsigned tries = 1;; ++tries) {
      const http_request& current = changed ? *changed : request;
      std::optional<http_response> answer;
      std::optional<send_error> failure;
      bool may_resume = true;
      try {
        answer = inner_.send(current);
        if (target && target->resuming() && !is_transient(request, answer->status)) {
          may_resume = false;  // unless that was the rest, everything is asked for again
          answer = target->whole(current, std::move(*answer));
        }
        answer->tries += tries - 1;
        if (!is_transient(request, answer->status)) return std::move(*answer);
      } catch (const send_error& e) {
        if (e.tries() == 0 || e.lasts() || !passes(e.cause())) throw;
        failure = e;
      } catch (const error& e) {
        const bool changed_meanwhile = target && target->resuming() && e.cause() == error_cause::server;
        if (!passes(e.cause()) && !changed_meanwhile) throw;
        may_resume = !changed_meanwhile;
        answer.reset();
        failure = send_error(e.cause(), message_of(e), tries);
      }
      std::chrono::steady_clock::duration pause = drawn_pause(tries);
      if (answer)
        if (const auto asked = asked_pause(*answer, timing_.time_of_day()))
          pause = std::max(pause, std::chrono::steady_clock::duration(*asked));
      pause = std::min(pause, std::chrono::steady_clock::duration(options_.longest_pause));
      const typename Timing::time_point now = timing_.now();
      if (target && target->began() && request.answer_by != std::chrono::steady_clock::time_point::max())
        answer_by = now + pause + (request.answer_by - begun);  // that answer began in time; the next one has as long
      if (tries >= options_.tries || answer_by - now <= pause || !allowed(now)) {
        if (answer) return std::move(*answer);
        give_up(*failure, tries);
      }
      wait(request, now + pause);
      retries_.add();
      if (target) {
        changed = target->next(may_resume);
        changed->answer_by = answer_by;
      }
    }
  }

  void add_to(remote_report& report) const {
    report.retries += retries_.load();
    report.retries_forgone += forgone_.load();
    if constexpr (requires { inner_.add_to(report); }) inner_.add_to(report);
  }

 private:
  struct state {
    explicit state(const retry_options& options)
        : budget(options.budget, options.budget_floor, options.budget_window), random(std::random_device{}()) {}
    std::mutex mutex;
    extra_budget budget;
    std::minstd_rand random;
  };

  static const retry_options& checked(const retry_options& options) {
    if (options.tries == 0) core::fail(error_cause::invalid_argument, "retry: tries is 0; 1 sends once and never again");
    if (options.base.count() < 0 || options.longest_pause.count() < 0 || options.budget_window.count() <= 0)
      core::fail(error_cause::invalid_argument,
                 "retry: base and longest_pause must not be negative, budget_window must be longer than zero");
    if (!(options.budget >= 0))
      core::fail(error_cause::invalid_argument, "retry: budget must be 0 or a share above it, such as 0.1");
    return options;
  }
  static bool passes(error_cause cause) noexcept { return cause == error_cause::network || cause == error_cause::timeout; }

  void note_request(typename Timing::time_point now) {
    state& mine = state_.get();
    const std::lock_guard lock(mine.mutex);
    mine.budget.note_request(now);
  }
  bool allowed(typename Timing::time_point now) {
    state& mine = state_.get();
    const std::lock_guard lock(mine.mutex);
    if (mine.budget.take(now)) return true;
    forgone_.add();
    return false;
  }
  std::chrono::steady_clock::duration drawn_pause(unsigned tries) {
    const unsigned doublings = std::min(tries - 1, 40U);
    std::int64_t most = options_.longest_pause.count();
    if (options_.base.count() <= most >> doublings) most = options_.base.count() << doublings;
    state& mine = state_.get();
    const std::lock_guard lock(mine.mutex);
    return std::chrono::microseconds(std::uniform_int_distribution<std::int64_t>(0, most * 1000)(mine.random));
  }
  void wait(const http_request& request, typename Timing::time_point until) {
    std::mutex mutex;
    std::condition_variable_any nothing;
    std::unique_lock lock(mutex);
    timing_.wait(nothing, lock, request.stop, until, [] { return false; });
    if (request.stop.stop_requested())
      core::fail(error_cause::cancelled, subject_of(request) + " was given up between two tries because a stop was requested");
  }
  [[noreturn]] static void give_up(const send_error& failure, unsigned tries) {
    throw send_error(failure.cause(), message_of(failure) + (tries == 1 ? "" : " (" + std::to_string(tries) + " tries)"), tries);
  }

  Timing timing_;
  const retry_options options_;
  sync::per_process<state, retry_options> state_;
  sync::counter<true> retries_, forgone_;
  Transport inner_;
};

}  // namespace remote
}  // namespace larder
