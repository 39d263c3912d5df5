#pragma once

#include <larder/core/transfer.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

namespace larder::artifacts {

/// The progress of several transfers as that of one. Totals grow as they become known, unless the whole is known from the start.
class transfer_sum {
 public:
  transfer_sum(std::size_t count, const transfer_control& control, std::optional<std::uint64_t> whole = std::nullopt)
      : control_(control), whole_(whole), parts_(count) {}

  /// For one of them; this object outlives it.
  transfer_control part(std::size_t number) {
    transfer_control one{control_.stop, {}};
    if (control_.progress) one.progress = [this, number](std::uint64_t done, std::uint64_t total) { tell(number, done, total); };
    return one;
  }
  void tell(std::size_t number, std::uint64_t done, std::uint64_t total) {
    if (!control_.progress) return;
    const std::lock_guard lock(mutex_);
    sum_.first += done - parts_[number].first;  // may go back: unsigned sums wrap and come right again
    sum_.second += total - parts_[number].second;
    parts_[number] = {done, total};
    if (whole_)
      control_.progress(std::min(sum_.first, *whole_), *whole_);
    else
      control_.progress(sum_.first, sum_.second);
  }

 private:
  const transfer_control& control_;
  const std::optional<std::uint64_t> whole_;
  std::mutex mutex_;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> parts_;
  std::pair<std::uint64_t, std::uint64_t> sum_;
};

}  // namespace larder::artifacts
