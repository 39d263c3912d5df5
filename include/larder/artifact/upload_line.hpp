#pragma once

#include <larder/core/time.hpp>
#include <larder/sync/per_process.hpp>

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <stop_token>
#include <thread>
#include <utility>

namespace larder::artifacts {

/// Uploads of one chain, one after the other in the order in which they came, on a thread of their own that starts with the first. A child of `fork`
/// begins with none: what its parent owes its parent uploads.
class upload_line {
 public:
  /// Must not throw. Ends soon once a stop is requested.
  using upload = std::function<void(const std::stop_token& stop)>;

  /// With `most` that wait, whoever adds another one waits.
  explicit upload_line(std::size_t most) : waiting_(most) {}

  /// Throws `std::system_error` when there is no thread to be had; then nothing was added.
  void add(upload one) { waiting_.get().add(std::move(one)); }
  /// Until all have ended, at most so long; whether they have.
  bool wait(duration deadline = duration::max()) {
    line* const mine = waiting_.find();
    return mine == nullptr || mine->wait(deadline);
  }

 private:
  class line {
   public:
    explicit line(std::size_t most) : most_(most) {}
    line(const line&) = delete;
    line& operator=(const line&) = delete;
    /// What is left ends by a stop.
    ~line() {
      stop_.request_stop();
      {
        const std::lock_guard lock(mutex_);
        ending_ = true;
      }
      wake_.notify_all();
      if (thread_.joinable()) thread_.join();
    }

    void add(upload one) {
      std::unique_lock lock(mutex_);
      settled_.wait(lock, [this] { return uploads_.size() < most_; });
      if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
      uploads_.push_back(std::move(one));
      lock.unlock();
      wake_.notify_one();
    }
    bool wait(duration deadline) {
      std::unique_lock lock(mutex_);
      const auto is_settled = [this] { return uploads_.empty() && !is_running_; };
      if (deadline == duration::max()) {
        settled_.wait(lock, is_settled);
        return true;
      }
      const std::chrono::steady_clock::time_point end(core::deadline_after(steady_time::now(), deadline));
      return settled_.wait_until(lock, end, is_settled);
    }

   private:
    void run() {
      std::unique_lock lock(mutex_);
      for (;;) {
        wake_.wait(lock, [this] { return ending_ || !uploads_.empty(); });
        if (uploads_.empty()) return;
        {
          const upload next = std::move(uploads_.front());
          uploads_.pop_front();
          is_running_ = true;
          lock.unlock();
          settled_.notify_all();  // there is room again
          next(stop_.get_token());
        }
        lock.lock();
        is_running_ = false;
        settled_.notify_all();
      }
    }

    const std::size_t most_;
    std::stop_source stop_;
    std::mutex mutex_;
    std::condition_variable wake_;
    std::condition_variable settled_;
    std::deque<upload> uploads_;
    bool is_running_ = false;
    bool ending_ = false;
    std::thread thread_;
  };

  sync::per_process<line, std::size_t> waiting_;
};

}  // namespace larder::artifacts
