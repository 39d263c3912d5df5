// The smallest program: a cache with a limit, a put, a get.
#include <larder/larder.hpp>

#include <iostream>
#include <string>

int main() {
  auto names = larder::make_cache<std::string, int>(larder::lru{}, larder::max_entries{1000});

  names.put("answer", 42);
  if (std::optional<int> answer = names.get("answer")) std::cout << "answer = " << *answer << '\n';

  // Load on a miss: once per key, however many threads ask.
  int square = names.get_or_load("12 squared", [](const std::string&) { return 12 * 12; });
  std::cout << "12 squared = " << square << '\n';

  std::cout << "hit rate " << names.stats().hit_rate() << '\n';
  return square == 144 && names.size() == 2 ? 0 : 1;
}
