#pragma once

#include <chrono>
#include <thread>

namespace support {

/// Waits for what another thread or process does, at most 30 s; whether it came.
template <class Condition>
bool eventually(Condition&& condition) {
  const auto latest = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > latest) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

}  // namespace support
