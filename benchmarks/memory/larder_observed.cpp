#include "catalogue.hpp"
#include "larder_subject.hpp"

#include <larder/observe/key_history.hpp>
#include <larder/observe/latency_histogram.hpp>

namespace bench {

template <class Policy, class Locking = larder::unsynchronized>
using observed = larder_visit<std::uint64_t, std::uint64_t, Policy, larder::miss_ratio_curve, Locking>;

/// One of 64 gets and puts is timed; no key is followed, and each put asks whether its key is.
template <class Observer, class Locking>
using watched = larder_visit<std::uint64_t, std::uint64_t, larder::clock, Observer, Locking>;

candidates<std::uint64_t> larder_observed() {
  using key = std::uint64_t;
  return {candidate_of<key, observed<larder::clock>>("clock_observed", "clock"),
          candidate_of<key, observed<larder::s3_fifo>>("s3_fifo_observed", "s3_fifo"),
          candidate_of<key, observed<larder::lru>>("lru_observed", "lru"),
          candidate_of<key, observed<larder::clock, larder::sharded<>>>("clock_sharded_observed", "clock_sharded"),
          candidate_of<key, watched<larder::latency_histogram, larder::unsynchronized>>("clock_timed", "clock"),
          candidate_of<key, watched<larder::latency_histogram, larder::sharded<>>>("clock_sharded_timed", "clock_sharded"),
          candidate_of<key, watched<larder::key_history, larder::unsynchronized>>("clock_history", "clock"),
          candidate_of<key, watched<larder::key_history, larder::sharded<>>>("clock_sharded_history", "clock_sharded")};
}

}  // namespace bench
