#pragma once

#include <larder/core/error.hpp>

#include <string>

namespace larder {

/// What a resolver throws to say that there is none, as against that it could not ask: that answer can be kept for a while, too.
class not_found : public error {
 public:
  explicit not_found(const std::string& message) : error(error_cause::invalid_argument, message) {}
};

}  // namespace larder
