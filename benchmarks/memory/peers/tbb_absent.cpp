#include "../catalogue.hpp"

#include <cstdio>

namespace bench {

candidates<std::uint64_t> tbb_u64() {
  std::puts("tbb_lru: SKIPPED, oneTBB was not there when this was built (Debian: libtbb-dev)");
  return {};
}
candidates<std::string> tbb_strings() { return {}; }

}  // namespace bench
