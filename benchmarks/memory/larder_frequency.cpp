#include "catalogue.hpp"
#include "larder_subject.hpp"

namespace bench {

template <class Policy>
using alone = larder_visit<std::uint64_t, std::uint64_t, Policy, larder::unsynchronized>;

candidates<std::uint64_t> larder_frequency() {
  using key = std::uint64_t;
  return {candidate_of<key, alone<larder::w_tinylfu>>("w_tinylfu"),
          candidate_of<key, alone<larder::arc>>("arc"),
          candidate_of<key, alone<larder::lirs>>("lirs"),
          candidate_of<key, alone<larder::gdsf>>("gdsf"),
          candidate_of<key, alone<larder::lfu>>("lfu"),
          candidate_of<key, alone<larder::adaptive>>("adaptive")};
}

}  // namespace bench
