#include "../catalogue.hpp"

#include <cstdio>

namespace bench {

candidates sqlite() {
  std::puts("sqlite: SKIPPED, SQLite was not there when this was built (Debian: libsqlite3-dev)");
  return {};
}

}  // namespace bench
