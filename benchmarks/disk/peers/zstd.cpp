#include "../catalogue.hpp"
#include "../larder_engine.hpp"

#include <larder/codec/zstd.hpp>

namespace bench {

candidates larder_zstd() { return {candidate_of<larder_engine<larder::verify::first_read, 1, larder::zstd>>("larder_zstd", false)}; }

}  // namespace bench
