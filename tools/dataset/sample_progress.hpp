#pragma once

#include "disk/time_text.hpp"
#include "simulate/number_text.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>

#include <unistd.h>

namespace dataset {

/// How far work over samples has come, on standard error: on a terminal a bar with speed and time left, drawn over ten times a second at
/// most; elsewhere nothing.
class sample_progress {
 public:
  sample_progress(std::string title, bool quiet) : title_(std::move(title)), shown_(!quiet && ::isatty(::fileno(stderr)) == 1) {
    if (shown_) draw(0, 0, true);
  }
  sample_progress(const sample_progress&) = delete;
  sample_progress& operator=(const sample_progress&) = delete;
  ~sample_progress() { end(); }

  /// `total()` says how many samples there will be, 0 while nobody knows; asked only when the line is drawn. `exact`: it is no guess.
  template <class Total>
  void at(std::uint64_t done, bool exact, Total&& total) {
    const auto now = clock::now();
    if (!shown_ || now - drawn_ < std::chrono::milliseconds(100)) return;
    drawn_ = now;
    draw(done, total(), exact);
  }
  /// Takes the bar away, so that something else can be said.
  void end() {
    if (std::exchange(shown_, false)) std::fputs("\r\033[K", stderr);
  }
  double seconds() const { return std::chrono::duration<double>(clock::now() - begin_).count(); }
  /// `, 1.2 s (18.7 k samples/s)`; nothing when too little was done to tell.
  std::string pace(std::uint64_t done) const {
    const double passed = seconds();
    if (passed < 0.05 || done == 0) return "";
    return " in " + simulate::decimal(passed, 1) + " s (" +
           simulate::rounded(static_cast<std::uint64_t>(static_cast<double>(done) / passed)) + " samples/s)";
  }

 private:
  using clock = std::chrono::steady_clock;

  void draw(std::uint64_t done, std::uint64_t total, bool exact) const {
    constexpr std::size_t width = 28;
    std::string line = title_;
    const double share = total == 0 ? 0.0 : std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
    if (total != 0) {
      const auto filled = static_cast<std::size_t>(share * static_cast<double>(width));
      line +=
          " [" + std::string(filled, '#') + std::string(width - filled, '.') + "] " + simulate::decimal(share * 100, 0) + " %";
    }
    line += "  " + simulate::grouped(done);
    if (total != 0) line += (exact ? " of " : " of about ") + simulate::grouped(std::max(total, done));
    line += " samples";
    if (const double passed = seconds(); passed > 0.5 && done != 0) {
      line += "  " + simulate::rounded(static_cast<std::uint64_t>(static_cast<double>(done) / passed)) + "/s";
      if (share > 0.0 && share < 1.0)
        line += "  " +
                disk::span_text(
                    std::chrono::duration_cast<larder::duration>(std::chrono::duration<double>(passed / share - passed + 1))) +
                " left";
    }
    std::fprintf(stderr, "\r\033[K%s", line.c_str());
    std::fflush(stderr);
  }

  std::string title_;
  bool shown_;
  clock::time_point begin_ = clock::now();
  clock::time_point drawn_{};
};

}  // namespace dataset
