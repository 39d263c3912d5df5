#pragma once

#include <functional>

namespace bench {

/// By how many bytes the resident memory of a process grows that runs `build`, called there when all is built and still stands. It is
/// a child of its own, so that nothing freed before is used again. Throws std::runtime_error when the child does not answer.
double resident_growth(const std::function<void(const std::function<void()>& built)>& build);

}  // namespace bench
