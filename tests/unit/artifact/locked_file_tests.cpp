#include <larder/artifact/lock_file.hpp>
#include <larder/artifact/locked_file.hpp>

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/eventually.hpp"
#include "support/in_child.hpp"
#include "support/refusal.hpp"
#include "support/temporary_folder.hpp"
#include "support/write_file.hpp"

using larder::error_cause;
using larder::task_progress;
using larder::artifacts::locked_file;
using support::says;

TEST_CASE("a lock excludes threads and processes until it is dropped") {
  const support::temporary_folder folder;
  const auto path = folder / "l";
  {
    const std::optional<locked_file> held = locked_file::try_lock(path);
    REQUIRE(held.has_value());
    CHECK(held->path() == path.string());
    CHECK_FALSE(locked_file::try_lock(path).has_value());
    support::in_child([&] { return !locked_file::try_lock(path).has_value(); });
    CHECK_FALSE(locked_file::try_lock(path).has_value());  // the child's end changed nothing
  }
  CHECK(std::filesystem::exists(path));
  CHECK(locked_file::try_lock(path).has_value());
  support::in_child([&] { return locked_file::try_lock(path).has_value(); });
}

TEST_CASE("a lock file that was removed by hand, and made anew by another holder, is left to him") {
  const support::temporary_folder folder;
  const std::filesystem::path path = folder / "lock";
  locked_file first = locked_file::lock(path);
  std::filesystem::remove(path);
  const locked_file second = locked_file::lock(path);
  first.discard();
  CHECK(std::filesystem::exists(path));
  CHECK_FALSE(locked_file::try_lock(path));
}

TEST_CASE("a child of fork that ends lets go of nothing of its parent's") {
  const support::temporary_folder folder;
  std::optional<locked_file> held = locked_file::try_lock(folder / "l");
  support::in_child([&] {
    held->discard();  // not its own
    held.reset();
    return std::filesystem::exists(folder / "l");
  });
  CHECK_FALSE(locked_file::try_lock(folder / "l").has_value());
  held.reset();
  CHECK(locked_file::try_lock(folder / "l").has_value());
}

TEST_CASE("a killed holder's lock is free") {
  const support::temporary_folder folder;
  const auto path = folder / "l";
  const ::pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::alarm(60);
    locked_file held = locked_file::lock(path);
    held.tell({7, 9});
    for (;;) ::pause();
  }
  const auto told = [&] { return locked_file::progress_in(path); };
  REQUIRE(support::eventually([&] { return told() && told()->done == 7 && told()->total == 9; }));
  CHECK_FALSE(locked_file::try_lock(path).has_value());
  REQUIRE(::kill(child, SIGKILL) == 0);
  REQUIRE(::waitpid(child, nullptr, 0) == child);
  CHECK(locked_file::try_lock(path).has_value());
}

TEST_CASE("who waits hears how far the holder is, and has the lock after it") {
  const support::temporary_folder folder;
  const auto path = folder / "l";
  locked_file held = locked_file::lock(path);
  CHECK_FALSE(locked_file::progress_in(path).has_value());
  held.tell({3, 10});
  std::atomic<std::uint64_t> heard{0};
  std::atomic<bool> has{false};
  std::jthread waiter([&] {
    const locked_file mine = locked_file::lock(path, {}, [&](const std::optional<task_progress>& holder) {
      if (holder) heard = holder->done;
    });
    has = !locked_file::progress_in(path).has_value();  // the last holder's words are gone
  });
  REQUIRE(support::eventually([&] { return heard == 3; }));
  held.tell({10, 10});
  REQUIRE(support::eventually([&] { return heard == 10; }));
  CHECK_FALSE(has);
  { const locked_file gone = std::move(held); }
  waiter.join();
  CHECK(has);
}

TEST_CASE("a wait ends when a stop is requested, and with what its callback throws") {
  const support::temporary_folder folder;
  const locked_file held = locked_file::lock(folder / "l");
  std::stop_source stop;
  const support::refusal stopped =
      support::refusal_of([&] { locked_file::lock(folder / "l", stop.get_token(), [&](const auto&) { stop.request_stop(); }); });
  CHECK(stopped.cause == error_cause::cancelled);
  CHECK(says(stopped, (folder / "l").string()));
  CHECK_THROWS_AS(locked_file::lock(folder / "l", {}, [](const auto&) { throw 7; }), int);
}

TEST_CASE("a lock file that is taken away while one waits is noticed") {
  const support::temporary_folder folder;
  const auto path = folder / "l";
  std::atomic<int> inside{0}, most{0}, rounds{0};
  {
    std::vector<std::jthread> threads;
    for (int n = 0; n < 4; ++n)
      threads.emplace_back([&, n] {
        for (int i = 0; i < 400; ++i) {
          std::optional<locked_file> mine;
          if (n == 0 && i % 100 == 0) mine = locked_file::lock(path);
          while (!mine) mine = locked_file::try_lock(path);  // at once again: between opening and locking is when the file goes
          const int now = inside.fetch_add(1) + 1;
          if (now > most) most = now;
          rounds.fetch_add(1);
          std::this_thread::yield();
          inside.fetch_sub(1);
          mine->discard();
        }
      });
  }
  CHECK(most == 1);
  CHECK(rounds == 1600);
  CHECK_FALSE(std::filesystem::exists(path));
}

TEST_CASE("R20: a lock path that is a symbolic link, or has another name, is refused and its target untouched") {
  const support::temporary_folder folder;
  support::write_file(folder / "target", "mine");
  std::filesystem::create_symlink("target", folder / "link");
  std::filesystem::create_symlink("nowhere", folder / "dangling");
  std::filesystem::create_hard_link(folder / "target", folder / "name");
  std::filesystem::create_directory(folder / "folder");
  for (const char* name : {"link", "dangling"}) {
    const support::refusal refused = support::refusal_of([&] { locked_file::try_lock(folder / name); });
    CHECK(refused.cause == error_cause::invalid_argument);
    CHECK(says(refused, "is a symbolic link"));
    CHECK_FALSE(locked_file::progress_in(folder / name).has_value());
  }
  CHECK(says(support::refusal_of([&] { locked_file::try_lock(folder / "name"); }), "no regular file of one name"));
  CHECK(support::cause_of([&] { locked_file::try_lock(folder / "folder"); }) == error_cause::io);
  CHECK(support::cause_of([&] { locked_file::try_lock(folder / "none" / "l"); }) == error_cause::io);
  CHECK(std::filesystem::file_size(folder / "target") == 4);
  CHECK_FALSE(std::filesystem::exists(folder / "nowhere"));
}

TEST_CASE("what is no progress is none") {
  const support::temporary_folder folder;
  for (const std::string& text :
       {std::string(), std::string("x"), std::string(42, '0'), std::string(20, '0') + "9 " + std::string(19, '0') + "1\n",
        std::string(19, '0') + "9 " + std::string(19, '0') + "1\n"}) {
    support::write_file(folder / "l", text);
    CHECK_FALSE(locked_file::progress_in(folder / "l").has_value());
  }
}

TEST_CASE("the file of a lock: alone or shared, no link, and known by its name") {
  using namespace larder::artifacts;
  const support::temporary_folder folder;
  const std::string path = (folder / "lock").string();
  CHECK_FALSE(open_lock_file(path, O_RDWR));
  const larder::storage::file_descriptor mine = open_lock_file(path, O_RDWR | O_CREAT);
  const larder::storage::file_descriptor other = open_lock_file(path, O_RDWR);
  REQUIRE(mine);
  REQUIRE(other);
  CHECK(set_lock(mine, F_RDLCK));
  CHECK(set_lock(other, F_RDLCK));
  CHECK_FALSE(set_lock(mine, F_WRLCK));
  CHECK(is_held_elsewhere());
  CHECK(set_lock(other, F_UNLCK));
  CHECK(set_lock(mine, F_WRLCK));
  CHECK_FALSE(set_lock(other, F_RDLCK));
  CHECK(is_at_path(mine, path));
  std::filesystem::remove(path);
  CHECK_FALSE(is_at_path(mine, path));
  support::write_file(path, "another");
  CHECK_FALSE(is_at_path(mine, path));
  std::filesystem::create_symlink(path, folder / "link");
  CHECK(support::cause_of([&] { open_lock_file((folder / "link").string(), O_RDWR); }) == error_cause::invalid_argument);
  CHECK(support::cause_of([&] { open_lock_file(folder.path().string(), O_RDONLY); }) == error_cause::invalid_argument);
}
