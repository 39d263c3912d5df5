#include "footprint.hpp"

#include "../open_file.hpp"

#include <sys/stat.h>

#include <fstream>
#include <stdexcept>
#include <string>

namespace bench {
namespace {

std::uint64_t blocks_of(const std::filesystem::path& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) fail_system("look at \"" + path.string() + "\"");
  return static_cast<std::uint64_t>(status.st_blocks) * 512;
}

}  // namespace

std::uint64_t anonymous_bytes() {
  std::ifstream rollup("/proc/self/smaps_rollup");
  for (std::string word; rollup >> word;) {
    std::uint64_t kib = 0;
    if (word == "Anonymous:" && rollup >> kib) return kib * 1024;
  }
  throw std::runtime_error("/proc/self/smaps_rollup does not tell the anonymous memory of this process");
}

std::uint64_t disk_bytes(const std::filesystem::path& folder) {
  std::uint64_t sum = blocks_of(folder);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) sum += blocks_of(entry.path());
  return sum;
}

}  // namespace bench
