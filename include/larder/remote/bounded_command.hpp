#pragma once

#include <larder/core/error.hpp>
#include <larder/remote/secret.hpp>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace larder::remote {

/// Runs one program to its end within limits: an argument vector and never a shell, nothing to read, its own process group, which is
/// killed as a whole when a limit is met. Safe from many threads, also in programs that ignore or collect SIGCHLD.
class bounded_command {
 public:
  /// How a run ended.
  enum class ending { exited, late, too_long, stopped };

  struct result {
    ending how = ending::exited;
    std::optional<int>
        status{};     ///< of `exited`: the exit status, 128 + the signal's number, or nothing when the host program collected it
    secret output{};  ///< all that it wrote to its standard output, of `exited`
    std::string complaints{};  ///< the beginning of what it wrote to its standard error
  };

  std::string program{};                 ///< the path of an executable file
  std::vector<std::string> arguments{};  ///< without the program itself
  std::chrono::milliseconds most_time{10'000};
  std::size_t most_output = std::size_t{64} << 10U;
  std::size_t kept_complaints = std::size_t{4} << 10U;

  /// Throws `larder::error` (io) when the program cannot be started.
  result run(const std::stop_token& stop) const {
    const auto end = std::chrono::steady_clock::now() + most_time;
    channel output;
    channel complaints;
    child running(start(output, complaints));
    output.writing.close();
    complaints.writing.close();

    result out;
    std::string text;
    text.reserve(most_output);  // so that no copy is left behind as it grows
    for (bool exited = false;;) {
      if (!exited) exited = running.collect();
      // After its exit only what is already there counts: a process that it left behind may keep the channels open.
      const bool more_output = drain(output.reading, text, most_output, out.how);
      ending ignored = ending::exited;
      const bool more_complaints = drain(complaints.reading, out.complaints, kept_complaints, ignored);
      if (out.how == ending::too_long || exited) break;
      if (stop.stop_requested()) out.how = ending::stopped;
      if (std::chrono::steady_clock::now() >= end) out.how = ending::late;
      if (out.how != ending::exited) break;
      constexpr int look_again = 20;  // milliseconds, for the exit, the stop and the time
      std::array<pollfd, 2> watched{pollfd{more_output ? output.reading.get() : -1, POLLIN, 0},
                                    pollfd{more_complaints ? complaints.reading.get() : -1, POLLIN, 0}};
      ::poll(watched.data(), watched.size(), look_again);
    }
    if (out.how == ending::exited) {
      out.status = running.status();
      out.output = secret(text);
    }
    std::fill(text.begin(), text.end(), '\0');
    return out;
  }

 private:
  class descriptor {
   public:
    descriptor() noexcept = default;
    explicit descriptor(int number) noexcept : number_(number) {}
    descriptor(const descriptor&) = delete;
    descriptor& operator=(const descriptor&) = delete;
    ~descriptor() { close(); }
    int get() const noexcept { return number_; }
    void close() noexcept {
      if (number_ >= 0) ::close(std::exchange(number_, -1));
    }

   private:
    int number_ = -1;
  };

  /// A pipe whose ends are no standard descriptors (in a program that has closed those) and are not inherited.
  struct channel {
    channel() : channel(made()) {}
    descriptor reading;
    descriptor writing;

   private:
    explicit channel(std::pair<int, int> ends) : reading(ends.first), writing(ends.second) {
      if (reading.get() < 0 || writing.get() < 0 || ::fcntl(reading.get(), F_SETFL, O_NONBLOCK) != 0)
        core::fail(error_cause::io, "no pipe can be made to run a program: " + std::generic_category().message(errno));
    }
    static std::pair<int, int> made() {
      std::array<int, 2> ends{-1, -1};
      if (::pipe2(ends.data(), O_CLOEXEC) != 0) return {-1, -1};
      const descriptor reading(ends[0]);
      const descriptor writing(ends[1]);
      return {::fcntl(reading.get(), F_DUPFD_CLOEXEC, 3), ::fcntl(writing.get(), F_DUPFD_CLOEXEC, 3)};
    }
  };

  /// A process that was started, and is killed with its group unless it has ended by itself.
  class child {
   public:
    explicit child(pid_t process) noexcept : process_(process) {}
    child(const child&) = delete;
    child& operator=(const child&) = delete;
    ~child() {
      if (collected_) return;
      ::kill(-process_, SIGKILL);
      while (::waitpid(process_, nullptr, 0) < 0 && errno == EINTR) {
      }
    }
    /// Whether it has ended.
    bool collect() noexcept {
      int how = 0;
      const pid_t ended = ::waitpid(process_, &how, WNOHANG);
      if (ended == process_) status_ = WIFEXITED(how) ? WEXITSTATUS(how) : 128 + WTERMSIG(how);
      collected_ = ended == process_ || (ended < 0 && errno == ECHILD);
      return collected_;
    }
    std::optional<int> status() const noexcept { return status_; }

   private:
    pid_t process_;
    bool collected_ = false;
    std::optional<int> status_;
  };

  /// Takes what is there; false when nothing more can come. What passes `most` is dropped, and said in `how`.
  static bool drain(const descriptor& from, std::string& to, std::size_t most, ending& how) {
    std::array<char, 4096> piece;
    bool open = true;
    for (;;) {
      const ssize_t n = ::read(from.get(), piece.data(), piece.size());
      if (n < 0 && errno == EINTR) continue;
      open = n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
      if (n <= 0) break;
      const std::size_t taken = std::min(static_cast<std::size_t>(n), most - to.size());
      to.append(piece.data(), taken);
      if (taken == static_cast<std::size_t>(n)) continue;
      how = ending::too_long;
      break;  // a program that never ends to write must not hold us here
    }
    piece.fill('\0');
    return open || how == ending::too_long;
  }

  struct spawn_plan {
    spawn_plan() {
      if (::posix_spawn_file_actions_init(&actions) != 0 || ::posix_spawnattr_init(&attributes) != 0)
        core::fail(error_cause::io, "out of memory to run a program");
    }
    spawn_plan(const spawn_plan&) = delete;
    spawn_plan& operator=(const spawn_plan&) = delete;
    ~spawn_plan() {
      ::posix_spawnattr_destroy(&attributes);
      ::posix_spawn_file_actions_destroy(&actions);
    }
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
  };

  pid_t start(const channel& output, const channel& complaints) const {
    spawn_plan plan;
    int wrong = ::posix_spawn_file_actions_addopen(&plan.actions, 0, "/dev/null", O_RDONLY, 0);
    if (wrong == 0) wrong = ::posix_spawn_file_actions_adddup2(&plan.actions, output.writing.get(), 1);
    if (wrong == 0) wrong = ::posix_spawn_file_actions_adddup2(&plan.actions, complaints.writing.get(), 2);
    // What the host program blocks or ignores is its own affair: a program that ignores SIGPIPE, say, may behave differently.
    sigset_t none;
    sigset_t defaults;
    ::sigemptyset(&none);
    ::sigemptyset(&defaults);
    for (const int number : {SIGPIPE, SIGINT, SIGQUIT, SIGTERM, SIGCHLD, SIGHUP}) ::sigaddset(&defaults, number);
    if (wrong == 0) wrong = ::posix_spawnattr_setsigmask(&plan.attributes, &none);
    if (wrong == 0) wrong = ::posix_spawnattr_setsigdefault(&plan.attributes, &defaults);
    if (wrong == 0) wrong = ::posix_spawnattr_setpgroup(&plan.attributes, 0);
    if (wrong == 0)
      wrong =
          ::posix_spawnattr_setflags(&plan.attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    std::vector<std::string> words{program};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> argv;
    argv.reserve(words.size() + 1);
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    pid_t process = -1;
    if (wrong == 0) wrong = ::posix_spawn(&process, program.c_str(), &plan.actions, &plan.attributes, argv.data(), environ);
    if (wrong != 0) core::fail(error_cause::io, "\"" + program + "\" cannot be run: " + std::generic_category().message(wrong));
    return process;
  }
};

}  // namespace larder::remote
