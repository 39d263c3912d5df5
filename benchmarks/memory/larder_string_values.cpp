#include "catalogue.hpp"
#include "flat_map_subject.hpp"
#include "larder_subject.hpp"

namespace bench {

candidates<std::uint64_t> larder_string_values() {
  using key = std::uint64_t;
  using value = std::string;
  using larder::unsynchronized;
  return {candidate_of<key, flat_map<key, value>>("flat_map"),
          candidate_of<key, larder_visit<key, value, larder::clock, unsynchronized>>("clock"),
          candidate_of<key, larder_visit<key, value, larder::sieve, unsynchronized>>("sieve"),
          candidate_of<key, larder_visit<key, value, larder::s3_fifo, unsynchronized>>("s3_fifo"),
          candidate_of<key, larder_visit<key, value, larder::clock, larder::sharded<>>>("clock_sharded"),
          candidate_of<key, flat_map_copy<key, value>>("flat_map_copy"),
          candidate_of<key, larder_get<key, value, larder::clock, unsynchronized>>("clock_copy", "flat_map_copy"),
          candidate_of<key, larder_get<key, value, larder::clock, larder::sharded<>>>("clock_sharded_copy", "flat_map_copy")};
}

}  // namespace bench
