#include "support/managers.hpp"

#include <utility>

std::unique_ptr<larder::cache_manager> support::make_manager(larder::settings all, larder::manager_options options) {
  return std::make_unique<larder::cache_manager>(std::move(all), std::move(options));
}
