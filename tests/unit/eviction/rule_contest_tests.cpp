#include <larder/eviction/rule_contest.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <random>

using larder::eviction::rule_contest;

namespace {

constexpr auto free_of_cost = [](std::size_t, std::size_t) { return 0.0; };

}  // namespace

TEST_CASE("a contest is won by who hits more, once that is more than chance") {
  rule_contest<3> contest;
  CHECK(contest.leader() == 0);
  for (int i = 0; i < 4; ++i) contest.add(0b100, 1000, free_of_cost);
  CHECK(contest.leader() == 0);  // four of four are within two standard deviations and one
  for (int i = 0; i < 4; ++i) contest.add(0b100, 1000, free_of_cost);
  CHECK(contest.leader() == 2);
  CHECK(contest.changes() == 1);
}

TEST_CASE("a contest between equals seldom changes its leader") {
  rule_contest<2> contest;
  std::mt19937_64 random(1);
  for (int i = 0; i < 100'000; ++i) contest.add(static_cast<std::uint32_t>(random() % 4), 2000, free_of_cost);
  CHECK(contest.changes() < 20);
  CHECK(contest.hit_ratio(0) == doctest::Approx(0.5).epsilon(0.1));
}

TEST_CASE("a contest follows a small but steady difference") {
  rule_contest<2> contest;
  std::mt19937_64 random(1);
  for (int i = 0; i < 100'000; ++i) {
    const bool hot = random() % 100 < 50;
    contest.add(hot ? 0b11 : random() % 100 < 4 ? 0b10 : random() % 100 < 1 ? 0b01 : 0, 4000, free_of_cost);
  }
  CHECK(contest.leader() == 1);
  CHECK(contest.changes() == 1);
  CHECK(contest.hit_ratio(1) > contest.hit_ratio(0));
}

TEST_CASE("a change has to pay for what it costs") {
  const auto dear = [](std::size_t from, std::size_t to) {
    CHECK(from == 0);
    CHECK(to == 1);
    return 100.0;
  };
  rule_contest<2> contest;
  for (int i = 0; i < 100; ++i) contest.add(0b10, 1e9, dear);
  CHECK(contest.leader() == 0);
  for (int i = 0; i < 2; ++i) contest.add(0b10, 1e9, dear);
  CHECK(contest.leader() == 1);
}

TEST_CASE("a contest forgets what lies further back than its horizon, however long it goes on") {
  rule_contest<2> contest;
  CHECK(contest.requests() == 0);
  CHECK(contest.hit_ratio(0) == 0);
  for (int i = 0; i < 300'000; ++i) contest.add(0b01, 500, free_of_cost);
  CHECK(contest.requests() == doctest::Approx(501).epsilon(0.01));
  CHECK(contest.hit_ratio(0) == doctest::Approx(1));
  CHECK(contest.hit_ratio(1) == doctest::Approx(0));
  for (int i = 0; i < 500; ++i) contest.add(0b10, 500, free_of_cost);
  CHECK(contest.leader() == 1);
  CHECK(contest.requests() == doctest::Approx(501).epsilon(0.01));  // whoever hits
  for (int i = 0; i < 5000; ++i) contest.add(0b11, 500, free_of_cost);
  CHECK(contest.leader() == 1);
  CHECK(contest.hit_ratio(0) == doctest::Approx(1).epsilon(0.001));
}
