#include "memory_group.hpp"

#include "../open_file.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <string>

namespace bench {
namespace {

constexpr const char* limit_names[] = {"memory.limit_in_bytes", "memory.max"};

std::string word_list(const std::filesystem::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

bool write_word(const std::filesystem::path& file, const std::string& word) {
  std::ofstream out(file);
  out << word;
  return static_cast<bool>(out.flush());
}

/// The group of this process under the file system mounted there: what is made may lie in it.
std::filesystem::path own_group(const std::filesystem::path& mount, bool version_2) {
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    if (version_2 ? controllers == ",," : controllers.find(",memory,") != std::string::npos)
      return mount / line.substr(second + 2);
  }
  return mount;
}

std::filesystem::path new_group_in(const std::filesystem::path& parent) {
  static unsigned made = 0;  // several may be there at a time
  const std::filesystem::path path = parent / ("bench_layers." + std::to_string(::getpid()) + "." + std::to_string(made++));
  if (::mkdir(path.c_str(), 0755) != 0) return {};
  const bool limits = std::any_of(std::begin(limit_names), std::end(limit_names),
                                  [&](const char* name) { return ::access((path / name).c_str(), W_OK) == 0; });
  if (limits) return path;
  ::rmdir(path.c_str());
  return {};
}

/// A new group, in the first place that lets one be made.
std::filesystem::path new_group() {
  std::ifstream mounts("/proc/self/mounts");
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream words(line);
    std::string device, mount, type, options;
    words >> device >> mount >> type >> options;
    const bool version_2 = type == "cgroup2";
    if (!version_2 && (type != "cgroup" || ("," + options + ",").find(",memory,") == std::string::npos)) continue;
    if (version_2 && word_list(std::filesystem::path(mount) / "cgroup.controllers").find("memory") == std::string::npos) continue;
    for (const std::filesystem::path& parent : {own_group(mount, version_2), std::filesystem::path(mount)})
      if (const std::filesystem::path made = new_group_in(parent); !made.empty()) return made;
  }
  return {};
}

}  // namespace

std::filesystem::path memory_group::place() {
  const std::filesystem::path made = new_group();
  if (made.empty()) return {};
  ::rmdir(made.c_str());
  return made.parent_path();
}

memory_group::memory_group(std::uint64_t limit) : path_(new_group()) {
  if (path_.empty()) throw std::runtime_error("no control group with a limit of memory can be made here");
  for (const char* const name : limit_names)
    if (::access((path_ / name).c_str(), W_OK) == 0 && write_word(path_ / name, std::to_string(limit))) {
      // What does not fit is to be read again, not swapped; each version has one of these, where there is swap.
      write_word(path_ / "memory.swap.max", "0");
      write_word(path_ / "memory.memsw.limit_in_bytes", std::to_string(limit));
      return;
    }
  ::rmdir(path_.c_str());
  throw std::runtime_error("\"" + path_.string() + "\" takes no limit");
}

memory_group::~memory_group() { ::rmdir(path_.c_str()); }

void memory_group::enter() const {
  if (!write_word(path_ / "cgroup.procs", "0")) fail_system("enter \"" + path_.string() + "\"");
}

}  // namespace bench
