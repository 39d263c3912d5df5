#pragma once

#include <larder/core/error.hpp>

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>

#include <doctest/doctest.h>

namespace support {

/// What an operation threw: the cause and the message of its `larder::error`; no cause when it threw none.
struct refusal {
  std::optional<larder::error_cause> cause;
  std::string message;
};

/// Runs an operation, in whose message none of these secrets may stand.
template <class Operation>
refusal refusal_of(Operation&& operation, std::initializer_list<std::string_view> secrets = {}) {
  try {
    operation();
  } catch (const larder::error& thrown) {
    const std::string message = thrown.what();
    CAPTURE(message);
    for (const std::string_view secret : secrets) CHECK(message.find(secret) == std::string::npos);
    return {thrown.cause(), message};
  }
  return {};
}

/// The cause alone.
template <class Operation>
std::optional<larder::error_cause> cause_of(Operation&& operation, std::initializer_list<std::string_view> secrets = {}) {
  return refusal_of(operation, secrets).cause;
}

inline bool says(const refusal& refused, std::string_view words) {
  if (refused.message.find(words) != std::string::npos) return true;
  MESSAGE("it says: \"" << refused.message << "\"; not: " << std::string(words));
  return false;
}

}  // namespace support
