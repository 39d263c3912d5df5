#pragma once

#include "disk/progress_line.hpp"
#include "simulate/number_text.hpp"

#include <larder/core/sweep.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <string>
#include <utility>

namespace disk {

/// What work that is mostly short is at, on a `progress_line`: shown when it has taken a second, or so many milliseconds as the variable
/// LARDER_PROGRESS_DELAY says.
class work_progress {
 public:
  work_progress() : line_(false, delay()) {}

  /// The next part of the work, of which nothing is known: `opening the directory`.
  void begin(std::string title) {
    title_ = std::move(title);
    line_.show_when_due(title_);
  }
  /// So much of it is done: `reading entries [####........] 12,000 of 40,000`; with a share alone where `counts` is not said.
  void at(std::uint64_t done, std::uint64_t total, bool counts = true) {
    line_.renew([&] { return text(done, total, counts); });
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
  void end() { line_.end(); }

 private:
  static std::chrono::milliseconds delay() {
    const char* const said = std::getenv("LARDER_PROGRESS_DELAY");  // NOLINT(concurrency-mt-unsafe): nobody sets variables here
    return std::chrono::milliseconds(said == nullptr ? 1'000 : std::clamp(std::atoi(said), 0, 1'000'000));
  }
  std::string text(std::uint64_t done, std::uint64_t total, bool counts) const {
    const double share = total == 0 ? 1.0 : std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
    const std::string numbers = counts ? simulate::grouped(done) + " of " + simulate::grouped(total)
                                       : simulate::decimal(share * 100, 0) + " %";
    return title_ + " " + progress_line::bar(share) + " " + numbers;
  }

  std::string title_;
  progress_line line_;
};

}  // namespace disk
