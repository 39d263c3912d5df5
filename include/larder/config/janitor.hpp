#pragma once

#include <larder/core/error.hpp>
#include <larder/core/time.hpp>
#include <larder/sync/process.hpp>

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace larder::config {

/// One thread that does several things, each once in its interval, by a clock of the caller's. Any number of threads may call it. A child of
/// `fork` has no thread until it starts one.
class janitor {
 public:
  /// Must not throw.
  using work = std::function<void(const std::stop_token&)>;

  /// `look`: how often a thread looks at the clock that waits for it, in real time: one that is moved by hand wakes nobody.
  janitor(std::function<instant()> now, duration look) : plan_(std::make_unique<plan>(std::move(now))), look_(look) {}
  janitor(const janitor&) = delete;
  janitor& operator=(const janitor&) = delete;
  ~janitor() { stop(); }

  /// Adds work that is due an interval from now on, again and again. Before `start`. Throws `larder::error` for an interval that is not
  /// above zero, in which nothing would ever be done in time.
  void add(duration interval, work what) {
    if (interval <= duration(0))
      core::fail(error_cause::invalid_argument,
                 "the interval of a janitor's work is " + std::to_string(interval.count()) + "ns; give it one above zero");
    plan_->add(interval, std::move(what));
  }

  /// Starts the thread; nothing when it runs. The intervals begin now.
  void start() {
    const std::lock_guard lock(control_);
    leave_parents();
    if (running_) return;
    plan_->begin();
    running_ = std::make_unique<running>();
    running_->thread = std::thread([&mine = *running_, &of = *plan_, look = look_] { run(mine, of, look); });
  }
  /// Ends the thread, at once unless it is in the middle of something that cannot be ended; nothing when there is none.
  void stop() noexcept {
    const std::lock_guard lock(control_);
    leave_parents();
    if (!running_) return;
    {
      const std::lock_guard waiting(running_->mutex);
      running_->stop.request_stop();
    }
    running_->changed.notify_all();
    running_->thread.join();
    running_.reset();
  }
  bool is_running() noexcept {
    const std::lock_guard lock(control_);
    leave_parents();
    return running_ != nullptr;
  }

  /// Does what is due by the clock, here and now, and says how many things it was. What was missed more than once is done once.
  std::size_t run_due() {
    plan* mine = nullptr;
    {
      const std::lock_guard lock(control_);
      leave_parents();
      mine = plan_.get();
    }
    return mine->run_due({});
  }

 private:
  /// What is to be done, and when.
  class plan {
   public:
    explicit plan(std::function<instant()> now) : now_(std::move(now)) {}

    void add(duration interval, work what) {
      jobs_.push_back({interval, core::deadline_after(now_(), interval), std::move(what)});
    }
    void begin() {
      const std::lock_guard lock(mutex_);
      const instant now = now_();
      for (job& one : jobs_) one.due = core::deadline_after(now, one.interval);
    }
    std::size_t run_due(const std::stop_token& stop) {
      const std::lock_guard lock(mutex_);
      std::size_t done = 0;
      for (job& one : jobs_) {
        const instant now = now_();
        if (now < one.due || stop.stop_requested()) continue;
        one.due = core::deadline_after(one.due, one.interval * ((now - one.due) / one.interval + 1));  // stays on its beat
        one.what(stop);
        ++done;
      }
      return done;
    }
    duration until_due(duration at_most) {
      const std::lock_guard lock(mutex_);
      const instant now = now_();
      for (const job& one : jobs_) at_most = std::min(at_most, one.due - now);
      return std::max(at_most, duration(0));
    }
    /// The same for a child, whose parent's threads may hold the mutex.
    std::unique_ptr<plan> for_child() const {
      auto mine = std::make_unique<plan>(now_);
      for (const job& one : jobs_) mine->add(one.interval, one.what);
      return mine;
    }

   private:
    struct job {
      duration interval;
      instant due;
      work what;
    };

    const std::function<instant()> now_;
    std::mutex mutex_;
    std::vector<job> jobs_;
  };
  struct running {
    std::mutex mutex;
    std::condition_variable changed;
    std::stop_source stop;
    std::thread thread;
  };

  static void run(running& mine, plan& of, duration look) {
    const std::stop_token stop = mine.stop.get_token();
    while (!stop.stop_requested()) {
      of.run_due(stop);
      const duration wait = of.until_due(look);
      std::unique_lock lock(mine.mutex);
      mine.changed.wait_for(lock, wait, [&] { return stop.stop_requested(); });
    }
  }
  /// In a child of `fork` the thread is the parent's: it can be neither told nor joined, so what belongs to it is given up.
  void leave_parents() {
    if (process_ == sync::this_process()) return;
    process_ = sync::this_process();
    auto mine = plan_->for_child();
    static_cast<void>(plan_.release());
    plan_ = std::move(mine);
    static_cast<void>(running_.release());
  }

  std::mutex control_;
  std::unique_ptr<plan> plan_;
  const duration look_;
  long process_ = sync::this_process();
  std::unique_ptr<running> running_;
};

}  // namespace larder::config
