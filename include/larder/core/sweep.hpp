#pragma once

// Work that meets every entry of a cache: a listing of them, a purge, the dropping of many.

#include <larder/core/error.hpp>

#include <algorithm>
#include <concepts>
#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>
#include <utility>

namespace larder {

/// How a caller follows work that meets every entry, and ends it.
struct sweep_control {
  /// Ends it before its next entry with `larder::error` (cancelled); what was done stays done.
  std::stop_token stop{};
  /// Told of the entries that are behind, of so many, by the caller's thread. While a remote storage still lists its entries there are none
  /// behind, and the total is of those found so far. Entries may come and go meanwhile. What it throws ends the work and reaches the caller.
  std::function<void(std::uint64_t done, std::uint64_t total)> progress{};
};

namespace core {

/// One run of such work.
class sweep {
 public:
  explicit sweep(const sweep_control& control) noexcept : control_(&control) {}

  /// So many entries are there, as far as is known. Throws when the caller does not want to go on.
  void found(std::uint64_t total) {
    total_ = total;
    go_on();
  }
  /// The next entry is met; throws likewise.
  void next() {
    go_on();
    ++done_;
  }
  /// There are no more.
  void finish() {
    done_ = total_ = std::max(done_, total_);
    tell();
  }

  /// `f` with each entry that it is called with met first.
  template <class F>
  auto over(F& f) {
    return [this, &f]<class... Entry>(Entry&&... entry) -> decltype(auto)
      requires std::invocable<F&, Entry...>
    {
      next();
      return f(std::forward<Entry>(entry)...);
    };
  }

 private:
  void go_on() const {
    if (control_->stop.stop_requested())
      fail(error_cause::cancelled, "the work was ended because a stop was requested, after " + std::to_string(done_) + " of " +
                                       std::to_string(std::max(done_, total_)) + " entries");
    tell();
  }
  void tell() const {
    if (control_->progress) control_->progress(done_, std::max(done_, total_));
  }

  const sweep_control* control_;
  std::uint64_t done_ = 0;
  std::uint64_t total_ = 0;
};

}  // namespace core
}  // namespace larder
