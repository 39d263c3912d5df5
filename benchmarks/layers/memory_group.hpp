#pragma once

#include <cstdint>
#include <filesystem>

namespace bench {

/// A control group that limits what its processes take of memory, including the page cache of what they read. It goes when this
/// goes, and must be empty by then.
class memory_group {
 public:
  /// Where groups can be made, in version 1 or 2; empty where not.
  static std::filesystem::path place();

  /// Throws where they cannot.
  explicit memory_group(std::uint64_t limit);
  memory_group(const memory_group&) = delete;
  memory_group& operator=(const memory_group&) = delete;
  ~memory_group();

  /// From here on this process is in the group.
  void enter() const;

 private:
  std::filesystem::path path_;
};

}  // namespace bench
