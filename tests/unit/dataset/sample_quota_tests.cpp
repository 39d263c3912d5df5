#include <larder/dataset/sample_quota.hpp>

#include <atomic>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

using larder::datasets::sample_quota;

TEST_CASE("a quota gives no more than it has") {
  sample_quota quota(100);
  CHECK(quota.take(60));
  CHECK(quota.has(40));
  CHECK_FALSE(quota.has(41));
  CHECK_FALSE(quota.take(41));
  CHECK(quota.take(40));
  CHECK(quota.used() == 100);
  quota.give_back(40);
  CHECK(quota.take(40));
  quota.set_most(50);
  CHECK_FALSE(quota.has(0));  // it is over by then
  quota.set_most(200);
  quota.note_present(99);
  CHECK(quota.has(1));
  CHECK_FALSE(quota.has(2));
  CHECK_FALSE(quota.take(sample_quota::none));
}

TEST_CASE("without a limit there is room for everything") {
  sample_quota quota;
  CHECK(quota.take(sample_quota::none / 2));
  CHECK(quota.has(1));
}

TEST_CASE("threads together take no more than there is") {
  sample_quota quota(1000);
  std::atomic<int> taken{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i) taken += quota.take(1) ? 1 : 0;
    });
  for (std::thread& one : threads) one.join();
  CHECK(taken == 1000);
}
