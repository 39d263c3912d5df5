#pragma once

// Keeps one token. However many threads ask, one fetch is on its way at a time, on a thread of its own, so that each who waits can give
// up by itself. In a token's life:
//
//   fresh            it is handed out
//   5 minutes left   it is handed out, and one fetch for the next runs beside (earlier when the service asked for that)
//   2 minutes left   whoever asks waits for that fetch; if it fails the old token still serves until its end
//   over, rejected   whoever asks waits for a fetch, and gets its failure
//
// Of a short life those spans are at most its half and its quarter. After a fetch has failed nobody asks again for 30 seconds, so that a
// dead service costs one waiting time and not one per request; nor does a fetch that brought nothing newer make the next one follow at once.

#include <larder/core/error.hpp>
#include <larder/core/time.hpp>
#include <larder/expiry/time_source.hpp>
#include <larder/remote/access_token.hpp>
#include <larder/remote/secret.hpp>
#include <larder/remote/token_source.hpp>
#include <larder/sync/per_process.hpp>

#include <algorithm>
#include <chrono>
#include <concepts>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <new>
#include <optional>
#include <stop_token>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

namespace larder::remote {

/// What a `token_cache` asks: brings a token, or throws `larder::error`. `fetch` is never called by two threads at once; it ends
/// soon after `stop` is requested. `asked_at` is the time of day, from which the spans in replies count.
template <class C>
concept token_credential = requires(C& credential, std::stop_token stop, instant asked_at) {
  { credential.fetch(stop, asked_at) } -> std::same_as<access_token>;
};

/// When a kept token is renewed.
struct token_renewal {
  std::chrono::seconds ahead = std::chrono::minutes(5);  ///< so long before its end, beside its use
  std::chrono::seconds least = std::chrono::minutes(2);  ///< with less left, whoever asks waits for the next
  std::chrono::seconds pause{30};  ///< between two fetches of which the first failed, or brought nothing newer
};

/// Implements `token_source` over any credential. Safe from many threads; a child of `fork` fetches its own. Destroying it stops a fetch
/// that is on its way.
template <class Credential, class Clock = wall_time>
class token_cache final : public token_source {
  static_assert(token_credential<Credential>,
                "larder: token_cache needs a credential with access_token fetch(std::stop_token, larder::instant)");

 public:
  /// The credential is made from `arguments`. `clock` tells the time of day.
  template <class... Arguments>
  explicit token_cache(token_renewal renewal, time_source<Clock> clock, Arguments&&... arguments)
      : renewal_(checked(renewal)), clock_(clock), credential_(std::forward<Arguments>(arguments)...), keepers_(this) {}

  secret token() override { return token_by({}, std::chrono::steady_clock::time_point::max()); }

  /// As `token()`, for callers that have a stop or a time of their own: they get `larder::error` (cancelled, timeout) then, and the
  /// fetch goes on for the others.
  secret token_by(const std::stop_token& stop, std::chrono::steady_clock::time_point give_up) override {
    return keepers_.get().token(stop, give_up);
  }

  /// The token is given up unless another has come since. When a fetch has just brought the same token again it is kept: the
  /// service has no other.
  void reject(const secret& stale) override { keepers_.get().reject(stale); }

  /// What the tokens come from.
  Credential& credential() noexcept { return credential_; }

  /// How many fetches have ended in this process, well or not.
  std::uint64_t fetches() const { return keepers_.get().fetches(); }

 private:
  static token_renewal checked(token_renewal renewal) {
    if (renewal.ahead < renewal.least || renewal.least.count() < 0 || renewal.pause.count() < 0)
      core::fail(error_cause::invalid_argument, "token_renewal: the spans must not be negative, nor ahead (" +
                                                    std::to_string(renewal.ahead.count()) + " s) shorter than least (" +
                                                    std::to_string(renewal.least.count()) + " s)");
    return renewal;
  }

  /// The token and the fetch of one process.
  class keeper {
   public:
    explicit keeper(token_cache* owner) : owner_(owner) {}

    secret token(const std::stop_token& stop, std::chrono::steady_clock::time_point give_up) {
      std::unique_lock lock(mutex_);
      for (;;) {
        const instant now = owner_->clock_.now();
        const bool usable = held_ && now < held_->expires;
        if (usable && now < renew_at_) return held_->text;
        if (!fetching_ && !((usable || failure_) && within_pause(now))) start(now);
        if (usable && (now < wait_from_ || !fetching_)) return held_->text;
        if (!fetching_) throw error(*failure_);
        const waiting end = wait(lock, stop, give_up);
        if (end != waiting::landed && held_ && owner_->clock_.now() < held_->expires) return held_->text;
        if (end == waiting::stopped)
          core::fail(error_cause::cancelled, "waiting for a token was given up because a stop was requested");
        if (end == waiting::late)
          core::fail(error_cause::timeout, "no token came within the time that the request had; the fetch goes on");
        if (failure_ && !(held_ && owner_->clock_.now() < held_->expires)) throw error(*failure_);
        if (held_) return held_->text;  // also one that ends at once: the service gives no better
      }
    }

    void reject(const secret& stale) {
      const std::lock_guard lock(mutex_);
      if (!held_ || held_->text.reveal() != stale.reveal()) return;
      if (came_again_ && within_pause(owner_->clock_.now())) return;
      rejected_ = std::move(held_->text);
      held_.reset();
    }

    std::uint64_t fetches() const {
      const std::lock_guard lock(mutex_);
      return round_;
    }

   private:
    enum class waiting : std::uint8_t { landed, stopped, late };

    bool within_pause(instant now) const {
      return ended_at_ && now >= *ended_at_ &&
             now < *ended_at_ + owner_->renewal_.pause;  // a clock that was set back ends the pause
    }

    waiting wait(std::unique_lock<std::mutex>& lock, const std::stop_token& stop, std::chrono::steady_clock::time_point give_up) {
      const std::uint64_t round = round_;
      const auto landed = [&] { return round_ != round; };
      const bool done = give_up == std::chrono::steady_clock::time_point::max() ? landed_.wait(lock, stop, landed)
                                                                                : landed_.wait_until(lock, stop, give_up, landed);
      if (done) return waiting::landed;
      return stop.stop_requested() ? waiting::stopped : waiting::late;
    }

    /// Under the mutex, with no fetch on its way: the thread before has left the mutex for good.
    void start(instant asked_at) {
      try {
        worker_ = std::jthread([this, asked_at](const std::stop_token& stop) { fetch(stop, asked_at); });
        fetching_ = true;
      } catch (const std::system_error&) {
        failure_.emplace(error_cause::io, "no thread can be made to fetch a token; raise the limit on threads");
        ended_at_ = asked_at;
      }
    }

    void fetch(const std::stop_token& stop, instant asked_at) noexcept {
      std::optional<access_token> fresh;
      std::optional<error> failure;
      try {
        fresh = owner_->credential_.fetch(stop, asked_at);
      } catch (const error& thrown) {
        failure = thrown;
      } catch (const std::bad_alloc&) {
        failure.emplace(error_cause::io, "fetching a token failed: out of memory");
      } catch (...) {  // what it says may hold anything
        failure.emplace(error_cause::load, "fetching a token failed: the credential threw something other than larder::error");
      }
      {
        const std::lock_guard lock(mutex_);
        if (fresh) take(std::move(*fresh), asked_at);
        failure_.swap(failure);
        ended_at_ = owner_->clock_.now();
        fetching_ = false;
        ++round_;
      }
      landed_.notify_all();
    }

    void take(access_token fresh, instant asked_at) {
      const duration life = fresh.expires - asked_at;
      renew_at_ = fresh.expires - std::min<duration>(owner_->renewal_.ahead, life / 2);
      if (fresh.refresh_at) renew_at_ = std::min(renew_at_, *fresh.refresh_at);
      wait_from_ = fresh.expires - std::min<duration>(owner_->renewal_.least, life / 4);
      came_again_ = !rejected_.empty() && rejected_.reveal() == fresh.text.reveal();
      rejected_ = secret();
      held_ = std::move(fresh);
    }

    token_cache* owner_;
    mutable std::mutex mutex_;
    std::condition_variable_any landed_;
    std::optional<access_token> held_;
    instant renew_at_{};
    instant wait_from_{};
    secret rejected_;          // the token that the service refused last, until the next has come
    bool came_again_ = false;  // the held one is what was rejected before
    bool fetching_ = false;
    std::uint64_t round_ = 0;       // how many fetches have ended
    std::optional<error> failure_;  // of the last fetch
    std::optional<instant> ended_at_;
    std::jthread worker_;  // last: stopped and joined while the rest is there
  };

  const token_renewal renewal_;
  const time_source<Clock> clock_;
  Credential credential_;
  sync::per_process<keeper, token_cache*> keepers_;  // last: its thread uses the rest
};

}  // namespace larder::remote
