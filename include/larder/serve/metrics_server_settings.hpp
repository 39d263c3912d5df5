#pragma once

#include <larder/core/error.hpp>
#include <larder/remote/secret.hpp>

#include <chrono>
#include <cstddef>
#include <string>

namespace larder {

/// What a `metrics_server` is told; everything has a default.
struct metrics_server_settings {
  int port = 0;                    ///< 0: one that is free
  std::string host = "127.0.0.1";  ///< the interface; another than this machine's own needs a token
  secret token{};  ///< what every client must know; empty: everybody who asks for localhost or an address, not for a name
  std::size_t max_connections = 64;                   ///< further ones wait
  std::chrono::milliseconds request_timeout{10'000};  ///< from a connection's beginning to its end

  /// Throws `larder::error` for what cannot be meant.
  void check() const {
    if (max_connections == 0 || max_connections > 4096)
      core::fail(error_cause::invalid_argument,
                 "metrics_server: max_connections is " + std::to_string(max_connections) + "; give 1 to 4096");
    if (request_timeout.count() <= 0)
      core::fail(error_cause::invalid_argument, "metrics_server: request_timeout is not longer than 0");
  }
};

}  // namespace larder
