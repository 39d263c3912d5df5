#include <larder/artifact/upload_line.hpp>

#include <atomic>
#include <cstddef>
#include <latch>
#include <stop_token>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "support/eventually.hpp"
#include "support/in_child.hpp"

using larder::artifacts::upload_line;

TEST_CASE("uploads happen in the order in which they came, and wait says when all have") {
  std::vector<int> done;
  upload_line line(4);
  CHECK(line.wait(larder::duration::zero()));
  for (int i = 0; i < 100; ++i) line.add([&done, i](const std::stop_token&) { done.push_back(i); });
  CHECK(line.wait());
  REQUIRE(done.size() == 100);
  for (int i = 0; i < 100; ++i) CHECK(done[static_cast<std::size_t>(i)] == i);
}

TEST_CASE("who adds more than may wait, waits") {
  std::latch open{1};
  std::atomic<int> added{0};
  upload_line line(2);
  std::thread adds([&] {
    for (int i = 0; i < 4; ++i) {
      line.add([&](const std::stop_token&) { open.wait(); });
      ++added;
    }
  });
  REQUIRE(support::eventually([&] { return added.load() == 3; }));  // one is under way, two wait
  CHECK_FALSE(line.wait(larder::duration::zero()));
  CHECK(added.load() == 3);
  open.count_down();
  adds.join();
  CHECK(line.wait());
  CHECK(added.load() == 4);
}

TEST_CASE("a line that goes ends what is left by a stop, and leaves nothing undone in silence") {
  std::atomic<int> stopped{0};
  {
    upload_line line(8);
    for (int i = 0; i < 3; ++i)
      line.add([&](const std::stop_token& stop) {
        CHECK(support::eventually([&] { return stop.stop_requested(); }));
        ++stopped;
      });
  }
  CHECK(stopped.load() == 3);
}

TEST_CASE("a child of fork begins with no uploads, and does not wait for its parent's") {
  std::latch begun{1}, open{1};
  upload_line line(8);
  line.add([&](const std::stop_token&) {
    begun.count_down();
    open.wait();
  });
  begun.wait();
  support::in_child([&] { return line.wait(); });
  open.count_down();
  CHECK(line.wait());
}
