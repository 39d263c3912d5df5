#include "redis_tier.hpp"

#include <larder/core/error.hpp>

namespace tools::serve {

larder::chunk_tier redis_tier(const std::string&, const larder::secret&) {
  throw larder::error(larder::error_cause::invalid_argument,
                      "--redis: this program was built without Redis; install hiredis and build it again");
}

}  // namespace tools::serve
