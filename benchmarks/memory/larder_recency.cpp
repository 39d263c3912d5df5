#include "catalogue.hpp"
#include "larder_subject.hpp"

namespace bench {

template <class Policy>
using alone = larder_visit<std::uint64_t, std::uint64_t, Policy, larder::unsynchronized>;

candidates<std::uint64_t> larder_recency() {
  using key = std::uint64_t;
  return {candidate_of<key, alone<larder::clock>>("clock"),
          candidate_of<key, alone<larder::sieve>>("sieve"),
          candidate_of<key, alone<larder::s3_fifo>>("s3_fifo"),
          candidate_of<key, alone<larder::fifo>>("fifo"),
          candidate_of<key, alone<larder::largest_first>>("largest_first"),
          candidate_of<key, alone<larder::epoch_pin>>("epoch_pin"),
          candidate_of<key, alone<larder::lru>>("lru")};
}

}  // namespace bench
