#include "catalogue.hpp"
#include "larder_subject.hpp"

namespace bench {

template <class... Policies>
using cache_of_strings = larder_visit<std::string, std::uint64_t, Policies...>;

candidates<std::string> larder_strings() {
  using key = std::string;
  using larder::unsynchronized;
  return {candidate_of<key, cache_of_strings<larder::clock, unsynchronized>>("clock"),
          candidate_of<key, cache_of_strings<larder::sieve, unsynchronized>>("sieve"),
          candidate_of<key, cache_of_strings<larder::s3_fifo, unsynchronized>>("s3_fifo"),
          candidate_of<key, cache_of_strings<larder::w_tinylfu, unsynchronized>>("w_tinylfu"),
          candidate_of<key, cache_of_strings<larder::lru, unsynchronized>>("lru"),
          candidate_of<key, cache_of_strings<larder::clock, larder::sharded<>>>("clock_sharded")};
}

}  // namespace bench
