#include <larder/codec/zstd.hpp>
#include <larder/larder.hpp>

#include <string>

int main() {
  auto cache = larder::make_cache<int, std::string>(larder::max_bytes{1 << 20}, larder::zstd{});
  cache.put(1, std::string(100'000, 'x'));
  return cache.get(1).has_value() && cache.weight() < 1000 ? 0 : 1;
}
