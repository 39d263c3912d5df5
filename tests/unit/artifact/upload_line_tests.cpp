#include <larder/artifact/left_uploads.hpp>
#include <larder/artifact/pass_folder.hpp>
#include <larder/artifact/pass_report.hpp>
#include <larder/artifact/upload_claim.hpp>
#include <larder/artifact/upload_line.hpp>

#include <atomic>
#include <cstddef>
#include <latch>
#include <memory>
#include <stop_token>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "support/eventually.hpp"
#include "support/in_child.hpp"
#include "support/temporary_folder.hpp"

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

TEST_CASE("lines that chains have left behind are waited for together, or given up with their keeper") {
  using larder::artifacts::left_uploads;
  std::latch open{1};
  std::atomic<int> done{0};
  std::atomic<bool> stopped{false};
  {
    left_uploads left(larder::duration::zero());
    CHECK(left.flush(larder::duration::zero()));
    for (int i = 0; i < 2; ++i) {
      auto line = std::make_shared<upload_line>(4);
      line->add([&](const std::stop_token&) {
        open.wait();
        ++done;
      });
      left.keep(std::move(line));
    }
    CHECK_FALSE(left.flush(larder::duration::zero()));
    support::in_child([&] { return left.flush(larder::duration::zero()); });  // which has none
    open.count_down();
    CHECK(left.flush(larder::duration::max()));
    CHECK(done == 2);
    auto endless = std::make_shared<upload_line>(4);
    endless->add([&](const std::stop_token& stop) {
      while (!stop.stop_requested()) std::this_thread::yield();
      stopped = true;
    });
    left.keep(std::move(endless));
  }
  CHECK(stopped);
}

TEST_CASE("an entry is uploaded by one hand at a time, and counts as pending until it is done") {
  using larder::artifacts::upload_claim;
  const support::temporary_folder folder;
  const larder::artifacts::pass_folder passes(folder.path(), "workflow");
  larder::artifacts::pass_report report({}, {});
  std::shared_ptr<upload_claim> mine = upload_claim::take(passes, "entry", report);
  REQUIRE(mine);
  CHECK_FALSE(upload_claim::take(passes, "entry", report));
  CHECK(upload_claim::take(passes, "another", report));
  CHECK_FALSE(mine->is_pending());
  mine->mark_pending();
  mine.reset();
  const std::shared_ptr<upload_claim> next = upload_claim::take(passes, "entry", report);
  REQUIRE(next);
  CHECK(next->is_pending());  // whoever was at it did not end it
  next->mark_done();
  CHECK_FALSE(next->is_pending());
}
