#include "catalogue.hpp"
#include "larder_subject.hpp"

namespace bench {

template <class Policy, class Locking = larder::unsynchronized>
using observed = larder_visit<std::uint64_t, std::uint64_t, Policy, larder::miss_ratio_curve, Locking>;

candidates<std::uint64_t> larder_observed() {
  using key = std::uint64_t;
  return {candidate_of<key, observed<larder::clock>>("clock_observed", "clock"),
          candidate_of<key, observed<larder::s3_fifo>>("s3_fifo_observed", "s3_fifo"),
          candidate_of<key, observed<larder::lru>>("lru_observed", "lru"),
          candidate_of<key, observed<larder::clock, larder::sharded<>>>("clock_sharded_observed", "clock_sharded")};
}

}  // namespace bench
