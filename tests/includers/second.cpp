#include "every_header_backwards.hpp"

#include <string>

int cached_in_another_file(larder::cache<std::string, int, larder::max_entries>& cache) {
  cache.put("question", 2);
  return cache.get("question").value();
}
