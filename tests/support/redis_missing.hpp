#pragma once

#include "redis_server.hpp"

#include <doctest/doctest.h>

namespace support {

/// Whether there is no redis-server; the test says so.
inline bool redis_missing() {
  if (redis_server::installed()) return false;
  MESSAGE("skipped: redis-server is not installed");
  return true;
}

}  // namespace support
