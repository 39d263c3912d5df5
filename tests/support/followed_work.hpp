#pragma once

#include <larder/core/sweep.hpp>

#include <cstdint>
#include <stdexcept>
#include <stop_token>
#include <utility>
#include <vector>

namespace support {

/// What work over every entry has told of itself. Requests a stop, or throws "enough", once so many entries are behind.
struct followed_work {
  using steps = std::vector<std::pair<std::uint64_t, std::uint64_t>>;  // done, total

  steps told{};
  std::uint64_t stop_at = 1000;
  std::uint64_t throw_at = 1000;
  std::stop_source source{};

  larder::sweep_control control() {
    return {.stop = source.get_token(), .progress = [this](std::uint64_t done, std::uint64_t total) {
              told.emplace_back(done, total);
              if (done >= stop_at) source.request_stop();
              if (done >= throw_at) throw std::runtime_error("enough");
            }};
  }
  /// The same, which requests its stop once so many entries are found.
  larder::sweep_control control_of_listing(std::uint64_t stop_when_found) {
    return {.stop = source.get_token(), .progress = [this, stop_when_found](std::uint64_t done, std::uint64_t total) {
              told.emplace_back(done, total);
              if (total == stop_when_found) source.request_stop();
            }};
  }
};

}  // namespace support
