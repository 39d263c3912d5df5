#include "rounds.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using bench::contender;
using bench::contest;

contender answers(const char* name, double number) {
  return {name, [number] { return std::vector<double>{number, number + 1}; }};
}

TEST_CASE("every contender has its turn in each round, a rotating one first, and ratios are of one round") {
  const auto turns = std::make_shared<std::vector<std::string>>();
  const auto counted = [&](const char* name, double begin) {
    const auto number = std::make_shared<double>(begin);
    return contender{name,
                     [number] {
                       return std::vector<double>{*number, 7};
                     },
                     [turns, name, number] {
                       turns->push_back(name);
                       *number *= 2;
                     }};
  };
  bench::figure_list all;
  CHECK(
      bench::run(contest{"case", {{"time", "s"}, {"plain", "1", 0, false}}, {counted("floor", 1), counted("other", 3)}}, 3, all));
  CHECK(*turns == std::vector<std::string>{"floor", "other", "other", "floor", "floor", "other"});
  REQUIRE(all.find("case", "other", "time") != nullptr);
  CHECK(all.find("case", "other", "time")->runs == std::vector<double>{6, 12, 24});
  CHECK(all.find("case", "other", "time")->value == 12);
  REQUIRE(all.find("case", "other", bench::ratio_metric("time", "floor")) != nullptr);
  CHECK(all.find("case", "other", bench::ratio_metric("time", "floor"))->runs == std::vector<double>{3, 3, 3});
  CHECK(all.find("case", "floor", bench::ratio_metric("time", "floor")) == nullptr);
  CHECK(all.find("case", "other", bench::ratio_metric("plain", "floor")) == nullptr);
}

TEST_CASE("who fails once is left out, and the others stay") {
  bench::figure_list all;
  const auto rounds = std::make_shared<int>(0);
  const contender fails{"fails",
                        [rounds]() -> std::vector<double> {
                          if (*rounds > 1) throw std::runtime_error("no more");
                          return {1, 1};
                        },
                        [rounds] { ++*rounds; }};
  CHECK_FALSE(
      bench::run(contest{"case", {{"time", "s"}, {"more", "s"}}, {answers("floor", 1), fails, answers("other", 2)}}, 2, all));
  CHECK(all.find("case", "fails", "time") == nullptr);
  CHECK(all.find("case", "other", "more")->value == 3);
}

TEST_CASE("of several contests those of the wanted cases run, all of them though one fails") {
  const contest fails{"fails", {{"time", "s"}}, {{"only", []() -> std::vector<double> { throw std::runtime_error("no"); }}}};
  const contest fine{"fine", {{"time", "s"}, {"more", "s"}}, {answers("floor", 1)}};
  bench::figure_list all;
  CHECK_FALSE(bench::run({fails, fine}, bench::round_options{.rounds = 1}, all));
  CHECK(all.find("fine", "floor", "time") != nullptr);
  bench::figure_list some;
  CHECK(bench::run({fails, fine}, bench::round_options{.rounds = 2, .cases = {"fine"}}, some));
  REQUIRE(some.find("fine", "floor", "time") != nullptr);
  CHECK(some.find("fine", "floor", "time")->runs.size() == 2);
}

TEST_CASE("the cost of work tells what was resident at most, and before") {
  const bench::cost c = bench::cost_of([] {
    std::vector<char> room(std::size_t{64} << 20U, 'x');
    CHECK(room.back() == 'x');
  });
  CHECK(c.wall > 0);
  CHECK(c.before > 0);
  CHECK(c.peak_bytes >= c.before);
}

}  // namespace
