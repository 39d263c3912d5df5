#include "python_peers.hpp"

#include "../open_file.hpp"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <initializer_list>
#include <map>
#include <sstream>
#include <stdexcept>

namespace bench {
namespace {

const std::string script = std::string(LARDER_BENCH_LAYERS_DIR) + "/peers/read_model.py";

/// What the program prints. Throws unless it ends well.
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
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) throw std::runtime_error(words[0] + " " + words[1] + " did not end well");
  return all;
}

/// Whether Python has these modules; asked once for each, and the answer that is no is told.
bool has(const options& wanted, const std::string& module) {
  static std::map<std::string, bool> known;
  const auto [found, is_new] = known.emplace(module, true);
  if (!is_new) return found->second;
  try {
    output_of({wanted.python, script, "has", module});
  } catch (const std::exception&) {
    std::printf("peers of %s are skipped: %s cannot import it\n", module.c_str(), wanted.python.c_str());
    found->second = false;
  }
  return found->second;
}

}  // namespace

python_answer python_peer::read(const model& m) const {
  std::istringstream answer(output_of({python, script, way, file.string()}));
  python_answer a{};
  std::uint64_t mark = 0;
  answer >> a.wall >> a.cpu >> a.grown >> mark;
  std::uint64_t expected = 0;
  for (const std::uint64_t of_layer : m.marks) expected ^= of_layer;
  if (!answer || mark != expected) throw std::runtime_error(name + " read something else than is in the file");
  return a;
}

bool wants_torch(const options& wanted) {
  return (wanted.wants("torch_load") || wanted.wants("torch_load_mmap")) && has(wanted, "numpy") && has(wanted, "torch");
}

std::vector<python_peer> python_peers(const model& m, const options& wanted, bool kept) {
  std::vector<python_peer> all;
  const auto add = [&](const std::string& name, const std::string& way, std::initializer_list<const char*> modules) {
    if (!wanted.wants(name)) return;
    for (const char* const module : modules)
      if (!has(wanted, module)) return;
    all.push_back({name, wanted.python, way, m.path});
  };
  if (kept) {
    add("safetensors_py", "safetensors_all", {"numpy", "safetensors"});
  } else {
    add("safetensors_py", "safetensors", {"numpy", "safetensors"});
    add("numpy_memmap", "memmap", {"numpy"});
  }
  if (wants_torch(wanted)) {
    const std::filesystem::path own = m.path.parent_path() / "model.pt";
    if (!std::filesystem::exists(own)) output_of({wanted.python, script, "torch_save", m.path.string(), own.string()});
    for (const char* const name : {"torch_load", "torch_load_mmap"})
      if (wanted.wants(name)) all.push_back({name, wanted.python, name, own});
  }
  return all;
}

}  // namespace bench
