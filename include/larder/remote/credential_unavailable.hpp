#pragma once

#include <larder/core/error.hpp>

#include <string>

namespace larder::remote {

/// A credential that is not set up on this machine (a variable is not set, a service or program is not there): no fault of anybody's,
/// and a chain goes on to the next. Other `larder::error`s are failures of a credential that is set up.
class credential_unavailable : public error {
 public:
  explicit credential_unavailable(const std::string& message) : error(error_cause::unauthorized, message) {}
};

}  // namespace larder::remote
