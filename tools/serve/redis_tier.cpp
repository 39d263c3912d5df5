#include "redis_tier.hpp"

#include <larder/cache.hpp>
#include <larder/core/bytes.hpp>
#include <larder/larder.hpp>
#include <larder/storage/redis.hpp>

#include <memory>
#include <string>

namespace tools::serve {

larder::chunk_tier redis_tier(const std::string& url, const larder::secret& password) {
  using shared = larder::cache<std::string, larder::bytes, larder::unbounded, larder::redis>;
  return std::make_unique<shared>(larder::unbounded{},
                                  larder::redis{.url = url, .password = password, .key_prefix = "larder:chunk:"});
}

}  // namespace tools::serve
