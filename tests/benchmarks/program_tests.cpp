#include "program.hpp"

#include <doctest/doctest.h>

#include <stdexcept>

namespace {

TEST_CASE("a benchmark ends with the code of its work, with 2 for wrong use and with 1 for what failed") {
  CHECK(bench::run_program("bench_any", "usage\n", [] { return 0; }) == 0);
  CHECK(bench::run_program("bench_any", "usage\n", [] { return 1; }) == 1);
  CHECK(bench::run_program("bench_any", "usage\n", []() -> int { throw std::invalid_argument("no such case"); }) == 2);
  CHECK(bench::run_program("bench_any", "usage\n", []() -> int { throw std::runtime_error("no disk"); }) == 1);
}

TEST_CASE("a name that is not known is refused, whole names only") {
  bench::check_names("case", {}, {"a"});
  bench::check_names("case", {"b", "a"}, {"a", "b"});
  CHECK_THROWS_WITH_AS(bench::check_names("case", {"a", "small"}, {"a", "small_8"}), "no case \"small\" (--help lists them)",
                       std::invalid_argument);
  CHECK_THROWS_AS(bench::check_names("subject", {"x"}, {}), std::invalid_argument);
}

}  // namespace
