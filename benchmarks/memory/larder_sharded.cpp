#include "catalogue.hpp"
#include "larder_subject.hpp"

namespace bench {

template <class Policy>
using shared = larder_visit<std::uint64_t, std::uint64_t, Policy, larder::sharded<>>;

candidates<std::uint64_t> larder_sharded() {
  using key = std::uint64_t;
  return {candidate_of<key, shared<larder::clock>>("clock_sharded"), candidate_of<key, shared<larder::sieve>>("sieve_sharded"),
          candidate_of<key, shared<larder::s3_fifo>>("s3_fifo_sharded")};
}

}  // namespace bench
