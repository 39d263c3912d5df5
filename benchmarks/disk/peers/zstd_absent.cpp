#include "../catalogue.hpp"

#include <cstdio>

namespace bench {

candidates larder_zstd() {
  std::puts("larder_zstd: SKIPPED, libzstd was not there when this was built (Debian: libzstd-dev)");
  return {};
}

}  // namespace bench
