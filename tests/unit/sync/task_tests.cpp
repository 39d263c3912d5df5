#include <larder/sync/task.hpp>

#include <chrono>
#include <optional>
#include <stdexcept>
#include <thread>
#include <type_traits>
#include <utility>

#include <doctest/doctest.h>

static_assert(std::is_nothrow_move_constructible_v<larder::task>);
static_assert(!std::is_copy_constructible_v<larder::task_worker>);

TEST_CASE("a task follows its work to the end") {
  larder::task_worker worker(4);
  larder::task task = worker.watch();
  CHECK_FALSE(task.done());
  CHECK(task.progress().fraction() == 0.0);
  worker.advance(3);
  CHECK(task.progress().done == 3);
  CHECK(task.progress().fraction() == 0.75);
  CHECK_FALSE(task.wait_for(std::chrono::milliseconds{0}));
  std::thread work([&] {
    worker.advance();
    worker.finish();
  });
  task.wait();
  CHECK(task.done());
  CHECK(task.progress().fraction() == 1.0);
  work.join();
}

TEST_CASE("a failure reaches everybody who waits") {
  larder::task_worker worker(1);
  const larder::task one = worker.watch();
  const larder::task two = worker.watch();
  worker.fail(std::make_exception_ptr(std::runtime_error("no disk")));
  CHECK_THROWS_WITH(one.wait(), "no disk");
  CHECK_THROWS_WITH(two.wait(), "no disk");
  CHECK_THROWS_WITH(two.wait_for(std::chrono::seconds{1}), "no disk");
  CHECK(two.done());
}

TEST_CASE("a stop request is heard, and a stopped task says so") {
  larder::task_worker worker(10);
  larder::task task = worker.watch();
  CHECK_FALSE(worker.stop_requested());
  task.request_stop();
  CHECK(worker.stop_requested());
  CHECK(worker.stop_token().stop_requested());
  worker.cancel();
  try {
    task.wait();
    CHECK_MESSAGE(false, "a stopped task ended well");
  } catch (const larder::error& e) {
    CHECK(e.cause() == larder::error_cause::cancelled);
  }
}

TEST_CASE("work that is dropped leaves nobody waiting") {
  std::optional<larder::task_worker> worker(std::in_place, 2);
  const larder::task task = worker->watch();
  worker.reset();
  CHECK_THROWS_AS(task.wait(), larder::error);

  larder::task_worker first(1);
  const larder::task watched = first.watch();
  first = larder::task_worker(1);
  CHECK(watched.done());
}

TEST_CASE("a task without work is done, and a dropped task does not stop its work") {
  const larder::task nothing;
  nothing.wait();
  CHECK(nothing.done());
  CHECK(nothing.progress().fraction() == 1.0);
  larder::task_worker worker(1);
  { const larder::task dropped = worker.watch(); }
  CHECK_FALSE(worker.stop_requested());
  worker.finish();
  worker.finish();  // once is enough, twice does no harm
}
