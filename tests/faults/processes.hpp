#pragma once

// Children that end in bounded time, directories that go with their test, and the two dials of the suite.

#include <doctest/doctest.h>

#include "support/temporary_folder.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <string>
#include <utility>

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

namespace faults {

namespace fs = std::filesystem;

/// LARDER_FAULT_SCALE (1 when not set) times `loops`: how often a test repeats itself.
inline int scaled(int loops) {
  const char* const scale = std::getenv("LARDER_FAULT_SCALE");
  return loops * std::max(1, scale == nullptr ? 1 : std::atoi(scale));
}
/// Whether the suite runs in its long form.
inline bool is_long() { return scaled(1) > 1; }

/// LARDER_FAULT_SEED, or always the same.
inline std::uint32_t suite_seed() {
  const char* const seed = std::getenv("LARDER_FAULT_SEED");
  return seed == nullptr ? 20261121U : static_cast<std::uint32_t>(std::strtoul(seed, nullptr, 10));
}

inline bool is_root() { return ::geteuid() == 0; }

/// Says why a test does nothing here.
inline void skip(const std::string& why) { MESSAGE("SKIPPED: " << why); }

using scratch = support::temporary_folder;

/// A forked process that runs `body` and hands back what it returns: nothing when all was right, else what was wrong.
/// It ends after `limit` seconds at the latest, by SIGALRM, so that nobody waits for ever. Killed when it is dropped.
class child {
 public:
  explicit child(const std::function<std::string()>& body, unsigned limit = 120, const std::function<void()>& before = {}) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) FAIL("no pipe: " << std::strerror(errno));
    id_ = ::fork();
    if (id_ < 0) FAIL("no process: " << std::strerror(errno));
    if (id_ == 0) {
      ::close(ends[0]);
      for (const int number : {SIGALRM, SIGSEGV, SIGABRT, SIGTERM, SIGFPE, SIGILL, SIGINT}) ::signal(number, SIG_DFL);
      ::alarm(limit);
      std::string answer;
      try {
        if (before) before();
        answer = body();
      } catch (const std::exception& e) {
        answer = std::string("threw: ") + e.what();
      } catch (...) {
        answer = "threw something that is no std::exception";
      }
      answer.resize(std::min<std::size_t>(answer.size(), 4000));  // fits into the pipe whoever reads it
      if (!answer.empty() && ::write(ends[1], answer.data(), answer.size()) < 0) ::_exit(2);
      ::_exit(answer.empty() ? 0 : 1);
    }
    ::close(ends[1]);
    answer_ = ends[0];
  }
  child(child&& other) noexcept : id_(std::exchange(other.id_, -1)), answer_(std::exchange(other.answer_, -1)) {}
  child(const child&) = delete;
  child& operator=(const child&) = delete;
  ~child() {
    if (id_ > 0) {
      ::kill(id_, SIGKILL);
      wait();
    }
    if (answer_ >= 0) ::close(answer_);
  }

  pid_t id() const noexcept { return id_; }

  /// Kills it at once, and says whether it was still there to be killed.
  bool kill() {
    ::kill(id_, SIGKILL);
    const int status = wait();
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
  }

  /// Waits for its end.
  std::string join() { return outcome(wait()); }

  /// For whoever has waited already (a tracer): what a status means.
  std::string ended(int status) {
    id_ = -1;
    return outcome(status);
  }

 private:
  int wait() {
    int status = 0;
    while (::waitpid(id_, &status, 0) < 0 && errno == EINTR) {
    }
    id_ = -1;
    return status;
  }
  std::string outcome(int status) const {
    std::string text;
    std::array<char, 4096> buffer{};
    for (ssize_t n = 0; (n = ::read(answer_, buffer.data(), buffer.size())) > 0;)
      text.append(buffer.data(), static_cast<std::size_t>(n));
    if (WIFSIGNALED(status))
      return "killed by signal " + std::to_string(WTERMSIG(status)) + " (" + ::strsignal(WTERMSIG(status)) + ") " + text;
    if (text.empty() && WEXITSTATUS(status) != 0) return "ended with " + std::to_string(WEXITSTATUS(status));
    return text;
  }

  pid_t id_ = -1;
  int answer_ = -1;
};

/// `body` in a process of its own: a crash or a hang of it is an answer like any other.
inline std::string in_child(const std::function<std::string()>& body, unsigned limit = 120) { return child(body, limit).join(); }

}  // namespace faults
