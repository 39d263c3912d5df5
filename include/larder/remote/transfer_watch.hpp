#pragma once

#include <larder/remote/http.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace larder::remote {

/// How far a transfer has come.
struct transfer_progress {
  std::uint64_t moved = 0;  ///< bytes in either direction
  bool answered = false;    ///< a byte of the answer has come
  bool sending = false;     ///< some of the request's body is left to send
};

/// The watch over one request's time: gaps, a crawling average, and the whole.
class transfer_watch {
 public:
  using clock = std::chrono::steady_clock;

  /// `answer_by`: when the first byte of the answer must have come at the latest.
  transfer_watch(const remote_timeouts& limits, clock::time_point start, clock::time_point answer_by = clock::time_point::max())
      : limits_(&limits), start_(start), answer_by_(answer_by), last_(start), period_(start) {}

  /// Milliseconds until the next look is due; nothing when the time is up, and `reason()` says which time.
  std::optional<int> look(const transfer_progress& at, clock::time_point now) {
    if (at.moved != moved_) {
      moved_ = at.moved;
      last_ = now;
    }
    const bool waiting = !at.answered && !at.sending;
    next_ = clock::time_point::max();
    if (!at.answered && answer_by_ != clock::time_point::max()) {
      if (now >= answer_by_) {
        reason_ = "no answer began within the time that the look-up had";
        return std::nullopt;
      }
      next_ = answer_by_;
    }
    if (over(start_, limits_->total, now)) return stop("the whole request took longer than ", limits_->total);
    if (waiting && over(last_, limits_->first_byte, now)) return stop("no answer began within ", limits_->first_byte);
    if (waiting || limits_->stall.count() <= 0) {
      period_ = now;
      period_moved_ = moved_;
    } else {
      if (over(last_, limits_->stall, now)) return stop("no byte moved for ", limits_->stall);
      if (over(period_, limits_->stall, now)) {
        const auto least = static_cast<double>(limits_->slowest) * std::chrono::duration<double>(now - period_).count();
        if (static_cast<double>(moved_ - period_moved_) < least)
          return stop("less than " + std::to_string(limits_->slowest) + " bytes per second came for ", limits_->stall);
        period_ = now;
        period_moved_ = moved_;
      }
    }
    if (next_ == clock::time_point::max()) return 1000;
    const auto wait = std::chrono::ceil<std::chrono::milliseconds>(next_ - now).count();
    return static_cast<int>(std::clamp<std::int64_t>(wait, 1, 1000));
  }
  const std::string& reason() const noexcept { return reason_; }
  /// An answer has begun in time: what is asked for after it in the same exchange has no such time any more.
  void answer_began() noexcept { answer_by_ = clock::time_point::max(); }

 private:
  bool over(clock::time_point since, std::chrono::milliseconds limit, clock::time_point now) {
    if (limit.count() <= 0) return false;
    if (now - since >= limit) return true;
    next_ = std::min(next_, since + limit);
    return false;
  }
  std::optional<int> stop(const std::string& what, std::chrono::milliseconds limit) {
    reason_ = what + std::to_string(limit.count()) + " ms";
    return std::nullopt;
  }

  const remote_timeouts* limits_;
  clock::time_point start_, answer_by_, last_, period_, next_;
  std::uint64_t moved_ = 0;
  std::uint64_t period_moved_ = 0;
  std::string reason_;
};

}  // namespace larder::remote
