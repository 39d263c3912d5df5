#pragma once

#include "disk/progress_line.hpp"
#include "simulate/number_text.hpp"

#include <larder/core/sweep.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

namespace disk {

/// What work that is mostly short is at, on a `progress_line`: shown from a second on, or from as many milliseconds on as the variable
/// LARDER_PROGRESS_DELAY says. A thread draws it, as some parts (sorting, dropping in one step) tell nothing while they last.
class work_progress {
 public:
  work_progress() : due_(std::chrono::steady_clock::now() + delay()) {
    if (line_.is_shown()) drawer_ = std::jthread([this](const std::stop_token& stop) { draw_until(stop); });
  }
  work_progress(const work_progress&) = delete;
  work_progress& operator=(const work_progress&) = delete;
  ~work_progress() { end(); }

  /// The next part of the work, of which nothing is known: `opening the directory`.
  void begin(std::string title) {
    const std::lock_guard guard(mutex_);
    title_ = std::move(title);
    is_told_ = false;
    draw_when_due();
  }
  /// So much of it is done: `dropping [####........] 12,000 of 40,000`; a percentage where not `counts`.
  void at(std::uint64_t done, std::uint64_t total, bool counts = true) {
    done_.store(done, std::memory_order_relaxed);
    total_.store(total, std::memory_order_relaxed);
    if (is_told_) return;
    const std::lock_guard guard(mutex_);
    is_told_ = true;
    counts_ = counts;
    draw_when_due();
  }
  /// Begins a part that tells how far it is in steps of its own.
  std::function<void(std::uint64_t, std::uint64_t)> steps(std::string title) {
    begin(std::move(title));
    return [this](std::uint64_t done, std::uint64_t total) { at(done, total, false); };
  }
  /// Begins a part of the library's that meets every entry.
  larder::sweep_control sweep(std::string title) {
    begin(std::move(title));
    return {{}, [this](std::uint64_t done, std::uint64_t total) {
              if (done != 0) at(done, total);  // what happens in one step tells nothing until its end
            }};
  }
  /// Takes the line away, so that something else can be said.
  void end() {
    if (drawer_.joinable()) {
      drawer_.request_stop();
      drawer_.join();
    }
    line_.end();
  }

 private:
  static std::chrono::milliseconds delay() {
    const char* const said = std::getenv("LARDER_PROGRESS_DELAY");  // NOLINT(concurrency-mt-unsafe): nobody sets variables here
    return std::chrono::milliseconds(said == nullptr ? 1'000 : std::clamp(std::atoi(said), 0, 1'000'000));
  }
  void draw_until(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    const auto never = [] { return false; };
    wake_.wait_until(lock, stop, due_, never);
    while (!stop.stop_requested()) {
      draw_when_due();
      wake_.wait_for(lock, stop, std::chrono::milliseconds(100), never);
    }
  }
  void draw_when_due() {
    if (!title_.empty() && std::chrono::steady_clock::now() >= due_) line_.show(text());
  }
  std::string text() const {
    if (!is_told_) return title_;
    const std::uint64_t done = done_.load(std::memory_order_relaxed);
    const std::uint64_t total = std::max(done, total_.load(std::memory_order_relaxed));
    const double share = total == 0 ? 1.0 : static_cast<double>(done) / static_cast<double>(total);
    return title_ + " " + progress_line::bar(share) + " " +
           (counts_ ? simulate::grouped(done) + " of " + simulate::grouped(total) : simulate::decimal(share * 100, 0) + " %");
  }

  std::chrono::steady_clock::time_point due_;
  progress_line line_{false};
  std::mutex mutex_;
  std::condition_variable_any wake_;
  std::string title_;
  std::atomic<bool> is_told_ = false;  // how far the part is
  bool counts_ = true;
  std::atomic<std::uint64_t> done_ = 0;
  std::atomic<std::uint64_t> total_ = 0;
  std::jthread drawer_;
};

}  // namespace disk
