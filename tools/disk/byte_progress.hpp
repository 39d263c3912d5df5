#pragma once

#include "disk/time_text.hpp"

#include <larder/core/units.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>

#include <unistd.h>

namespace disk {

/// How far work over so many bytes has come, on standard error: on a terminal a bar with speed and time left, drawn over ten times a
/// second at most; elsewhere nothing.
class byte_progress {
 public:
  byte_progress(std::string title, std::uint64_t total, bool quiet)
      : title_(std::move(title)), total_(total), shown_(!quiet && ::isatty(::fileno(stderr)) == 1) {
    if (shown_) draw();
  }
  byte_progress(const byte_progress&) = delete;
  byte_progress& operator=(const byte_progress&) = delete;
  ~byte_progress() { end(); }

  void add(std::uint64_t bytes) {
    done_ += bytes;
    const auto now = clock::now();
    if (!shown_ || now - drawn_ < std::chrono::milliseconds(100)) return;
    drawn_ = now;
    draw();
  }
  /// Takes the bar away, so that something else can be said.
  void end() {
    if (std::exchange(shown_, false)) std::fputs("\r\033[K", stderr);
  }

  std::uint64_t done() const noexcept { return done_; }
  std::uint64_t total() const noexcept { return std::max(total_, done_); }
  double seconds() const { return std::chrono::duration<double>(clock::now() - begin_).count(); }
  /// `812 MiB/s`; nothing when too little was done to tell.
  std::string speed() const {
    const double passed = seconds();
    return passed < 0.05 || done_ == 0
               ? ""
               : larder::format_size(static_cast<std::uint64_t>(static_cast<double>(done_) / passed)) + "/s";
  }

 private:
  using clock = std::chrono::steady_clock;

  void draw() const {
    constexpr std::size_t width = 28;
    const double share = total_ == 0 ? 1.0 : std::min(1.0, static_cast<double>(done_) / static_cast<double>(total_));
    const auto filled = static_cast<std::size_t>(share * static_cast<double>(width));
    std::string rest;
    if (const double passed = seconds(); passed > 0.5 && share > 0.0 && share < 1.0)
      rest = "  " +
             span_text(std::chrono::duration_cast<larder::duration>(std::chrono::duration<double>(passed / share - passed + 1))) +
             " left";
    std::fprintf(stderr, "\r\033[K%s [%s%s] %s of %s  %s%s", title_.c_str(), std::string(filled, '#').c_str(),
                 std::string(width - filled, '.').c_str(), larder::format_size(done_).c_str(),
                 larder::format_size(total()).c_str(), speed().c_str(), rest.c_str());
    std::fflush(stderr);
  }

  std::string title_;
  std::uint64_t total_;
  std::uint64_t done_ = 0;
  bool shown_;
  clock::time_point begin_ = clock::now();
  clock::time_point drawn_{};
};

}  // namespace disk
