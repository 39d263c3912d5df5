#include <larder/dataset/sample_quota.hpp>

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

using larder::datasets::sample_quota;

TEST_CASE("a quota gives no more than it has, to all who count together") {
  const auto used = std::make_shared<sample_quota::counter>(10);
  sample_quota quota(100, used);
  CHECK(quota.take(50));
  CHECK(quota.has(40));
  CHECK_FALSE(quota.has(41));
  CHECK_FALSE(quota.take(41));
  sample_quota smaller(50, used);
  CHECK_FALSE(smaller.has(0));  // it is over by then
  CHECK_FALSE(smaller.take(0));
  CHECK(quota.take(40));
  CHECK(used->load() == 100);
  quota.give_back(40);
  CHECK(quota.take(40));
  CHECK_FALSE(quota.take(sample_quota::none));
}

TEST_CASE("without a limit there is room for everything") {
  sample_quota quota;
  CHECK(quota.take(sample_quota::none));
  CHECK(quota.has(1));
  quota.give_back(1);
}

TEST_CASE("threads together take no more than there is") {
  sample_quota quota(1000, std::make_shared<sample_quota::counter>(0));
  std::atomic<int> taken{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i) taken += quota.take(1) ? 1 : 0;
    });
  for (std::thread& one : threads) one.join();
  CHECK(taken == 1000);
}
