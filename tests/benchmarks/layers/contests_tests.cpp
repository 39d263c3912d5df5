#include "catalogue.hpp"
#include "targets.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace {

TEST_CASE("passes load as often as promised, in every shape that is measured") {
  for (const bench::contest& c : bench::loads({}))
    for (const bench::contender& who : c.contenders) {
      CAPTURE(who.name);
      const std::vector<double> numbers = who.turn();
      REQUIRE(numbers.size() == c.metrics.size());
      CHECK(numbers.at(0) == numbers.at(1));
      CHECK(numbers.at(2) == 0);
    }
}

TEST_CASE("only cases that are wanted are there") {
  bench::options none;
  none.cases = {"cold_stream"};
  CHECK(bench::loads(none).empty());
  CHECK(bench::throttled(none).empty());
  CHECK(bench::warm_gets(none).empty());
  CHECK(bench::limited({}, none).empty());
  CHECK(bench::warm_gets({}).size() == 1);
}

TEST_CASE("a target is met by the median, or only within the spread, or missed; without a figure it is not told") {
  bench::figure_list all;
  all.add({"case", "larder", "rate", "x", 0.95, {0.85, 0.95, 0.99}});
  const auto report = [&](bool at_least, double bound) {
    return bench::report_of({{"case", "larder", "rate", at_least, bound}}, all);
  };
  CHECK(report(true, 0.9).ends_with("met\n"));
  CHECK(report(true, 0.95).ends_with("met\n"));
  CHECK(report(true, 0.97).ends_with("within the spread\n"));
  CHECK(report(true, 1).ends_with("MISSED\n"));
  CHECK(report(false, 0.97).ends_with("met\n"));
  CHECK(report(false, 0.9).ends_with("within the spread\n"));
  CHECK(report(false, 0.8).ends_with("MISSED\n"));
  CHECK(bench::report_of({{"other", "larder", "rate", true, 1}}, all).empty());
}

}  // namespace
