#include <larder/artifact/package_flights.hpp>
#include <larder/artifact/transfer_sum.hpp>
#include <larder/artifact/use_lock.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/eventually.hpp"
#include "support/file_provider.hpp"
#include "support/in_child.hpp"
#include "support/refusal.hpp"
#include "support/temporary_folder.hpp"
#include "support/write_file.hpp"

namespace {

namespace fs = std::filesystem;
using larder::artifacts::package_flights;
using larder::artifacts::transfer_sum;
using larder::artifacts::use_lock;

}  // namespace

TEST_CASE("many share a use, one has it alone, among threads and processes") {
  const support::temporary_folder folder;
  const fs::path path = folder / "use";
  CHECK_FALSE(use_lock::try_alone(path));
  CHECK_FALSE(use_lock::share_existing(path));
  CHECK_FALSE(use_lock::share(folder / "none" / "use"));
  {
    const std::optional<use_lock> one = use_lock::share(path);
    const std::optional<use_lock> two = use_lock::share_existing(path);
    CHECK(one);
    CHECK(two);
    CHECK_FALSE(use_lock::try_alone(path));
    support::in_child([&] { return use_lock::share(path) && !use_lock::try_alone(path); });
  }
  std::optional<use_lock> alone = use_lock::try_alone(path);
  REQUIRE(alone);
  CHECK_FALSE(use_lock::try_alone(path));
  std::atomic<bool> shared{false};
  std::optional<use_lock> own;
  std::thread waiter([&] {
    own = use_lock::share(path);
    shared = true;
  });
  CHECK(alone->is_at_its_path());
  fs::remove(path);  // as who has it alone removes what it stands for
  CHECK_FALSE(alone->is_at_its_path());
  alone.reset();  // the waiter may have opened the one that is gone
  waiter.join();
  CHECK(own->is_at_its_path());
}

TEST_CASE("a lock in whose place something else lies is refused") {
  const support::temporary_folder folder;
  support::write_file(folder / "target", "precious");
  fs::create_symlink(folder / "target", folder / "link");
  fs::create_directory(folder / "folder");
  CHECK(support::cause_of([&] { use_lock::share(folder / "link"); }) == larder::error_cause::invalid_argument);
  CHECK(support::cause_of([&] { use_lock::alone(folder / "link"); }) == larder::error_cause::invalid_argument);
  CHECK(support::cause_of([&] { use_lock::share(folder / "folder"); }) != std::nullopt);
  CHECK(support::content_of(folder / "target") == "precious");
}

TEST_CASE("of threads that want the same one makes it, and the others are told how far it is") {
  package_flights flights;
  std::atomic<int> makes{0}, made{0}, told{0};
  std::atomic<bool> go{false};
  const auto run = [&] {
    const bool mine =
        flights.run("key", {{}, [&](std::uint64_t done, std::uint64_t total) { told += done == 3 && total == 7 ? 1 : 0; }},
                    [&](const larder::transfer_control& control) {
                      ++makes;
                      REQUIRE(support::eventually([&] { return go.load(); }));
                      control.progress(3, 7);
                    });
    made += mine ? 1 : 0;
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back(run);
  REQUIRE(support::eventually([&] { return makes.load() == 1; }));
  go = true;
  for (std::thread& t : threads) t.join();
  CHECK(made == makes);  // who came when all was over made it again
  CHECK(told >= 1);
}

TEST_CASE("what a maker throws reaches who waits; one who is stopped stops for himself") {
  package_flights flights;
  CHECK_THROWS_AS(flights.run("key", {}, [](const larder::transfer_control&) { throw std::runtime_error("no"); }),
                  std::runtime_error);
  CHECK(flights.run("key", {}, [](const larder::transfer_control&) {}));
  std::stop_source stop;
  std::atomic<bool> began{false};
  std::atomic<bool> finish{false};
  std::thread maker([&] {
    flights.run("key", {}, [&](const larder::transfer_control&) {
      began = true;
      REQUIRE(support::eventually([&] { return finish.load(); }));
    });
  });
  REQUIRE(support::eventually([&] { return began.load(); }));
  stop.request_stop();
  CHECK(support::cause_of([&] {
          flights.run("key", {stop.get_token(), {}}, [](const larder::transfer_control&) {});
        }) == larder::error_cause::cancelled);
  finish = true;
  maker.join();
}

TEST_CASE("several transfers are told of as one, forwards and backwards") {
  std::vector<std::pair<std::uint64_t, std::uint64_t>> told;
  const larder::transfer_control control{{}, [&](std::uint64_t done, std::uint64_t total) { told.emplace_back(done, total); }};
  transfer_sum sum(2, control);
  sum.part(0).progress(5, 10);
  sum.part(1).progress(20, 100);
  sum.part(1).progress(0, 100);
  sum.part(0).progress(10, 10);
  CHECK(told == std::vector<std::pair<std::uint64_t, std::uint64_t>>{{5, 10}, {25, 110}, {5, 110}, {10, 110}});
}
