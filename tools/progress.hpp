#pragma once

#include <unistd.h>

#include <cstddef>
#include <cstdio>
#include <string>
#include <utility>

namespace tools {

/// One line of progress: a bar that is drawn over on a terminal, one plain line at the end elsewhere. For one thread at a time.
class progress {
 public:
  /// `unit` follows the numbers, such as " %".
  progress(std::string title, std::size_t total, std::FILE* out = stdout, std::string unit = "")
      : title_(std::move(title)), unit_(std::move(unit)), total_(total), out_(out), terminal_(::isatty(::fileno(out)) == 1) {
    draw(0);
  }

  void at(std::size_t done) {
    if (done != last_) draw(done);
  }
  /// Ends the line with what there is to say of it.
  void finish(const std::string& result) {
    std::fprintf(out_, terminal_ ? "\r\033[K%-26s %s\n" : "%-26s %s\n", title_.c_str(), result.c_str());
    std::fflush(out_);
  }

 private:
  void draw(std::size_t done) {
    last_ = done;
    if (!terminal_) return;
    constexpr std::size_t width = 32;
    const std::size_t filled = total_ == 0 ? width : done * width / total_;
    std::fprintf(out_, "\r\033[K%-26s [%s%s] %zu/%zu%s", title_.c_str(), std::string(filled, '#').c_str(),
                 std::string(width - filled, '.').c_str(), done, total_, unit_.c_str());
    std::fflush(out_);
  }

  std::string title_;
  std::string unit_;
  std::size_t total_;
  std::FILE* out_;
  bool terminal_;
  std::size_t last_ = 0;
};

}  // namespace tools
