#pragma once

#include "disk/progress_line.hpp"

#include <larder/core/units.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

namespace disk {

/// How far work over so many bytes has come, on a `progress_line`: a bar with speed and time left.
class byte_progress {
 public:
  byte_progress(std::string title, std::uint64_t total, bool quiet) : title_(std::move(title)), total_(total), line_(quiet) {
    line_.show(text());
  }

  void add(std::uint64_t bytes) {
    done_ += bytes;
    line_.renew([&] { return text(); });
  }
  /// Takes the bar away, so that something else can be said.
  void end() { line_.end(); }

  std::uint64_t done() const noexcept { return done_; }
  std::uint64_t total() const noexcept { return std::max(total_, done_); }
  double seconds() const { return line_.seconds(); }
  /// `812 MiB/s`; nothing when too little was done to tell.
  std::string speed() const {
    const double passed = seconds();
    return passed < 0.05 || done_ == 0
               ? ""
               : larder::format_size(static_cast<std::uint64_t>(static_cast<double>(done_) / passed)) + "/s";
  }

 private:
  std::string text() const {
    const double share = total_ == 0 ? 1.0 : std::min(1.0, static_cast<double>(done_) / static_cast<double>(total_));
    return title_ + " " + progress_line::bar(share) + " " + larder::format_size(done_) + " of " + larder::format_size(total()) +
           "  " + speed() + line_.left(share);
  }

  std::string title_;
  std::uint64_t total_;
  std::uint64_t done_ = 0;
  progress_line line_;
};

}  // namespace disk
