#include <larder/larder.hpp>

#include <cstdio>
#include <string>

int main() {
  auto cache = larder::make_cache<std::string, int>(larder::lru{}, larder::max_entries{2});
  cache.put("answer", 42);
  std::printf("%d\n", cache.get("answer").value());
}
