#pragma once

// Stops asking a server that keeps failing, so that it costs its callers nothing while it is down and is not pressed while it
// recovers. Source: M. Nygard, "Release It!", 2007. After a pause one request at a time tries whether it is well again; each
// probe that fails doubles the pause.
//
// It knows no protocol: who sends says which answers are failures. `circuit_breaker` does so for HTTP, `redis_client` for Redis.

#include <larder/core/error.hpp>
#include <larder/core/remote_report.hpp>
#include <larder/core/time.hpp>
#include <larder/remote/http.hpp>
#include <larder/remote/timing.hpp>
#include <larder/sync/counter.hpp>
#include <larder/sync/per_process.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace larder {

/// When a server that fails is not asked any more, and for how long.
struct circuit_breaker_options {
  bool on = true;
  unsigned failures = 5;  ///< in a row, retries counted, open it
  unsigned window = 20;   ///< of so many requests of late, more than `share` failed: that opens it, too
  double share = 0.5;
  std::chrono::milliseconds pause{5'000};  ///< until the first probe; doubled by each that fails
  std::chrono::milliseconds longest_pause{60'000};
};

namespace remote {

/// What is believed of one server. Each request that was admitted is either concluded or withdrawn, once. Safe from many
/// threads; a child of `fork` begins with a healthy server.
template <class Timing = steady_timing>
class circuit {
 public:
  /// What a request that wants to go is told.
  struct admission {
    std::uint64_t turn = 0;
    bool probe = false;
    std::string refusal{};  ///< why it must not be sent, for a sentence that begins "... was not sent: "; empty: it may be
  };

  /// Throws `larder::error` for options that make no sense.
  circuit(Timing timing, const circuit_breaker_options& options)
      : timing_(std::move(timing)), options_(checked(options)), state_(options_) {}

  /// What a request tells of itself while it runs.
  struct outcome {
    unsigned failed = 0;    ///< tries before the last one
    std::string failure{};  ///< why its answer is a failure of the server; empty: it is none
  };

  /// What `send(outcome&)` returns or throws, which is judged; a `send_error` at once, of a request that begins with
  /// `subject()`, while the server is taken to be down.
  template <class Subject, class Send>
  auto run(Subject&& subject, Send&& send) {
    const admission entry = admit();
    if (!entry.refusal.empty()) throw send_error(error_cause::network, subject() + " was not sent: " + entry.refusal, 0);
    outcome went;
    try {
      auto answer = send(went);
      conclude(entry, went.failure.empty() ? 0 : went.failed + 1, went.failure);
      return answer;
    } catch (const send_error& failure) {
      fail(entry, failure.cause(), failure.tries());
      throw;
    } catch (const error& failure) {
      fail(entry, failure.cause(), went.failed + 1);
      throw;
    } catch (...) {
      withdraw(entry);
      throw;
    }
  }

  /// Asked before each request; a refusal is counted and needs no conclusion.
  admission admit() {
    if (!options_.on) return {};
    state& mine = state_.get();
    std::unique_lock lock(mine.mutex);
    if (!mine.open) return {mine.turn, false};
    const time_point now = timing_.now();
    if (now >= mine.closed_until && !mine.probing) {
      mine.probing = true;
      return {mine.turn, true};
    }
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(std::max(mine.closed_until - now, time_point::duration::zero()));
    const std::string until =
        mine.probing ? "a request that tries it is under way" : "it is tried again in " + std::to_string(left.count()) + " ms";
    std::string refusal = "the server failed lately (" + mine.reason + "); " + until;
    lock.unlock();
    refused_.add();
    return {0, false, std::move(refusal)};
  }

  /// `failures` of one request, each of its tries for itself; 0 when it went well. `how`: what the last failure was.
  void conclude(const admission& entry, unsigned failures, const std::string& how) {
    if (!options_.on) return;
    state& mine = state_.get();
    const std::lock_guard lock(mine.mutex);
    if (entry.turn != mine.turn) return;
    if (mine.open) {
      mine.probing = false;
      const time_point now = timing_.now();
      if (failures == 0) {
        close(mine, now);
      } else {
        mine.pause = std::min(mine.pause * 2, options_.longest_pause);
        mine.closed_until = now + mine.pause;
        mine.reason = "a request that tried it: " + how;
      }
      return;
    }
    record(mine, failures != 0);
    mine.in_a_row = failures == 0 ? 0 : mine.in_a_row + failures;
    const bool too_many =
        mine.seen == options_.window && static_cast<double>(mine.failed) > options_.share * static_cast<double>(options_.window);
    if (mine.in_a_row < options_.failures && !too_many) return;
    const bool row = mine.in_a_row >= options_.failures;
    mine.reason = row ? std::to_string(mine.in_a_row) + " times in a row"
                      : std::to_string(mine.failed) + " of " + std::to_string(mine.seen) + " requests";
    mine.reason += ", at last: " + how;
    openings_.add();
    mine.open = true;
    mine.opened_at = timing_.now();
    mine.closed_until = mine.opened_at + mine.pause;
    begin_turn(mine);
  }
  /// A request failed with this cause after so many tries: concluded, when that says something about the server, else withdrawn.
  void fail(const admission& entry, error_cause cause, unsigned tries) {
    if (tries == 0 || (cause != error_cause::network && cause != error_cause::timeout && cause != error_cause::server))
      withdraw(entry);
    else
      conclude(entry, tries, std::string(to_string(cause)) + " failure");
  }
  /// The outcome says nothing about the server; if it was a probe, the next request is one.
  void withdraw(const admission& entry) {
    if (!entry.probe) return;
    state& mine = state_.get();
    const std::lock_guard lock(mine.mutex);
    if (entry.turn == mine.turn) mine.probing = false;
  }

  /// The server is not asked any more: it is not degraded any longer, and begins anew should it ever be asked again.
  void forget() {
    state* const mine = state_.find();
    if (mine == nullptr) return;
    const std::lock_guard lock(mine->mutex);
    if (mine->open) close(*mine, timing_.now());
  }

  /// Into the report of several servers, too: its state is the worst of theirs, its times are added.
  void add_to(remote_report& report) const {
    report.refused_by_breaker += refused_.load();
    report.breaker_openings += openings_.load();
    report.degraded_time += duration(static_cast<duration::rep>(degraded_.load()));
    if (state* const mine = state_.find()) {
      const std::lock_guard lock(mine->mutex);
      if (mine->open) {
        if (!mine->probing)
          report.state = remote_state::degraded;
        else if (report.state == remote_state::healthy)
          report.state = remote_state::probed;
        report.degraded_time += timing_.now() - mine->opened_at;
      }
    }
  }

 private:
  using time_point = std::chrono::steady_clock::time_point;

  struct state {
    explicit state(const circuit_breaker_options& options) : recent(options.window, false), pause(options.pause) {}
    std::mutex mutex;
    std::vector<bool> recent;  // a ring of outcomes, true for a failure; `seen` of them have come
    std::size_t at = 0;
    std::size_t seen = 0;
    std::size_t failed = 0;  // of those in the ring
    unsigned in_a_row = 0;
    bool open = false;
    bool probing = false;
    std::uint64_t turn = 0;  // changes as it opens and closes: outcomes of requests from before do not count
    time_point opened_at{};
    time_point closed_until{};  // to all requests
    std::chrono::milliseconds pause;
    std::string reason;
  };

  static const circuit_breaker_options& checked(const circuit_breaker_options& options) {
    if (options.failures == 0 || options.window == 0)
      core::fail(error_cause::invalid_argument,
                 "circuit_breaker: failures and window must be above 0; to do without a breaker, set on to false");
    if (!(options.share >= 0 && options.share <= 1))
      core::fail(error_cause::invalid_argument, "circuit_breaker: share must be in [0, 1]");
    if (options.pause.count() <= 0 || options.longest_pause < options.pause)
      core::fail(error_cause::invalid_argument, "circuit_breaker: pause must be longer than zero and at most longest_pause");
    return options;
  }

  void record(state& mine, bool failed) const {
    mine.failed += static_cast<std::size_t>(failed);
    if (mine.seen == options_.window)
      mine.failed -= static_cast<std::size_t>(mine.recent[mine.at]);
    else
      ++mine.seen;
    mine.recent[mine.at] = failed;
    mine.at = (mine.at + 1) % options_.window;
  }
  void close(state& mine, time_point now) {
    degraded_.add(static_cast<std::uint64_t>(std::chrono::duration_cast<duration>(now - mine.opened_at).count()));
    mine.open = mine.probing = false;
    mine.pause = options_.pause;
    begin_turn(mine);
  }
  static void begin_turn(state& mine) {
    ++mine.turn;
    mine.seen = mine.failed = mine.at = 0;
    mine.in_a_row = 0;
  }

  Timing timing_;
  const circuit_breaker_options options_;
  sync::per_process<state, circuit_breaker_options> state_;
  sync::counter<true> refused_, openings_, degraded_;
};

}  // namespace remote
}  // namespace larder
