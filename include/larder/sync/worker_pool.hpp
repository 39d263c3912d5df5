#pragma once

#include <larder/core/error.hpp>
#include <larder/sync/pending_queue.hpp>
#include <larder/sync/per_process.hpp>

#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace larder::sync {

/// Threads for work in the background, started when there is work and nobody idle, up to `most`. The destructor runs what
/// is running to its end and drops the rest (their closures are destroyed, so promises in them break). A child of `fork` has
/// threads of its own when it posts; the work of its parent stays the parent's, whose threads its destructor does not wait for.
/// A template over what runs (`Job` is called once, without arguments), so that only who loads in the background compiles it.
template <class Job = std::function<void()>>
class worker_pool {
 public:
  explicit worker_pool(std::size_t most) : crew_(most) {}

  /// Runs `job` on some thread; it must not throw. Once the pool is being destroyed, jobs that still run may post: nothing
  /// comes of it.
  void post(Job job) { crew_.get().post(std::move(job)); }

  /// The same for work that returns or throws something, which the future brings; broken when the work is dropped. It never blocks in
  /// its destructor. The work need not be copyable.
  template <class Work>
  auto post_promising(Work work) {
    using result = std::invoke_result_t<Work&>;
    struct promised {
      Work work;
      std::promise<result> promise{};
    };
    std::shared_ptr<promised> job(new promised{std::move(work)});
    std::future<result> future = job->promise.get_future();
    post([job] {
      try {
        job->promise.set_value(job->work());
      } catch (...) {
        job->promise.set_exception(std::current_exception());
      }
    });
    return future;
  }

  /// Waits until nothing is queued or running.
  void drain() {
    if (crew* const mine = crew_.find()) mine->drain();
  }

 private:
  class crew {
   public:
    explicit crew(std::size_t most) : most_(most) {}
    crew(const crew&) = delete;
    crew& operator=(const crew&) = delete;
    ~crew() {
      pending_queue<Job> dropped;
      {
        const std::lock_guard lock(mutex_);
        stopping_ = true;
        dropped.swap(jobs_);
      }
      changed_.notify_all();
      for (std::thread& t : threads_) t.join();
    }

    void post(Job job) {
      const std::lock_guard lock(mutex_);
      if (stopping_) return;
      jobs_.push(std::move(job));
      if (idle_ < jobs_.size() && threads_.size() < most_) {
        try {
          threads_.emplace_back([this] { run(); });
        } catch (...) {
          if (threads_.empty()) {
            jobs_.drop_newest();
            throw;
          }
        }
      }
      changed_.notify_one();
    }

    void drain() {
      std::unique_lock lock(mutex_);
      drained_.wait(lock, [this] { return jobs_.empty() && idle_ == threads_.size(); });
    }

   private:
    void run() {
      std::unique_lock lock(mutex_);
      for (;;) {
        ++idle_;
        if (jobs_.empty() && idle_ == threads_.size()) drained_.notify_all();
        changed_.wait(lock, [this] { return stopping_ || !jobs_.empty(); });
        --idle_;
        if (stopping_) return;
        {
          Job job = jobs_.pop();
          lock.unlock();
          job();
        }  // what it holds goes without the lock
        lock.lock();
      }
    }

    const std::size_t most_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::condition_variable drained_;
    pending_queue<Job> jobs_;
    std::vector<std::thread> threads_;
    std::size_t idle_ = 0;
    bool stopping_ = false;
  };

  per_process<crew, std::size_t> crew_;
};

}  // namespace larder::sync
