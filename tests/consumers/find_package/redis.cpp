#include <larder/larder.hpp>
#include <larder/storage/redis.hpp>

#include <string>

int main() {
  // Nobody listens at this path: every look-up is a miss, counted by its cause.
  auto cache =
      larder::make_cache<std::string, std::string>(larder::unbounded{}, larder::redis{.unix_socket = "/nonexistent/redis.sock"});
  const bool found = cache.get("a").has_value();
  return !found && cache.stats().errors[larder::error_cause::network] == 1 ? 0 : 1;
}
