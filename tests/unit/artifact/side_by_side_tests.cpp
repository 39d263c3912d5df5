#include <larder/artifact/side_by_side.hpp>

#include <larder/sync/worker_pool.hpp>

#include <atomic>
#include <barrier>
#include <cstddef>
#include <stdexcept>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

using larder::artifacts::side_by_side;

TEST_CASE("each number is met once, whatever may run at once") {
  larder::sync::worker_pool<> pool(8);
  for (const std::size_t at_once : {0, 1, 3, 100}) {
    std::vector<std::atomic<int>> met(50);
    side_by_side(pool, met.size(), at_once, [&](std::size_t i) { ++met[i]; });
    for (const std::atomic<int>& n : met) CHECK(n == 1);
  }
  side_by_side(pool, 0, 4, [](std::size_t) { FAIL("there is nothing to do"); });
}

TEST_CASE("they run side by side") {
  larder::sync::worker_pool<> pool(8);
  std::barrier together(4);  // nobody passes it alone
  side_by_side(pool, 4, 4, [&](std::size_t) { together.arrive_and_wait(); });
}

TEST_CASE("what one throws is thrown when all have ended") {
  larder::sync::worker_pool<> pool(4);
  std::atomic<int> running{0};
  CHECK_THROWS_AS(side_by_side(pool, 100, 4,
                               [&](std::size_t i) {
                                 ++running;
                                 if (i == 5) {
                                   --running;
                                   throw std::runtime_error("five");
                                 }
                                 std::this_thread::yield();
                                 --running;
                               }),
                  std::runtime_error);
  CHECK(running == 0);
}
