#include <larder/sync/before_and_after.hpp>

#include <stdexcept>
#include <string>
#include <type_traits>

#include <doctest/doctest.h>

TEST_CASE("the call frames the work, whatever becomes of it") {
  std::string done;
  const auto frame = [&] { done += '|'; };
  CHECK(larder::sync::before_and_after(frame, [&] { return done += "work"; }) == "|work");
  CHECK(done == "|work|");
  larder::sync::before_and_after(frame, [&] { done += "nothing to give"; });
  CHECK(done == "|work||nothing to give|");
  done.clear();
  CHECK_THROWS_AS(larder::sync::before_and_after(frame, [&]() -> int { throw std::runtime_error("failed"); }),
                  std::runtime_error);
  CHECK(done == "||");
}

TEST_CASE("what the work refers to is passed on as it is") {
  int counter = 0;
  const auto nothing = [] {};
  static_assert(std::is_same_v<decltype(larder::sync::before_and_after(nothing, [&]() -> int& { return counter; })), int&>);
  larder::sync::before_and_after(nothing, [&]() -> int& { return counter; }) = 7;
  CHECK(counter == 7);
}
