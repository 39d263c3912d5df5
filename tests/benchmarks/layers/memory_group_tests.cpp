#include "memory_group.hpp"

#include "child.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <fstream>
#include <string>
#include <vector>

namespace {

bool is_in_a_group_of_the_benchmark() {
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);)
    if (line.find("bench_layers.") != std::string::npos) return true;
  return false;
}

TEST_CASE("several groups at a time, each left behind with the process that was in it") {
  const std::filesystem::path place = bench::memory_group::place();
  if (place.empty()) {
    MESSAGE("not tested: no control group with a limit of memory can be made here");
    return;
  }
  {
    const bench::memory_group first(std::size_t{256} << 20U);
    const bench::memory_group second(std::size_t{256} << 20U);
    const bench::memory_group third(std::size_t{256} << 20U);
    for (const bench::memory_group* const group : {&first, &second, &third})
      CHECK(bench::in_child(bench::ending::by_itself, [&] {
              group->enter();
              return std::vector<double>{is_in_a_group_of_the_benchmark() ? 1.0 : 0.0};
            }) == std::vector<double>{1});
    CHECK_FALSE(is_in_a_group_of_the_benchmark());
  }
  CHECK(bench::memory_group::place() == place);
}

TEST_CASE("who takes more than the limit does not live") {
  if (bench::memory_group::place().empty()) return;
  const bench::memory_group group(std::size_t{64} << 20U);
  CHECK_THROWS(bench::in_child(bench::ending::by_itself, [&] {
    group.enter();
    std::vector<char> room(std::size_t{256} << 20U, 'x');
    return std::vector<double>{static_cast<double>(room.back())};
  }));
}

}  // namespace
