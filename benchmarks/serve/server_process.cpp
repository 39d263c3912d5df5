#include "server_process.hpp"

#include "../open_file.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>

namespace bench {
namespace {

std::vector<pid_t> family_of(pid_t process) {
  std::vector<pid_t> all{process};
  std::ifstream children("/proc/" + std::to_string(process) + "/task/" + std::to_string(process) + "/children");
  for (pid_t child = 0; children >> child;) all.push_back(child);
  return all;
}

double cpu_of(pid_t process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/stat");
  std::string text;
  std::getline(file, text);
  std::istringstream rest(text.substr(text.rfind(')') + 2));  // the name may hold anything
  std::string skipped;
  constexpr int before = 11;
  for (int i = 0; i < before; ++i) rest >> skipped;
  double user = 0;
  double kernel = 0;
  rest >> user >> kernel;
  return (user + kernel) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

std::uint64_t memory_of(pid_t process) {
  const std::string folder = "/proc/" + std::to_string(process);
  std::uint64_t sum = 0;
  std::ifstream status(folder + "/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmRSS:")) sum += 1024 * std::stoull(line.substr(6));
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(folder + "/fd", ignored)) {
    std::array<char, 256> target{};
    struct stat found {};
    if (::readlink(entry.path().c_str(), target.data(), target.size() - 1) > 0 &&
        std::string(target.data()).starts_with("/memfd:") && ::stat(entry.path().c_str(), &found) == 0)
      sum += static_cast<std::uint64_t>(found.st_blocks) * 512;
  }
  return sum;
}

}  // namespace

server_use use_of(pid_t process) {
  server_use sum{0, 0};
  for (const pid_t one : family_of(process)) {
    sum.cpu += cpu_of(one);
    sum.memory += memory_of(one);
  }
  return sum;
}

server_process::server_process(const std::function<void(const std::function<void(int)>&)>& serve) {
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) fail_system("make a pipe");
  std::fflush(nullptr);
  const pid_t parent = ::getpid();
  process_ = ::fork();
  if (process_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(1);
    try {
      serve([&](int port) {
        if (::write(pipe[1], &port, sizeof port) != sizeof port) ::_exit(1);
      });
    } catch (const std::exception& failure) {
      std::fprintf(stderr, "%s\n", failure.what());
    }
    ::_exit(1);
  }
  ::close(pipe[1]);
  const bool ready = process_ > 0 && ::read(pipe[0], &port_, sizeof port_) == sizeof port_;
  ::close(pipe[0]);
  if (!ready) {
    if (process_ > 0) ::waitpid(process_, nullptr, 0);
    process_ = -1;
    throw std::runtime_error("the server does not start");
  }
}

server_process::~server_process() {
  if (process_ <= 0) return;
  ::kill(process_, SIGKILL);
  ::waitpid(process_, nullptr, 0);
}

}  // namespace bench
