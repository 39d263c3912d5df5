#pragma once

// Asks a second time for what is late, and takes the answer that comes first: one slow server, disk or lost packet then costs little more than the
// usual latency. Source: J. Dean, L. A. Barroso, "The Tail at Scale", CACM 56(2), 2013. Late means later than 1.3 times the 95th percentile of the
// recent latencies, so that about one request in twenty may be; a budget holds the extra requests below 5 % whatever happens to the latencies.
//
// Only GETs of little: what is long to carry is late because it is long. The first request runs on the caller's thread; a second runs on a thread of the
// hedge's own, where one more watches the clock, as long as there is something to watch.

#include <larder/core/error.hpp>
#include <larder/core/remote_report.hpp>
#include <larder/remote/extra_budget.hpp>
#include <larder/remote/http.hpp>
#include <larder/remote/latency_window.hpp>
#include <larder/remote/timing.hpp>
#include <larder/sync/counter.hpp>
#include <larder/sync/per_process.hpp>
#include <larder/sync/worker_pool.hpp>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <utility>

namespace larder {

/// When a GET that is late is sent a second time.
struct hedge_options {
  bool on = true;
  double quantile = 0.95;     ///< of the recent latencies, in (0, 1)
  double factor = 1.3;        ///< later than the quantile times this is late; at least 1
  std::size_t samples = 200;  ///< latencies that must be known first; at most 512
  double budget = 0.05;       ///< second requests as a share of the requests in a sliding window
  std::chrono::milliseconds budget_window{60'000};
  std::uint64_t largest =
      (std::uint64_t{8} << 20U) +
      (std::uint64_t{64} << 10U);  ///< bytes of a range, as `transfer_settings::first_request`; larger ones are sent once
};

namespace remote {

/// An `http_transport`. The loser of a race is stopped through its `http_request::stop`. Two answers must not write to one room: the body of the second comes
/// into memory of its own, and is copied to `http_request::into` when the first request is over. Safe from many threads.
template <class Transport, class Timing = steady_timing>
class hedge {
  static_assert(http_transport<Transport>, "larder: hedge needs a transport with send(http_request) -> http_response");

 public:
  /// `inner`: what the transport inside is made of. Throws `larder::error` for options that make no sense.
  template <class... Inner>
  hedge(Timing timing, const hedge_options& options, Inner&&... inner)
      : timing_(std::move(timing)), options_(checked(options)), inner_(std::forward<Inner>(inner)...), crew_(this) {}

  http_response send(const http_request& request) {
    if (!options_.on || !suits(request)) return inner_.send(request);
    crew& mine = crew_.get();
    const time_point begun = timing_.now();
    const std::optional<time_point> late = mine.begin(begun);
    if (!late) {
      http_response answer = inner_.send(request);
      if (!is_transient(request, answer.status)) mine.note_latency(timing_.now() - begun);
      return answer;
    }
    const auto both = std::make_shared<race>(request);
    const std::stop_callback stopping(request.stop, [&] {
      both->first_stop.request_stop();
      both->second_stop.request_stop();
    });
    mine.watch(*late, both);
    http_request first = request;
    first.stop = both->first_stop.get_token();
    try {
      http_response answer = inner_.send(first);
      if (is_transient(request, answer.status)) {
        if (std::optional<http_response> better = both->wait_for_second()) return won(mine, begun, request, std::move(*better));
      } else {
        both->end();
        mine.note_latency(timing_.now() - begun);
      }
      return answer;
    } catch (...) {
      if (std::optional<http_response> better = both->wait_for_second()) return won(mine, begun, request, std::move(*better));
      throw;
    }
  }

  void add_to(remote_report& report) const {
    report.hedges += hedges_.load();
    report.hedge_wins += wins_.load();
    if constexpr (requires { inner_.add_to(report); }) inner_.add_to(report);
  }

 private:
  using time_point = std::chrono::steady_clock::time_point;

  /// A request that may be sent twice. Shared by the caller, the watch and the second request.
  struct race {
    explicit race(const http_request& request) : second(request) {
      second.stop = second_stop.get_token();
      second.into = nullptr;
    }

    std::stop_source first_stop, second_stop;
    http_request second;

    /// The first request's last word: no second begins, and one that runs is stopped.
    void end() {
      {
        const std::lock_guard lock(mutex_);
        over_ = true;
      }
      second_stop.request_stop();
    }
    bool is_over() {
      const std::lock_guard lock(mutex_);
      return over_;
    }
    /// Whether the second may begin.
    bool begin_second() {
      const std::lock_guard lock(mutex_);
      running_ = !over_;
      return running_;
    }
    void end_second(std::optional<http_response> with) {
      const bool good = with.has_value();
      {
        const std::lock_guard lock(mutex_);
        answer_ = std::move(with);
        running_ = false;
      }
      ended_.notify_all();
      if (good) first_stop.request_stop();
    }
    /// The first has failed: what the second brings, if it is on its way. It is bounded as the first was, and stopped with it.
    std::optional<http_response> wait_for_second() {
      std::unique_lock lock(mutex_);
      over_ = true;
      ended_.wait(lock, [&] { return !running_; });
      return std::exchange(answer_, std::nullopt);
    }

   private:
    std::mutex mutex_;
    std::condition_variable ended_;
    bool over_ = false;     // nothing may begin
    bool running_ = false;  // the second is on its way
    std::optional<http_response> answer_;
  };

  /// The threads, and what they share. A child of `fork` has its own.
  class crew {
   public:
    explicit crew(hedge* owner)
        : owner_(owner),
          latencies_(owner->options_.quantile, owner->options_.samples),
          budget_(owner->options_.budget, 0, owner->options_.budget_window) {}
    crew(const crew&) = delete;
    crew& operator=(const crew&) = delete;
    ~crew() { closing_.request_stop(); }

    /// When a request that begins now is late; nothing as long as that is not known.
    std::optional<time_point> begin(time_point now) {
      const std::lock_guard lock(mutex_);
      budget_.note_request(now);
      const auto usual = latencies_.value();
      if (!usual) return std::nullopt;
      return now + std::chrono::duration_cast<time_point::duration>(std::chrono::duration<double, time_point::period>(*usual) *
                                                                    owner_->options_.factor);
    }
    void note_latency(time_point::duration latency) {
      const std::lock_guard lock(mutex_);
      latencies_.add(latency);
    }
    void watch(time_point late, std::shared_ptr<race> both) {
      const std::lock_guard lock(mutex_);
      const auto place = watched_.emplace(late, std::move(both));
      if (!watching_) {
        try {
          workers_.post([this] { keep_watch(); });
          watching_ = true;
        } catch (...) {  // no thread: then there is no second request
          watched_.erase(place);
        }
      } else if (place == watched_.begin()) {
        changed_.notify_one();
      }
    }

   private:
    void keep_watch() {
      std::unique_lock lock(mutex_);
      while (!closing_.stop_requested() && !watched_.empty()) {
        const auto next = watched_.begin();
        const std::shared_ptr<race> both = next->second;
        const time_point late = next->first;
        const time_point now = owner_->timing_.now();
        if (both->is_over()) {
          watched_.erase(next);
        } else if (now < late) {
          owner_->timing_.wait(changed_, lock, closing_.get_token(), late,
                               [&] { return !watched_.empty() && watched_.begin()->first < late; });
        } else {
          watched_.erase(next);
          if (!budget_.take(now)) continue;
          try {
            workers_.post([this, both] { owner_->send_second(*both); });
          } catch (...) {  // no thread: then there is no second request
          }
        }
      }
      watching_ = false;
    }

    hedge* owner_;
    std::mutex mutex_;
    std::condition_variable_any changed_;
    latency_window latencies_;
    extra_budget budget_;
    std::multimap<time_point, std::shared_ptr<race>> watched_;
    bool watching_ = false;
    std::stop_source closing_;
    sync::worker_pool<> workers_{most_at_once + 1};  // last: its threads end before the rest goes
  };

  static constexpr std::size_t most_at_once = 8;

  static const hedge_options& checked(const hedge_options& options) {
    if (!(options.quantile > 0 && options.quantile < 1))
      core::fail(error_cause::invalid_argument, "hedge: quantile must be between 0 and 1, such as 0.95");
    if (!(options.factor >= 1)) core::fail(error_cause::invalid_argument, "hedge: factor must be at least 1");
    if (options.samples > 512)
      core::fail(error_cause::invalid_argument, "hedge: samples must be at most 512, which is how many are kept");
    if (!(options.budget >= 0) || options.budget_window.count() <= 0)
      core::fail(error_cause::invalid_argument, "hedge: budget must not be negative and budget_window must be longer than zero");
    return options;
  }
  bool suits(const http_request& request) const noexcept {
    if (request.method != "GET" || request.has_body) return false;
    return !request.range || request.range->size <= options_.largest;
  }
  http_response won(crew& mine, time_point begun, const http_request& request, http_response answer) {
    wins_.add();
    mine.note_latency(timing_.now() - begun);
    if (request.into == nullptr || answer.status >= 300) return answer;
    const std::span<std::byte> room = request.into->room(answer, answer.body.size());
    if (room.size() < answer.body.size())
      core::fail(error_cause::invalid_argument, subject_of(request) + ": room for " + std::to_string(room.size()) +
                                                    " bytes was lent for an answer of " + std::to_string(answer.body.size()));
    if (!answer.body.empty()) std::memcpy(room.data(), answer.body.data(), answer.body.size());
    answer.landed = answer.body.size();
    answer.body = {};
    request.into->landed(*answer.landed);
    return answer;
  }
  void send_second(race& both) noexcept {
    if (!both.begin_second()) return;
    hedges_.add();
    std::optional<http_response> answer;
    try {
      answer = inner_.send(both.second);
      if (is_transient(both.second, answer->status)) answer.reset();
    } catch (...) {  // the first request's outcome is the one that counts
      answer.reset();
    }
    both.end_second(std::move(answer));
  }

  Timing timing_;
  const hedge_options options_;
  sync::counter<true> hedges_, wins_;
  Transport inner_;
  sync::per_process<crew, hedge*> crew_;  // last: its threads use the rest
};

}  // namespace remote
}  // namespace larder
