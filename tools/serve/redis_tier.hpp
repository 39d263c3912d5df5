#pragma once

#include <larder/remote/secret.hpp>
#include <larder/serve/chunk_tier.hpp>

#include <string>

namespace tools::serve {

/// A tier in the Redis server at `redis://[user@]host[:port][/database]`. Throws `larder::error` for another address, and in a program that
/// was built without Redis.
larder::chunk_tier redis_tier(const std::string& url, const larder::secret& password);

}  // namespace tools::serve
