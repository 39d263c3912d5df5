#pragma once

#include <larder/remote/secret.hpp>

#include <chrono>
#include <stop_token>

namespace larder::remote {

/// Where a signer gets the bearer token for each try: a credential that keeps it, renews it before it ends, and fetches it once
/// however many threads ask. Every member is called from many threads at once.
class token_source {
 public:
  token_source() = default;
  token_source(const token_source&) = delete;
  token_source& operator=(const token_source&) = delete;
  virtual ~token_source() = default;

  /// A token that is valid now, without the word `Bearer`. May wait for the network; throws `larder::error` when none is to be had.
  virtual secret token() = 0;
  /// The same for a request that is given up at a time or when a stop is requested: `larder::error` (timeout, cancelled) by then. A source
  /// that may wait long overrides it; the others are asked as they are.
  virtual secret token_by(const std::stop_token& /*stop*/, std::chrono::steady_clock::time_point /*give_up*/) { return token(); }

  /// The service has refused this token: the next `token()` fetches another, unless that has already happened.
  virtual void reject(const secret& stale) = 0;
};

}  // namespace larder::remote
