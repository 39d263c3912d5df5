#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace larder::testing {

/// What goes wrong with a request.
enum class fault_kind {
  status,        ///< answered with `status`, not carried out
  close,         ///< read, not carried out; the connection is closed without an answer
  lose_answer,   ///< carried out; the connection is closed without an answer
  stall,         ///< carried out; the answer stops after `after` bytes of its body (before its first byte when `after` is 0)
                 ///< until `release()`
  truncate,      ///< the full length is announced, `after` bytes of the body come, then the connection is closed
  flip_byte,     ///< the byte at `after` of the body has its lowest bit turned
  ignore_range,  ///< a request for a part is answered 200 with the whole
  verbatim,      ///< not carried out; `reply` is sent as it is, head and all, then the connection is closed
};

/// A fault for the next `times` requests with that method (any, when empty), of those for a range that begins at `range_from` (any, when not given), after
/// `skip` that fit and go well.
struct fault {
  fault_kind kind = fault_kind::status;
  std::size_t times = 1;
  std::string method{};
  int status = 503;
  std::size_t after = 0;
  std::string reply{};
  std::size_t skip = 0;
  std::optional<std::uint64_t> range_from{};
};

/// Faults in the order in which they were added; each request takes the first that fits. Safe from many threads.
class fault_script {
 public:
  void add(fault f) {
    const std::lock_guard guard(mutex_);
    ahead_.push_back(std::move(f));
  }
  void clear() {
    const std::lock_guard guard(mutex_);
    ahead_.clear();
  }
  /// How many requests will still meet a fault.
  std::size_t pending() const {
    const std::lock_guard guard(mutex_);
    std::size_t sum = 0;
    for (const fault& f : ahead_) sum += f.times;
    return sum;
  }
  /// What goes wrong with a request; `range_from` is where the range begins that it asks for, if it does.
  std::optional<fault> next(std::string_view method, std::optional<std::uint64_t> range_from = std::nullopt) {
    const std::lock_guard guard(mutex_);
    const auto fits = [&](const fault& f) { return f.times != 0 && (f.method.empty() || f.method == method) && (!f.range_from || f.range_from == range_from); };
    const auto found = std::find_if(ahead_.begin(), ahead_.end(), [&](fault& f) {
      if (!fits(f)) return false;
      if (f.skip == 0) return true;
      --f.skip;
      return false;
    });
    if (found == ahead_.end()) return std::nullopt;
    fault taken = *found;
    if (--found->times == 0) ahead_.erase(found);
    return taken;
  }

 private:
  mutable std::mutex mutex_;
  std::deque<fault> ahead_;
};

}  // namespace larder::testing
