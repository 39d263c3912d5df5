// Every public header without run-time type information, and that failures are still told apart by their types.
#include "every_header.hpp"

#include <string>

#ifdef __cpp_rtti
#error "this is compiled with -fno-rtti"
#endif

int main() {
  auto cache = larder::make_cache<std::string, int>(larder::sieve{}, larder::max_entries{2});
  cache.put("answer", 42);
  bool refused = false;
  try {
    (void)larder::parse_size("much", 1, "room");
  } catch (const larder::error& failure) {
    refused = failure.cause() == larder::error_cause::invalid_argument;
  }
  return refused && cache.get("answer") == 42 ? 0 : 1;
}
