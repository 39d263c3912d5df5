#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#ifndef __cpp_exceptions
#error "larder: needs exceptions; compile the files that include it with -fexceptions, callers of theirs may go without"
#endif

namespace larder {

/// Why something failed, coarse enough to count and to act on.
enum class error_cause : std::uint8_t {
  invalid_argument,  ///< the caller's value, setting or file cannot be used
  io,                ///< the operating system refused a read, write, open or map
  no_space,          ///< the device or quota is full
  corruption,        ///< stored bytes do not match their checksum, length or format
  network,           ///< no connection, or a broken one
  timeout,           ///< an answer did not come in time
  unauthorized,      ///< 401 or 403: the credentials do not do
  server,            ///< the remote answered with a failure of its own (5xx and the like)
  codec,             ///< a stored value could not be turned into its type
  load,              ///< a loader failed in the background
  listener,          ///< a listener threw
  cancelled,         ///< a stop was requested
  reentrant,         ///< waiting would wait for oneself
};

inline constexpr std::size_t error_cause_count = 13;

/// The cause as one lower-case word, for logs and metric labels.
constexpr std::string_view to_string(error_cause cause) noexcept {
  constexpr std::array<std::string_view, error_cause_count> names{
      "invalid_argument", "io",     "no_space", "corruption", "network",   "timeout",
      "unauthorized",     "server", "codec",    "load",       "listener",  "cancelled", "reentrant"};
  return names[static_cast<std::size_t>(cause)];
}

/// What larder throws: `what()` names the thing, the value and the way out.
class error : public std::runtime_error {
 public:
  error(error_cause cause, const std::string& message) : std::runtime_error("larder: " + message), cause_(cause) {}
  error_cause cause() const noexcept { return cause_; }

 private:
  error_cause cause_;
};

/// What an `error_listener` is told of a failure that the cache absorbed (as a miss or a refused put).
struct error_event {
  error_cause cause;
  std::string message;
};

namespace core {

/// Throws out of line, so that the callers' hot paths stay small.
[[noreturn, gnu::noinline, gnu::cold]] inline void fail(error_cause cause, const std::string& message) {
  throw error(cause, message);
}

}  // namespace core
}  // namespace larder
