#pragma once

#include <larder/core/error.hpp>
#include <larder/core/transfer.hpp>
#include <larder/sync/per_process.hpp>
#include <larder/sync/task.hpp>

#include <condition_variable>
#include <cstddef>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

namespace larder::artifacts {

/// Threads of this process that want the same thing made: one makes it, the others wait and are told how far it is.
class package_flights {
 public:
  package_flights() : table_(0) {}

  /// Runs `make(control)` unless another thread is at it: then waits for that one, and throws what it throws. Whether this thread made it. A maker
  /// who is stopped stops for himself: who waits makes it then.
  template <class Make>
  bool run(const std::string& key, const transfer_control& control, Make&& make) {
    for (;;) {
      std::shared_ptr<flight> shared;
      const bool mine = join(key, shared);
      if (mine) {
        lead(key, *shared, control, make);
        return true;
      }
      if (wait(*shared, control)) return false;
    }
  }

 private:
  struct flight {
    std::mutex mutex;
    std::condition_variable_any changed;
    bool done = false;
    bool given_up = false;
    std::exception_ptr failure;
    task_progress progress;
    std::size_t told = 0;
  };
  struct table {
    explicit table(int) {}
    std::mutex mutex;
    std::map<std::string, std::shared_ptr<flight>> flights;
  };

  bool join(const std::string& key, std::shared_ptr<flight>& shared) {
    table& mine = table_.get();
    const std::lock_guard lock(mine.mutex);
    std::shared_ptr<flight>& place = mine.flights[key];
    const bool first = !place;
    if (first) place = std::make_shared<flight>();
    shared = place;
    return first;
  }

  template <class Make>
  void lead(const std::string& key, flight& shared, const transfer_control& control, Make& make) {
    const auto end = [&](std::exception_ptr failure, bool given_up) {
      {
        table& mine = table_.get();
        const std::lock_guard lock(mine.mutex);
        mine.flights.erase(key);
      }
      {
        const std::lock_guard lock(shared.mutex);
        shared.done = true;
        shared.failure = std::move(failure);
        shared.given_up = given_up;
      }
      shared.changed.notify_all();
    };
    try {
      make(transfer_control{control.stop, [&](std::uint64_t done, std::uint64_t total) {
                              {
                                const std::lock_guard lock(shared.mutex);
                                shared.progress = {done, total};
                                ++shared.told;
                              }
                              shared.changed.notify_all();
                              if (control.progress) control.progress(done, total);
                            }});
    } catch (...) {
      const bool given_up = control.stop.stop_requested();
      end(given_up ? nullptr : std::current_exception(), given_up);
      throw;
    }
    end(nullptr, false);
  }

  /// False when it was given up.
  static bool wait(flight& shared, const transfer_control& control) {
    std::unique_lock lock(shared.mutex);
    for (std::size_t told = 0; !shared.done;) {
      const bool woken = shared.changed.wait(lock, control.stop, [&] { return shared.done || shared.told != told; });
      if (!woken) core::fail(error_cause::cancelled, "the wait for a package was stopped before its end");
      told = shared.told;
      const task_progress progress = shared.progress;
      if (shared.done || !control.progress) continue;
      lock.unlock();
      control.progress(progress.done, progress.total);
      lock.lock();
    }
    if (shared.given_up) return false;
    if (shared.failure) std::rethrow_exception(shared.failure);
    return true;
  }

  sync::per_process<table, int> table_;
};

}  // namespace larder::artifacts
