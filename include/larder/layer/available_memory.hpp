#pragma once

// How much memory this process may still come by: what the machine has available, and what the control groups leave that it is
// in, where usually a container's limit is (both versions of the interface; limits hold for all groups above, too). What cannot
// be read limits nothing.

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace larder::layers {

namespace memory_files {

inline constexpr std::uint64_t unlimited = std::numeric_limits<std::uint64_t>::max();

inline std::optional<std::uint64_t> number_of(std::string_view text) noexcept {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  std::uint64_t value = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (failed != std::errc() || end == text.data()) return std::nullopt;
  return value;
}
/// The number in a file that holds one; nothing of "max", and of a file that is not there.
inline std::optional<std::uint64_t> number_in(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::string line;
  return std::getline(in, line) ? number_of(line) : std::nullopt;
}
/// The number after `name` in a file of lines "name number".
inline std::optional<std::uint64_t> number_after(const std::filesystem::path& file, std::string_view name) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);)
    if (std::string_view(line).starts_with(name) && line.size() > name.size() &&
        (line[name.size()] == ' ' || line[name.size()] == '\t'))
      return number_of(std::string_view(line).substr(name.size()));
  return std::nullopt;
}

/// What a group and those above it leave, by the names of the files of one of the two interfaces.
inline std::uint64_t left_by_groups(const std::filesystem::path& mount, std::string group, const char* limit, const char* usage) {
  std::error_code unknown;
  if (!std::filesystem::exists(mount / group.substr(std::min<std::size_t>(1, group.size())), unknown))
    group = "/";  // seen from inside a container
  std::uint64_t left = unlimited;
  for (std::filesystem::path at = group;; at = at.parent_path()) {
    const std::filesystem::path folder = mount / at.relative_path();
    const auto most = number_in(folder / limit);
    if (const auto used = number_in(folder / usage); most && used) {
      // Pages of files that nobody used lately are given up for others.
      const std::uint64_t held = *used - std::min(*used, number_after(folder / "memory.stat", "inactive_file").value_or(0));
      left = std::min(left, *most - std::min(*most, held));
    }
    if (!at.has_relative_path()) return left;
  }
}

}  // namespace memory_files

/// Bytes; the largest number where nothing can be read. `root` is where the system's files are.
inline std::uint64_t available_memory(const std::filesystem::path& root = "/") {
  using namespace memory_files;
  std::uint64_t left = unlimited;
  if (const auto kibibytes = number_after(root / "proc/meminfo", "MemAvailable:")) left = *kibibytes * 1024;
  std::ifstream groups(root / "proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {  // "number:controllers:group"
    const std::size_t first = line.find(':');
    const std::size_t second = first == std::string::npos ? first : line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = "," + line.substr(first + 1, second - first - 1) + ",";
    const std::string group = line.substr(second + 1);
    if (controllers == ",,")
      left = std::min(left, left_by_groups(root / "sys/fs/cgroup", group, "memory.max", "memory.current"));
    else if (controllers.find(",memory,") != std::string::npos)
      left =
          std::min(left, left_by_groups(root / "sys/fs/cgroup/memory", group, "memory.limit_in_bytes", "memory.usage_in_bytes"));
  }
  return left;
}

}  // namespace larder::layers
