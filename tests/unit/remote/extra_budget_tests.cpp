#include <larder/remote/extra_budget.hpp>

#include <chrono>

#include <doctest/doctest.h>

TEST_CASE("extra requests are a share of those in a window that slides, or a few") {
  using namespace std::chrono_literals;
  larder::remote::extra_budget budget(0.1, 2, 10s);
  larder::remote::extra_budget::time_point now(1000h);
  const auto taken = [&](int tries) {
    int count = 0;
    for (int i = 0; i < tries; ++i) count += budget.take(now) ? 1 : 0;
    return count;
  };
  CHECK(taken(10) == 2);
  now += 10s;
  for (int i = 0; i < 100; ++i) budget.note_request(now);
  CHECK(taken(100) == 10);
  now += 5s;
  CHECK(taken(10) == 0);
  for (int i = 0; i < 50; ++i) budget.note_request(now);
  CHECK(taken(100) == 5);
  now += 5s;  // the hundred and their ten have left
  CHECK(taken(10) == 0);
  now += 5s;
  CHECK(taken(10) == 2);

  larder::remote::extra_budget none(0.05, 0, 10s);
  for (int i = 0; i < 19; ++i) none.note_request(now);
  CHECK_FALSE(none.take(now));
  none.note_request(now);
  CHECK(none.take(now));
  CHECK_FALSE(none.take(now));
}
