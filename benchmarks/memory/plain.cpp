#include "catalogue.hpp"
#include "flat_map_subject.hpp"
#include "list_lru_subject.hpp"

namespace bench {

candidates<std::uint64_t> plain_u64() {
  using key = std::uint64_t;
  return {candidate_of<key, flat_map<key, std::uint64_t>>("flat_map"),
          candidate_of<key, flat_map_in_place<key>>("flat_map_in_place"), candidate_of<key, flat_map_ring<key>>("flat_map_ring"),
          candidate_of<key, list_lru<key>>("list_lru"), candidate_of<key, list_lru_mutex<key>>("list_lru_mutex")};
}

candidates<std::string> plain_strings() {
  using key = std::string;
  return {candidate_of<key, flat_map<key, std::uint64_t>>("flat_map"), candidate_of<key, list_lru<key>>("list_lru")};
}

}  // namespace bench
