#include <larder/expiry/expire_after_access.hpp>
#include <larder/expiry/expire_after_write.hpp>
#include <larder/expiry/refresh_after_write.hpp>
#include <larder/expiry/time_source.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <limits>
#include <string>

using namespace std::chrono_literals;

namespace {

template <class F>
std::string refusal(F&& f) {
  try {
    f();
  } catch (const larder::error& e) {
    CHECK(e.cause() == larder::error_cause::invalid_argument);
    return e.what();
  }
  return {};
}

}  // namespace

TEST_CASE("periods are nanoseconds whatever they were given in") {
  CHECK(larder::expire_after_write{24h}.value == 86'400'000'000'000ns);
  CHECK(larder::expire_after_access{5ms}.value == 5'000'000ns);
  CHECK(larder::refresh_after_write{std::chrono::duration<double>(0.25)}.value == 250ms);
}

TEST_CASE("a period that is not above zero is refused by its name") {
  CHECK(refusal([] { larder::expire_after_write{0s}; }).find("expire_after_write") != std::string::npos);
  CHECK(refusal([] { larder::expire_after_access{-1s}; }).find("expire_after_access") != std::string::npos);
  CHECK(refusal([] { larder::refresh_after_write{0ns}; }).find("refresh_after_write") != std::string::npos);
  CHECK(refusal([] { larder::expire_after_write{std::chrono::duration<double>(std::numeric_limits<double>::quiet_NaN())}; }) != "");
}

TEST_CASE("a period beyond what nanoseconds hold is the longest that they do") {
  CHECK(larder::expire_after_write{std::chrono::hours(24 * 365 * 1000)}.value == larder::duration::max());
  CHECK(larder::expire_after_write{std::chrono::hours::max()}.value == larder::duration::max());
  CHECK(larder::expire_after_write{std::chrono::duration<double>(1e30)}.value == larder::duration::max());
}

TEST_CASE("a time source asks the clock that it borrows") {
  larder::manual_clock clock(7s);
  const larder::time_source source{clock};
  CHECK(source.now() == 7s);
  clock.advance(1s);
  CHECK(source.now() == 8s);
  CHECK(larder::time_source{larder::steady_time{}}.now() > 0s);
}
