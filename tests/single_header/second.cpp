#include <larder/larder.hpp>

int entries_from_another_file() {
  auto cache = larder::make_cache<int, int>(larder::max_entries{1});
  cache.put(1, 1);
  cache.put(2, 2);
  return static_cast<int>(cache.size());
}
