#include <larder/core/sweep.hpp>

#include <concepts>
#include <cstdint>
#include <stdexcept>
#include <stop_token>
#include <vector>

#include <doctest/doctest.h>

#include "support/followed_work.hpp"
#include "support/refusal.hpp"

namespace {

using larder::core::sweep;
using support::followed_work;
using steps = followed_work::steps;

}  // namespace

TEST_CASE("progress tells what is found, what is behind, and at the end that all is") {
  followed_work work;
  const larder::sweep_control control = work.control();
  sweep s(control);
  s.found(1);
  s.found(2);
  s.next();
  s.next();
  s.finish();
  CHECK(work.told == steps{{0, 1}, {0, 2}, {0, 2}, {1, 2}, {2, 2}});
}

TEST_CASE("entries that come meanwhile make the total larger, and those that go do not keep it from its end") {
  followed_work more;
  const larder::sweep_control of_more = more.control();
  sweep grows(of_more);
  grows.found(1);
  grows.next();
  grows.next();
  grows.next();
  grows.finish();
  CHECK(more.told == steps{{0, 1}, {0, 1}, {1, 1}, {2, 2}, {3, 3}});

  followed_work fewer;
  const larder::sweep_control of_fewer = fewer.control();
  sweep shrinks(of_fewer);
  shrinks.found(5);
  shrinks.next();
  shrinks.finish();
  CHECK(fewer.told == steps{{0, 5}, {0, 5}, {5, 5}});
}

TEST_CASE("a stop ends it before the next entry, and says how far it was") {
  followed_work work;
  const larder::sweep_control control = work.control();
  sweep s(control);
  s.found(3);
  s.next();
  work.source.request_stop();
  const support::refusal ended = support::refusal_of([&] { s.next(); });
  CHECK(ended.cause == larder::error_cause::cancelled);
  CHECK(says(ended, "a stop was requested, after 1 of 3 entries"));
  CHECK(support::cause_of([&] { s.found(4); }) == larder::error_cause::cancelled);
  CHECK(work.told == steps{{0, 3}, {0, 3}});
}

TEST_CASE("what progress throws comes through") {
  followed_work work{.throw_at = 0};
  const larder::sweep_control control = work.control();
  sweep s(control);
  CHECK_THROWS_WITH_AS(s.next(), "enough", std::runtime_error);
  const larder::sweep_control none;
  sweep quiet(none);
  CHECK_NOTHROW(quiet.next());
}

TEST_CASE("a function that is followed takes what it took before, gives what it gave, and is not called after a stop") {
  std::stop_source stop;
  const larder::sweep_control control{.stop = stop.get_token(), .progress = {}};
  sweep s(control);
  std::vector<int> met;
  const auto odd = [&](int n) {
    met.push_back(n);
    return n % 2 == 1;
  };
  auto followed = s.over(odd);
  static_assert(std::predicate<decltype(followed)&, int>);
  static_assert(!std::invocable<decltype(followed)&, int, int>);
  static_assert(!std::invocable<decltype(followed)&>);
  CHECK(followed(1));
  CHECK(!followed(2));
  stop.request_stop();
  CHECK(support::cause_of([&] { followed(3); }) == larder::error_cause::cancelled);
  CHECK(met == std::vector<int>{1, 2});
}
