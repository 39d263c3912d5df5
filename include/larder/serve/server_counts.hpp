#pragma once

#include <larder/sync/thread_counters.hpp>

#include <array>
#include <cstddef>
#include <cstdint>

namespace larder::serve {

/// The statuses that this server answers with.
inline constexpr std::array<int, 16> answered_statuses{200, 206, 304, 400, 401, 404, 405, 408, 412, 414, 416, 421, 431, 500, 503, 505};

/// What connections add to, from any thread.
class server_counts {
 public:
  enum counter : std::size_t {
    accepted,     ///< connections
    closed,       ///< of those
    refused,      ///< over the limit: told 503
    timed_out,    ///< slow to ask, or silent
    too_slow,     ///< slow to read
    cut,          ///< answers that ended early because their content turned out wrong or unreadable
    body_bytes,   ///< of chunks and manifests, handed to the system
    first_status  ///< answers, by status; last
  };

  void add(counter which, std::uint64_t n = 1) noexcept { counters_.add(which, n); }
  void add_answer(int status) noexcept {
    for (std::size_t i = 0; i < answered_statuses.size(); ++i)
      if (answered_statuses[i] == status) counters_.add(first_status + i);
  }
  std::uint64_t load(counter which) const noexcept { return counters_.load(which); }
  std::uint64_t answers(std::size_t status_number) const noexcept { return counters_.load(first_status + status_number); }
  std::uint64_t answers() const noexcept {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < answered_statuses.size(); ++i) sum += answers(i);
    return sum;
  }
  std::uint64_t open() const noexcept {
    const std::uint64_t gone = load(closed);
    const std::uint64_t come = load(accepted);
    return come > gone ? come - gone : 0;
  }

 private:
  sync::thread_counters<true, first_status + answered_statuses.size()> counters_;
};

}  // namespace larder::serve
