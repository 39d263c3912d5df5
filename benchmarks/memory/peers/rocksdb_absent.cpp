#include "../catalogue.hpp"

#include <cstdio>

namespace bench {

candidates<std::uint64_t> rocksdb_u64() {
  std::puts("rocksdb_lru, rocksdb_hyper_clock: SKIPPED, RocksDB 7 was not there when this was built (Debian: librocksdb-dev)");
  return {};
}
candidates<std::string> rocksdb_strings() { return {}; }

}  // namespace bench
