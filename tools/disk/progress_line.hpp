#pragma once

#include "disk/time_text.hpp"

#include <chrono>
#include <cstddef>
#include <cstdio>
#include <string>
#include <utility>

#include <unistd.h>

namespace disk {

/// A line on standard error that says how far work has come: on a terminal drawn over ten times a second at most; elsewhere nothing. Knows how
/// long the work has taken.
class progress_line {
 public:
  explicit progress_line(bool quiet) : shown_(!quiet && ::isatty(::fileno(stderr)) == 1) {}
  progress_line(const progress_line&) = delete;
  progress_line& operator=(const progress_line&) = delete;
  ~progress_line() { end(); }

  void show(const std::string& text) {
    if (!shown_) return;
    is_drawn_ = true;
    std::fprintf(stderr, "\r\033[K%s", text.c_str());
    std::fflush(stderr);
  }
  bool is_shown() const noexcept { return shown_; }
  /// Shows `text()`, when it is time to.
  template <class Text>
  void renew(Text&& text) {
    if (!shown_) return;
    const auto now = clock::now();
    if (now - drawn_ < std::chrono::milliseconds(100)) return;
    drawn_ = now;
    show(text());
  }
  /// Takes the line away, so that something else can be said.
  void end() {
    if (std::exchange(shown_, false) && is_drawn_) std::fputs("\r\033[K", stderr);
  }

  double seconds() const { return std::chrono::duration<double>(clock::now() - begin_).count(); }
  /// `[######......................]`
  static std::string bar(double share) {
    constexpr std::size_t width = 28;
    const auto filled = static_cast<std::size_t>(share * static_cast<double>(width));
    return "[" + std::string(filled, '#') + std::string(width - filled, '.') + "]";
  }
  /// `  5 min left`; nothing while that cannot be told.
  std::string left(double share) const {
    const double passed = seconds();
    if (passed <= 0.5 || share <= 0.0 || share >= 1.0) return "";
    return "  " +
           span_text(std::chrono::duration_cast<larder::duration>(std::chrono::duration<double>(passed / share - passed + 1))) +
           " left";
  }

 private:
  using clock = std::chrono::steady_clock;

  bool shown_;
  bool is_drawn_ = false;
  clock::time_point begin_ = clock::now();
  clock::time_point drawn_{};
};

}  // namespace disk
