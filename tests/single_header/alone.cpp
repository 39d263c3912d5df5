// The single header alone: larder's include/ is not on the path of this program. Two files, so that a missing `inline` shows.
#include <larder/larder.hpp>

#include <cstdio>
#include <optional>
#include <string>

int entries_from_another_file();

int main() {
  using namespace larder::literals;
  larder::manual_clock now;
  auto cache = larder::make_cache<std::string, int>(larder::lru{}, larder::max_entries{2}, larder::expire_after_write{24h},
                                                    larder::time_source{now});
  cache.put("a", 1);
  cache.put("b", 2);
  (void)cache.get("a");
  cache.put("c", 3);                                        // "b" was used least recently
  const bool right = cache.get("a") == std::optional{1} && !cache.contains("b") && cache.size() == 2 && entries_from_another_file() == 1;
  now.advance(25h);
  const bool expired = !cache.get("a");
  std::puts(right && expired ? "single header: works alone" : "single header: WRONG");
  return right && expired ? 0 : 1;
}
