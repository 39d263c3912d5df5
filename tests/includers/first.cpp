// Every public header in one translation unit, in their alphabetical order; second.cpp has them the other way round. Linked together a
// definition that is not inline shows, and what one header leaves behind for another.
#include "every_header.hpp"

#include <cstdio>
#include <string>

int cached_in_another_file(larder::cache<std::string, int, larder::max_entries>& cache);

int main() {
  larder::cache<std::string, int, larder::max_entries> cache{larder::max_entries{2}};
  cache.put("answer", 40);
  const int both = cache.get("answer").value() + cached_in_another_file(cache);
  std::printf("%d\n", both);
  return both == 42 ? 0 : 1;
}
