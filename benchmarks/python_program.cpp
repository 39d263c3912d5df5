#include "python_program.hpp"

#include "open_file.hpp"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <exception>
#include <map>
#include <stdexcept>
#include <utility>

namespace bench {

std::string output_of(std::vector<std::string> words) {
  std::array<int, 2> ends{};
  if (::pipe(ends.data()) != 0) fail_system("make a pipe");
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(1);
    ::dup2(ends[1], STDOUT_FILENO);
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    ::execvp(arguments[0], arguments.data());
    ::_exit(127);
  }
  ::close(ends[1]);
  if (child < 0) {
    ::close(ends[0]);
    fail_system("start " + words[0]);
  }
  std::string all;
  std::array<char, 4096> part{};
  for (ssize_t got = 0; (got = ::read(ends[0], part.data(), part.size())) != 0;) {
    if (got > 0) all.append(part.data(), static_cast<std::size_t>(got));
    if (got < 0 && errno != EINTR) break;
  }
  ::close(ends[0]);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    throw std::runtime_error(words[0] + (words.size() > 1 ? " " + words[1] : "") + " did not end well");
  return all;
}

bool has_module(const std::string& python, const std::string& module) {
  static std::map<std::pair<std::string, std::string>, bool> known;
  const auto [found, is_new] = known.emplace(std::pair(python, module), true);
  if (!is_new) return found->second;
  constexpr const char* tries =
      "import importlib, sys\ntry:\n  importlib.import_module(sys.argv[1])\nexcept ImportError:\n  sys.exit(1)";
  try {
    output_of({python, "-c", tries, module});
  } catch (const std::exception&) {
    std::printf("peers of %s are skipped: %s cannot import it\n", module.c_str(), python.c_str());
    found->second = false;
  }
  return found->second;
}

}  // namespace bench
