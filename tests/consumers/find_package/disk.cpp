#include <larder/larder.hpp>
#include <larder/storage/mmap_disk.hpp>

#include <string>

int main() {
  auto cache = larder::make_cache<std::string, larder::bytes>(larder::max_bytes{1 << 20}, larder::mmap_disk{"consumer-cache"});
  cache.put("a", larder::bytes::copy_of("abc", 3));
  return cache.get("a").has_value() ? 0 : 1;
}
