#pragma once

#include "disk/progress_line.hpp"
#include "simulate/number_text.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>

namespace dataset {

/// `1 sample`, `1,234 samples`.
inline std::string samples_text(std::uint64_t count) { return simulate::grouped(count) + (count == 1 ? " sample" : " samples"); }

/// How far work over samples has come, on a `disk::progress_line`: a bar with speed and time left.
class sample_progress {
 public:
  sample_progress(std::string title, bool quiet) : title_(std::move(title)), line_(quiet) { line_.show(text(0, 0, true)); }

  /// `total()` says how many samples there will be, 0 while nobody knows; asked only when the line is drawn. `exact`: it is no guess.
  template <class Total>
  void at(std::uint64_t done, bool exact, Total&& total) {
    line_.renew([&] { return text(done, total(), exact); });
  }
  /// Takes the bar away, so that something else can be said.
  void end() { line_.end(); }
  double seconds() const { return line_.seconds(); }
  /// ` in 1.2 s (18.7 k samples/s)`; nothing when too little was done to tell.
  std::string pace(std::uint64_t done) const {
    const double passed = seconds();
    if (passed < 0.05 || done == 0) return "";
    return " in " + simulate::decimal(passed, 1) + " s (" + speed(done, passed) + " samples/s)";
  }

 private:
  static std::string speed(std::uint64_t done, double passed) {
    return simulate::rounded(static_cast<std::uint64_t>(static_cast<double>(done) / passed));
  }
  std::string text(std::uint64_t done, std::uint64_t total, bool exact) const {
    const double share = total == 0 ? 0.0 : std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
    std::string line = title_;
    if (total != 0) line += " " + disk::progress_line::bar(share) + " " + simulate::decimal(share * 100, 0) + " %";
    line += "  " + simulate::grouped(done);
    if (total != 0) line += (exact ? " of " : " of about ") + simulate::grouped(std::max(total, done));
    line += " samples";
    if (const double passed = seconds(); passed > 0.5 && done != 0) line += "  " + speed(done, passed) + "/s" + line_.left(share);
    return line;
  }

  std::string title_;
  disk::progress_line line_;
};

}  // namespace dataset
