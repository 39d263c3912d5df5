#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace larder::storage {

/// Which keys (by the low half of their digest) changed at the latest positions of a log: for whoever chose a record's sequence a moment
/// ago and has to know whether it is still higher than that of every record of its key.
class recent_changes {
 public:
  void add(std::uint64_t position, std::uint64_t key) noexcept { changes_[count_++ % changes_.size()] = {position, key}; }
  void clear() noexcept { count_ = 0; }

  /// Whether the key changed at `position` or later, or may have: no more is remembered than the last few.
  bool may_have_changed(std::uint64_t key, std::uint64_t position) const noexcept {
    for (std::uint64_t back = 0; back < changes_.size(); ++back) {
      if (back == count_) return false;
      const change& one = changes_[(count_ - 1 - back) % changes_.size()];
      if (one.position < position) return false;
      if (one.key == key) return true;
    }
    return true;
  }

 private:
  struct change {
    std::uint64_t position = 0;
    std::uint64_t key = 0;
  };
  std::array<change, 64> changes_{};
  std::uint64_t count_ = 0;
};

}  // namespace larder::storage
