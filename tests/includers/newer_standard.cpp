// Every public header in C++23.
#include "every_header.hpp"

static_assert(__cplusplus > 202002L);

int main() {
  auto cache = larder::make_cache<int, int>(larder::max_entries{2});
  return cache.get_or_load(1, [](int key) { return key - 1; });
}
