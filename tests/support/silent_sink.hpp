#pragma once

#include <larder/core/concepts.hpp>

#include <string>

namespace support {

/// For stores that a test opens by themselves: what they report goes nowhere.
struct silent_sink final : larder::error_sink {
  void report(larder::error_cause, const std::string&) noexcept override {}
};

}  // namespace support
