#pragma once

#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <string>
#include <utility>

namespace demo {

/// One line of progress: a bar that is drawn over on a terminal, one plain line at the end elsewhere.
class progress {
 public:
  progress(std::string title, std::size_t total) : title_(std::move(title)), total_(total), terminal_(::isatty(STDOUT_FILENO) == 1) { at(0); }

  void at(std::size_t done) {
    if (!terminal_) return;
    constexpr std::size_t width = 32;
    const std::size_t filled = total_ == 0 ? width : done * width / total_;
    std::printf("\r\033[K%-26s [%s%s] %zu/%zu", title_.c_str(), std::string(filled, '#').c_str(), std::string(width - filled, '.').c_str(), done,
                total_);
    std::fflush(stdout);
  }
  /// Ends the line with what there is to say of it.
  void finish(const std::string& result) {
    std::printf(terminal_ ? "\r\033[K%-26s %s\n" : "%-26s %s\n", title_.c_str(), result.c_str());
    std::fflush(stdout);
  }

 private:
  std::string title_;
  std::size_t total_;
  bool terminal_;
};

}  // namespace demo
