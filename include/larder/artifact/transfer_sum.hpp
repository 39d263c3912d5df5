#pragma once

#include <larder/core/transfer.hpp>

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <utility>
#include <vector>

namespace larder::artifacts {

/// The progress of several transfers as that of one. Totals grow as they become known.
class transfer_sum {
 public:
  transfer_sum(std::size_t count, const transfer_control& control) : control_(control), parts_(count) {}

  /// For one of them.
  transfer_control part(std::size_t number) {
    return {control_.stop, [this, number](std::uint64_t done, std::uint64_t total) { tell(number, done, total); }};
  }
  void tell(std::size_t number, std::uint64_t done, std::uint64_t total) {
    const std::lock_guard lock(mutex_);
    sum_.first += done - parts_[number].first;  // may go back: unsigned sums wrap and come right again
    sum_.second += total - parts_[number].second;
    parts_[number] = {done, total};
    if (control_.progress) control_.progress(sum_.first, sum_.second);
  }

 private:
  const transfer_control& control_;
  std::mutex mutex_;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> parts_;
  std::pair<std::uint64_t, std::uint64_t> sum_;
};

}  // namespace larder::artifacts
