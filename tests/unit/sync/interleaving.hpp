#pragma once

// Every interleaving of a few strands of work over numbers whose every use is a step: what a thread sanitizer cannot show, since
// it sees only what happens. Strands change stacks, which the sanitizers do not follow.

#include "support/sanitizers.hpp"

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

#include <ucontext.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <functional>
#include <limits>
#include <stdexcept>
#include <utility>
#include <vector>

namespace interleaving_tests {

/// Strands of which one moves at a time: before each step of any the plan says who goes. Plans are tried until none is left.
class interleaving {
 public:
  /// Runs the strands, again and again, each time by another plan, and says how many plans there were. Throws when all that have not
  /// ended wait for each other. With `preemptions`, only plans where a strand that could go on is interrupted so often at most
  /// (Musuvathi, Qadeer, "Iterative context bounding for systematic testing of multithreaded programs", PLDI 2007).
  static std::size_t explore(const std::function<void()>& begin, const std::vector<std::function<void()>>& work, const std::function<void()>& end,
                             std::size_t preemptions = std::numeric_limits<std::size_t>::max()) {
    std::vector<choice> plan;
    for (std::size_t runs = 1;; ++runs) {
      begin();
      interleaving one(std::move(plan), work, preemptions);
      one.run();
      end();
      plan = std::move(one.taken_);
      while (!plan.empty() && plan.back().chosen + 1 == plan.back().of) plan.pop_back();
      if (plan.empty()) return runs;
      ++plan.back().chosen;
    }
  }
  /// The strand that calls is about to take a step.
  static void step() {
    if (running_ != nullptr) swapcontext(&running_->strands_[running_->turn_].context, &running_->scheduler_);
  }
  /// The strand that calls goes on when somebody calls `wake` with the same place.
  static void wait_at(const void* place) {
    running_->strands_[running_->turn_].waits_at = place;
    step();
  }
  static void wake(const void* place) {
    if (running_ == nullptr) return;
    for (strand& s : running_->strands_)
      if (s.waits_at == place) s.waits_at = nullptr;
  }

 private:
  struct strand {
    ucontext_t context{};
    const std::function<void()>* work = nullptr;
    const void* waits_at = nullptr;
    bool ended = false;
    std::vector<std::byte> stack = std::vector<std::byte>(std::size_t{64} << 10U);
  };
  struct choice {
    std::size_t chosen;
    std::size_t of;
  };

  interleaving(std::vector<choice> plan, const std::vector<std::function<void()>>& work, std::size_t preemptions)
      : plan_(std::move(plan)), strands_(pool(work.size())), preemptions_(preemptions) {
    for (std::size_t i = 0; i < work.size(); ++i) {
      strand& s = strands_[i];
      s.work = &work[i];
      s.waits_at = nullptr;
      s.ended = false;
      getcontext(&s.context);
      s.context.uc_stack.ss_sp = s.stack.data();
      s.context.uc_stack.ss_size = s.stack.size();
      s.context.uc_link = &scheduler_;
      makecontext(&s.context, &body, 0);
    }
  }
  static std::vector<strand>& pool(std::size_t count) {
    static std::vector<strand> strands;
    strands.resize(count);
    return strands;
  }
  static void body() {
    strand& mine = running_->strands_[running_->turn_];
    (*mine.work)();
    mine.ended = true;
  }
  void run() {
    running_ = this;
    for (;;) {
      std::vector<std::size_t> ready;
      bool all_ended = true;
      for (std::size_t i = 0; i < strands_.size(); ++i) {
        all_ended = all_ended && strands_[i].ended;
        if (!strands_[i].ended && strands_[i].waits_at == nullptr) ready.push_back(i);
      }
      if (ready.empty()) {
        running_ = nullptr;
        if (!all_ended) throw std::runtime_error("strands wait and nobody wakes them");
        return;
      }
      const auto current = std::find(ready.begin(), ready.end(), turn_);
      const bool could_go_on = begun_ && current != ready.end();
      if (could_go_on) {
        std::rotate(ready.begin(), current, current + 1);
        if (preemptions_ == 0) ready.resize(1);
      }
      std::size_t chosen = 0;
      if (ready.size() > 1) {
        if (taken_.size() < plan_.size()) chosen = plan_[taken_.size()].chosen;
        taken_.push_back({chosen, ready.size()});
      }
      if (could_go_on && chosen != 0) --preemptions_;
      begun_ = true;
      turn_ = ready[chosen];
      swapcontext(&scheduler_, &strands_[turn_].context);
    }
  }

  static inline interleaving* running_ = nullptr;
  std::vector<choice> plan_;
  std::vector<choice> taken_;
  std::vector<strand>& strands_;
  ucontext_t scheduler_{};
  std::size_t turn_ = 0;
  std::size_t preemptions_;
  bool begun_ = false;
};

/// A number whose every use is a step.
template <class T>
class stepped {
 public:
  stepped(T value = T{}) noexcept : value_(value) {}
  T load(std::memory_order) const noexcept {
    interleaving::step();
    return value_;
  }
  void store(T value, std::memory_order) noexcept {
    interleaving::step();
    value_ = value;
  }
  T exchange(T value, std::memory_order) noexcept {
    interleaving::step();
    return std::exchange(value_, value);
  }
  T fetch_sub(T n, std::memory_order) noexcept {
    interleaving::step();
    return std::exchange(value_, static_cast<T>(value_ - n));
  }
  bool compare_exchange_strong(T& expected, T value, std::memory_order, std::memory_order) noexcept {
    interleaving::step();
    if (value_ == expected) {
      value_ = value;
      return true;
    }
    expected = value_;
    return false;
  }
  bool compare_exchange_weak(T& expected, T value, std::memory_order success, std::memory_order failure) noexcept {
    return compare_exchange_strong(expected, value, success, failure);
  }
  /// As the standard's: the comparison and going to sleep are one step.
  void wait(T old, std::memory_order) const noexcept {
    interleaving::step();
    while (value_ == old) interleaving::wait_at(this);
  }
  void notify_all() noexcept {
    interleaving::step();
    interleaving::wake(this);
  }

 private:
  T value_;
};

}  // namespace interleaving_tests

#endif
