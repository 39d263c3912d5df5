#include "child.hpp"

#include "open_file.hpp"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <exception>
#include <string>

namespace bench {
namespace {

// Written by the handler, which a signal may bring at any moment.
std::atomic<int> stopped_by{0};
std::atomic<pid_t> running{0};
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<pid_t>::is_always_lock_free);

constexpr int stopping_signals[] = {SIGINT, SIGTERM, SIGHUP};

void handle_stops(void (*handler)(int)) {
  struct sigaction action {};
  action.sa_handler = handler;
  for (const int number : stopping_signals) ::sigaction(number, &action, nullptr);
}

void stop(int number) {
  stopped_by = number;
  if (const pid_t child = running; child != 0) ::kill(child, SIGKILL);
}

/// An answer begins with its kind.
constexpr char numbers_follow = 'n';
constexpr char text_follows = 't';

void write_whole(int to, const char* data, std::size_t size) {
  while (size != 0) {
    const ssize_t written = ::write(to, data, size);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) ::_exit(3);  // nobody listens
    data += written;
    size -= static_cast<std::size_t>(written);
  }
}

[[noreturn]] void be_child(int answers, ending how, const std::function<std::vector<double>()>& work) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a benchmark that is killed leaves nothing that runs
  handle_stops(SIG_DFL);
  std::string answer;
  try {
    const std::vector<double> numbers = work();
    answer.assign(1, numbers_follow);
    answer.append(reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(double));
  } catch (const std::exception& failure) {
    answer = text_follows + std::string(failure.what());
  }
  write_whole(answers, answer.data(), answer.size());
  if (how == ending::by_sigkill) ::raise(SIGKILL);
  ::_exit(0);
}

/// All that comes until the other end closes.
std::string read_until_end(int from) {
  std::string all;
  char part[4096];
  for (;;) {
    const ssize_t got = ::read(from, part, sizeof part);
    if (got == 0 || (got < 0 && errno != EINTR)) return all;
    if (got > 0) all.append(part, static_cast<std::size_t>(got));
  }
}

}  // namespace

void stop_children_on_signals() { handle_stops(stop); }

std::vector<double> in_child(ending how, const std::function<std::vector<double>()>& work) {
  std::fflush(nullptr);  // else the child has a copy of what is still to be printed
  int ends[2];
  if (::pipe(ends) != 0) fail_system("make a pipe");
  const pid_t child = ::fork();
  if (child < 0) {
    const int number = errno;
    ::close(ends[0]);
    ::close(ends[1]);
    errno = number;
    fail_system("start a process");
  }
  if (child == 0) {
    ::close(ends[0]);
    be_child(ends[1], how, work);
  }
  running = child;
  if (stopped_by != 0) ::kill(child, SIGKILL);  // the signal came before the handler could know whom to end
  ::close(ends[1]);
  const std::string answer = read_until_end(ends[0]);
  ::close(ends[0]);
  running = 0;  // from here on it ends by itself, and its number may soon be another's
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (stopped_by != 0) throw stopped("stopped by signal " + std::to_string(stopped_by));
  if (answer.empty())
    throw std::runtime_error(WIFSIGNALED(status) ? "died of signal " + std::to_string(WTERMSIG(status))
                                                 : "ended without an answer");
  if (answer[0] == text_follows) throw std::runtime_error(answer.substr(1));
  const bool as_asked = how == ending::by_sigkill ? WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL
                                                  : WIFEXITED(status) && WEXITSTATUS(status) == 0;
  if (!as_asked) throw std::runtime_error("did not end as it should: status " + std::to_string(status));
  std::vector<double> numbers((answer.size() - 1) / sizeof(double));
  if (!numbers.empty()) std::memcpy(numbers.data(), answer.data() + 1, numbers.size() * sizeof(double));
  return numbers;
}

}  // namespace bench
