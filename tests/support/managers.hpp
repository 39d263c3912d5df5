#pragma once

#include <larder/config/cache_manager.hpp>

#include <memory>

namespace support {

/// A manager that has caches of every order, compiled once for all tests.
std::unique_ptr<larder::cache_manager> make_manager(larder::settings all, larder::manager_options options = {});

}  // namespace support
