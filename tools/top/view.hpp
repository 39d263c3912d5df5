#pragma once

#include <chrono>
#include <string>

namespace top {

/// What is looked at again and again. Each look throws `larder::error` when there is nothing to be seen.
class view {
 public:
  view() = default;
  view(const view&) = delete;
  view& operator=(const view&) = delete;
  virtual ~view() = default;

  /// Lines for people, with what changed per second since the look before.
  virtual std::string text(std::chrono::steady_clock::time_point now) = 0;
  /// One line of JSON.
  virtual std::string json() = 0;
};

}  // namespace top
