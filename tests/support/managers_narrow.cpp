// The same as managers.cpp with the orders that tests with threads and the scenarios name: for the thread sanitizer, under which all of
// them take too long to compile.
#include "support/managers.hpp"

#include <utility>

std::unique_ptr<larder::cache_manager> support::make_manager(larder::settings all, larder::manager_options options) {
  using narrow = larder::policy_table<larder::epoch_pin, larder::fifo, larder::gdsf, larder::largest_first, larder::lru, larder::s3_fifo>;
  return std::make_unique<larder::cache_manager>(std::move(all), std::move(options), narrow{});
}
