#pragma once

// How short of memory the machine is, or the control group that this process is in: Linux's pressure stall information (PSI), and the
// events of the group's own limit. What cannot be read is no pressure.

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace larder::config {

/// Reads the pressure; one thread at a time.
class memory_pressure {
 public:
  /// `root` is where the system's files are.
  explicit memory_pressure(std::filesystem::path root = "/") : root_(std::move(root)), events_(events()) {}

  /// The share of the last ten seconds in which somebody waited for memory, from 0 to 1; 1 when the group met its limit since the last call.
  double operator()() {
    const std::optional<std::uint64_t> before = events_;
    events_ = events();
    if (before && events_ && *events_ > *before) return 1;
    return std::max(stalled(root_ / "proc/pressure/memory"), stalled(group() / "memory.pressure"));
  }

 private:
  /// The folder of this process's group; the topmost where it cannot be seen, as in a container.
  std::filesystem::path group() const {
    const std::filesystem::path mount = root_ / "sys/fs/cgroup";
    std::ifstream groups(root_ / "proc/self/cgroup");
    std::error_code unknown;
    for (std::string line; std::getline(groups, line);)
      if (line.starts_with("0::/"))
        if (const std::filesystem::path folder = mount / line.substr(4); std::filesystem::is_directory(folder, unknown))
          return folder;
    return mount;
  }
  /// `some avg10=1.23 ...` as a share.
  static double stalled(const std::filesystem::path& file) {
    std::ifstream in(file);
    constexpr std::string_view label = "some avg10=";
    for (std::string line; std::getline(in, line);)
      if (line.starts_with(label)) {
        double percent = 0;
        const auto [end, failed] = std::from_chars(line.data() + label.size(), line.data() + line.size(), percent);
        if (failed == std::errc() && end != line.data() + label.size()) return std::clamp(percent / 100, 0.0, 1.0);
      }
    return 0;
  }
  /// How often the group was held up at its limits so far.
  std::optional<std::uint64_t> events() const {
    std::ifstream in(group() / "memory.events");
    std::optional<std::uint64_t> sum;
    std::string name;
    std::uint64_t count = 0;
    while (in >> name >> count)
      if (name == "high" || name == "max" || name == "oom") sum = sum.value_or(0) + count;
    return sum;
  }

  std::filesystem::path root_;
  std::optional<std::uint64_t> events_;
};

/// What share of their size caches may have: less with each step under pressure, more after some without.
class pressure_regulator {
 public:
  pressure_regulator(double threshold, double floor) noexcept : threshold_(threshold), floor_(floor) {}

  /// The share from now on, after the pressure was looked at once more.
  double step(double pressure) noexcept {
    constexpr double smaller = 0.75;
    constexpr double larger = 1.25;
    constexpr int calm_steps = 5;  // pressure comes in waves
    if (pressure >= threshold_) {
      calm_ = 0;
      share_ = std::max(floor_, share_ * smaller);
    } else if (++calm_ >= calm_steps) {
      share_ = std::min(1.0, share_ * larger);
    }
    return share_;
  }
  double share() const noexcept { return share_; }

 private:
  double threshold_;
  double floor_;
  double share_ = 1;
  int calm_ = 0;
};

}  // namespace larder::config
