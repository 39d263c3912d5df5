#include <larder/sync/flight_batch.hpp>
#include <larder/sync/single_flight.hpp>

#include <cstddef>
#include <exception>
#include <functional>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

namespace {

using larder::sync::flight_role;
using flights_type = larder::sync::single_flight<std::string, int, std::hash<std::string>>;
using batch_type = larder::sync::flight_batch<std::string, int, flights_type>;

struct one_batch {
  flights_type flights;
  batch_type batch{flights};

  std::vector<int> values() {
    return batch.values([&](const batch_type::flight& flown, const auto&) { return flights.wait(flown); });
  }
};

}  // namespace

TEST_CASE("a batch leads what nobody flies to, once, and has the values in the order of the keys") {
  one_batch b;
  const auto [elsewhere, mine] = b.flights.join_or_lead("other");
  b.batch.add(1);
  CHECK(b.batch.fly("a") == flight_role::leads);
  CHECK(b.batch.fly("other") == flight_role::waits);
  CHECK(b.batch.fly("b") == flight_role::leads);
  CHECK(b.batch.fly("a") == flight_role::leads_already);
  b.batch.add(2);
  CHECK(b.batch.keys() == std::vector<std::string>{"a", "b"});
  CHECK(b.batch.there() == 2);
  CHECK(b.batch.coming() == 4);
  b.flights.land("other", elsewhere, 30, [](int) {});
  for (int i = 0; i < 2; ++i) {
    const auto at = static_cast<std::size_t>(i);
    b.flights.land(b.batch.keys()[at], b.batch.led()[at], 10 * (i + 1), [](int) {});
  }
  std::vector<std::optional<std::string>> named;
  CHECK(b.batch.values([&](const batch_type::flight& flown, const std::optional<std::string>& key) {
    named.push_back(key);
    return b.flights.wait(flown);
  }) == std::vector<int>{1, 10, 30, 20, 10, 2});
  CHECK(named == std::vector<std::optional<std::string>>{std::nullopt, "other", std::nullopt, "a"});
}

TEST_CASE("a flight that has landed at once is led no more") {
  one_batch b;
  CHECK(b.batch.fly("a") == flight_role::leads);
  CHECK(b.batch.fly("b") == flight_role::leads);
  b.flights.land("b", b.batch.led().back(), 2, [](int) {});
  b.batch.landed(2);
  CHECK(b.batch.keys() == std::vector<std::string>{"a"});
  CHECK(b.batch.there() == 1);
  CHECK(b.batch.fly("b") == flight_role::leads);  // it is asked for again
  b.flights.land("b", b.batch.led().back(), 3, [](int) {});
  b.flights.land("a", b.batch.led().front(), 1, [](int) {});
  CHECK(b.values() == std::vector<int>{1, 2, 3});
}

TEST_CASE("what ends a batch ends the flights that it leads, but neither those of others nor those that have landed") {
  one_batch b;
  const auto [elsewhere, mine] = b.flights.join_or_lead("other");
  batch_type::flight a;
  batch_type::flight c;
  CHECK_THROWS_AS(b.batch.run([&] {
    for (const char* key : {"a", "other", "c"}) b.batch.fly(key);
    a = b.batch.led().front();
    c = b.batch.led().back();
    b.flights.land("a", a, 1, [](int) {});
    throw std::runtime_error("no");
  }),
                  std::runtime_error);
  CHECK(b.flights.wait(a) == 1);
  CHECK_THROWS_WITH_AS(b.flights.wait(c), "no", std::runtime_error);
  CHECK_FALSE(b.flights.join_or_lead("other").second);
  b.flights.land("other", elsewhere, 3, [](int) {});
  for (const char* key : {"a", "c"}) {
    const auto [again, leads] = b.flights.join_or_lead(key);
    CHECK(leads);
    b.flights.land(key, again, 0, [](int) {});
  }
}

namespace {

/// Flights that cannot be begun any more after so many.
struct exhausted_flights {
  using handle = flights_type::handle;
  flights_type flights{};
  int left = 0;
  auto join_or_lead(const std::string& key) {
    if (left-- == 0) throw std::bad_alloc();
    return flights.join_or_lead(key);
  }
  void fail(const std::string& key, const handle& flown, std::exception_ptr failure) { flights.fail(key, flown, std::move(failure)); }
};

}  // namespace

TEST_CASE("a flight that cannot be begun ends the batch and those that it had begun") {
  exhausted_flights some{.left = 2};
  larder::sync::flight_batch<std::string, int, exhausted_flights> batch(some);
  CHECK_THROWS_AS(batch.run([&] {
    for (const char* key : {"a", "b", "c"}) batch.fly(key);
  }),
                  std::bad_alloc);
  CHECK(some.flights.idle());
}
