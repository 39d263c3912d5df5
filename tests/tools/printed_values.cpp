// Values for gdb_tests.py to print.
#include <larder/larder.hpp>
#include <larder/remote/secret.hpp>

#include <cstdio>
#include <string>

using namespace larder::literals;

[[gnu::noinline]] void stop_here() {
  static volatile int met = 0;
  met = met + 1;
}

int main() {
  auto names = larder::make_cache<std::string, int>(larder::lru{}, larder::max_entries{10});
  for (int i = 0; i < 3; ++i) names.put(std::to_string(i), i);
  for (int i = 0; i < 5; ++i) names.get(std::to_string(i));
  auto alone = larder::make_cache<int, larder::bytes>(larder::max_bytes{100}, larder::unsynchronized{});
  const larder::bytes text = larder::bytes::copy_of("hello", 5);
  const larder::bytes binary = larder::bytes::copy_of("\x01\xff", 2);
  const larder::bytes nothing;
  const larder::bytes large = larder::bytes::copy_of(std::string(1000, 'x').data(), 1000);
  alone.put(1, text);
  alone.get(1);
  const larder::digest id{0x0123456789abcdefU, 0xfedcba9876543210U};
  const larder::secret password("hunter2");
  stop_here();
  std::printf("%d %zu %zu %d\n", names.get("1").value_or(0), text.size() + binary.size() + nothing.size(), large.size(),
              id.low != 0 && !password.empty());
}
