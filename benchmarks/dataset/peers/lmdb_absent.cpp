#include "../subject.hpp"

#include <cstdio>

namespace bench {

std::vector<subject> lmdb() {
  std::puts("lmdb: SKIPPED, LMDB was not there when this was built (Debian: liblmdb-dev)");
  return {};
}

}  // namespace bench
