#pragma once

#include <chrono>

namespace bench {

/// Stands for what a layer is loaded for: keeps a core busy until so much time has gone.
inline void compute(std::chrono::nanoseconds d) {
  const auto until = std::chrono::steady_clock::now() + d;
  while (std::chrono::steady_clock::now() < until) {
  }
}

}  // namespace bench
