#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace larder::layers {

/// How often each layer was asked for lately. After a window of 32 accesses per layer it is time to look; what was counted before
/// then counts half, so that habits of long ago are forgotten. The window is long enough that of eight layers and more that are
/// asked for at random, all alike, those whom chance favoured seem to save less than a tenth of the bytes.
class use_counts {
 public:
  explicit use_counts(std::size_t layers) : counts_(layers, 0), left_(window()) {}

  /// True when a window is over.
  bool count(std::size_t i) noexcept {
    ++counts_[i];
    return left_ == 0 || --left_ == 0;  // a look that failed is tried again
  }
  const std::vector<std::uint64_t>& counts() const noexcept { return counts_; }
  void begin_window() noexcept {
    for (std::uint64_t& c : counts_) c /= 2;
    left_ = window();
  }

 private:
  std::size_t window() const noexcept { return std::max<std::size_t>(64, 32 * counts_.size()); }

  std::vector<std::uint64_t> counts_;
  std::size_t left_;
};

}  // namespace larder::layers
