#include "../catalogue.hpp"

#include <cstdio>

namespace bench {

candidates lmdb() {
  std::puts("lmdb, lmdb_b100: SKIPPED, LMDB was not there when this was built (Debian: liblmdb-dev)");
  return {};
}

}  // namespace bench
