#include "catalogue.hpp"
#include "larder_engine.hpp"

namespace bench {

candidates larder_disk() {
  return {candidate_of<larder_engine<larder::verify::first_read>>("larder"),
          candidate_of<larder_engine<larder::verify::first_read, 100>>("larder_b100", false),
          candidate_of<larder_engine<larder::verify::always>>("larder_verify_always", false)};
}

}  // namespace bench
