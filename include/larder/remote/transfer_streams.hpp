#pragma once

#include <larder/core/error.hpp>
#include <larder/sync/worker_pool.hpp>

#include <condition_variable>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <utility>

namespace larder::remote {

/// The threads that move the pieces of large objects side by side, for all objects of a store. Whoever wants an object works on it himself,
/// so it comes even when every other thread is busy; threads are started when they are first needed.
class transfer_streams {
 public:
  /// One piece: its number, and what ends it early.
  using work = std::function<void(std::size_t, const std::stop_token&)>;

  explicit transfer_streams(std::size_t most_threads) : pool_(most_threads) {}

  /// Does `each(i, stop)` for every i below `count`, at most `streams` at a time, and returns when all have ended. After the first that throws, no
  /// other is begun, those that run are stopped, and its exception is thrown.
  void run(std::size_t count, std::size_t streams, const std::stop_token& stop, const work& each) {
    const auto shared = std::make_shared<crew>(count, each);
    const std::stop_callback stopping(stop, [&] { shared->stop.request_stop(); });
    for (std::size_t helper = 1; helper < streams && helper < count; ++helper) {
      try {
        pool_.post([shared] { shared->help(); });
      } catch (const std::exception&) {  // no thread to be had: then fewer work
        break;
      }
    }
    shared->finish();
  }

 private:
  struct crew {
    crew(std::size_t n, const work& w) : count(n), each(&w) {}

    /// On a thread of the pool; perhaps long after everything is over.
    void help() {
      std::unique_lock lock(mutex);
      if (closed) return;
      ++helping;
      go_on(lock);
      --helping;
      left.notify_all();
    }
    void finish() {
      std::unique_lock lock(mutex);
      go_on(lock);
      closed = true;
      left.wait(lock, [this] { return helping == 0; });
      if (failure) std::rethrow_exception(std::exchange(failure, nullptr));  // ours alone: a late helper holds nothing of it
      if (next < count) core::fail(error_cause::cancelled, "a transfer was given up because a stop was requested");
    }
    void go_on(std::unique_lock<std::mutex>& lock) {
      while (next < count && !failure && !stop.stop_requested()) {
        const std::size_t mine = next++;
        lock.unlock();
        std::exception_ptr thrown;
        try {
          (*each)(mine, stop.get_token());
        } catch (...) {
          thrown = std::current_exception();
        }
        lock.lock();
        if (thrown && !failure) failure = std::move(thrown);
        if (failure) {
          lock.unlock();
          stop.request_stop();  // wakes others, who may want the lock
          lock.lock();
        }
      }
    }

    const std::size_t count;
    const work* each;  // not touched once `closed` and nobody is helping
    std::stop_source stop;
    std::mutex mutex;
    std::condition_variable left;
    std::size_t next = 0;
    std::size_t helping = 0;
    bool closed = false;
    std::exception_ptr failure;
  };

  sync::worker_pool<> pool_;
};

}  // namespace larder::remote
