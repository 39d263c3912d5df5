#pragma once

#include <larder/core/error.hpp>

#include <functional>
#include <memory>
#include <string>

namespace larder::config {

/// Tells the manager's listener of a cache's failures, by the cache's name.
struct failure_teller {
  std::shared_ptr<const std::function<void(const error_event&)>> listener;
  std::string cache;

  void operator()(const error_event& event) const {
    if (*listener) (*listener)({event.cause, cache + ": " + event.message});
  }
};

}  // namespace larder::config
