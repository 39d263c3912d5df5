#include "../catalogue.hpp"

#include <cstdio>

namespace bench {

candidates rocksdb() {
  std::puts("rocksdb, rocksdb_blob: SKIPPED, RocksDB was not there when this was built (Debian: librocksdb-dev)");
  return {};
}

}  // namespace bench
