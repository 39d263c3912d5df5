#pragma once

#include <larder/core/time.hpp>
#include <larder/sync/process.hpp>

#include <algorithm>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

namespace larder::config {

/// One thread that does several things, each once in its interval, by a clock of the caller's. Any number of threads may call it.
class janitor {
 public:
  using work = std::function<void(const std::stop_token&)>;

  /// `look`: how often a thread looks at the clock that waits for it, in real time: one that is moved by hand wakes nobody.
  janitor(std::function<instant()> now, duration look) : now_(std::move(now)), look_(look) {}
  janitor(const janitor&) = delete;
  janitor& operator=(const janitor&) = delete;
  ~janitor() { stop(); }

  /// Adds work that is due an interval from now on, again and again. Before `start`.
  void add(duration interval, work what) { jobs_.push_back({interval, core::deadline_after(now_(), interval), std::move(what)}); }

  /// Starts the thread; nothing when it runs. The intervals begin now.
  void start() {
    const std::lock_guard lock(control_);
    leave_parents();
    if (running_) return;
    {
      const std::lock_guard jobs(jobs_mutex_);
      const instant now = now_();
      for (job& one : jobs_) one.due = core::deadline_after(now, one.interval);
    }
    running_ = std::make_unique<running>();
    running* const mine = running_.get();
    mine->thread = std::thread([this, mine] { run(*mine); });
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
  std::size_t run_due(const std::stop_token& stop = {}) {
    const std::lock_guard lock(jobs_mutex_);
    std::size_t done = 0;
    for (job& one : jobs_) {
      const instant now = now_();
      if (now < one.due || stop.stop_requested()) continue;
      one.due += one.interval * ((now - one.due) / one.interval + 1);  // stays on its beat
      one.what(stop);
      ++done;
    }
    return done;
  }

 private:
  struct job {
    duration interval;
    instant due;
    work what;
  };
  struct running {
    const long process = sync::this_process();
    std::mutex mutex;
    std::condition_variable changed;
    std::stop_source stop;
    std::thread thread;
  };

  void run(running& mine) {
    const std::stop_token stop = mine.stop.get_token();
    while (!stop.stop_requested()) {
      run_due(stop);
      std::unique_lock lock(mine.mutex);
      mine.changed.wait_for(lock, std::clamp(until_due(), duration(0), look_), [&] { return stop.stop_requested(); });
    }
  }
  duration until_due() {
    const std::lock_guard lock(jobs_mutex_);
    const instant now = now_();
    duration least = look_;
    for (const job& one : jobs_) least = std::min(least, one.due - now);
    return least;
  }
  /// In a child of `fork` the thread is the parent's: it can be neither told nor joined, so what belongs to it is given up.
  void leave_parents() noexcept {
    if (running_ && running_->process != sync::this_process()) static_cast<void>(running_.release());
  }

  const std::function<instant()> now_;
  const duration look_;
  std::mutex control_;
  std::mutex jobs_mutex_;
  std::vector<job> jobs_;
  std::unique_ptr<running> running_;
};

}  // namespace larder::config
