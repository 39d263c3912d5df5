#include "components.hpp"

#include <larder/larder.hpp>

#include <cstdio>
#include <string>

int main() {
  auto cache = larder::make_cache<std::string, int>(larder::lru{}, larder::max_entries{2});
  cache.put("answer", 42);
  std::printf("larder %s: %d\n", LARDER_VERSION_STRING, cache.get("answer").value());
}
