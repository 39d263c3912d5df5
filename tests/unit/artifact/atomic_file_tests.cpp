#include <larder/artifact/atomic_file.hpp>

#include <sys/stat.h>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "support/refusal.hpp"
#include "support/temporary_folder.hpp"
#include "support/write_file.hpp"

using larder::error_cause;
using larder::artifacts::read_small_file;
using larder::artifacts::write_atomically;
using support::says;

namespace {

std::size_t files_in(const std::filesystem::path& folder) {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) count += entry.exists() ? 1 : 0;
  return count;
}

}  // namespace

TEST_CASE("a file is written as a whole, replaced, or left as it is") {
  const support::temporary_folder folder;
  const auto path = folder / "record.json";
  CHECK_FALSE(read_small_file(path).has_value());
  CHECK(write_atomically(path, "one"));
  CHECK(read_small_file(path) == "one");
  CHECK(write_atomically(path, "", {.durable = true}));
  CHECK(read_small_file(path) == "");
  CHECK_FALSE(write_atomically(path, "three", {.replace = false}));
  CHECK(read_small_file(path) == "");
  CHECK(write_atomically(folder / "other", "four", {.durable = true, .mode = 0600, .replace = false}));
  CHECK(read_small_file(folder / "other") == "four");
  struct stat seen {};
  REQUIRE(::stat((folder / "other").c_str(), &seen) == 0);
  CHECK((seen.st_mode & 07777) == 0600);
  CHECK(files_in(folder.path()) == 2);
}

TEST_CASE("R20: a symbolic link is neither read nor written through") {
  const support::temporary_folder folder;
  support::write_file(folder / "target", "mine");
  std::filesystem::create_symlink("target", folder / "link");
  std::filesystem::create_symlink("nowhere", folder / "dangling");
  for (const char* name : {"link", "dangling"}) {
    const support::refusal written = support::refusal_of([&] { write_atomically(folder / name, "x"); });
    CHECK(written.cause == error_cause::invalid_argument);
    CHECK(says(written, "is a symbolic link"));
    CHECK(says(support::refusal_of([&] { read_small_file(folder / name); }), "is a symbolic link"));
    CHECK(std::filesystem::is_symlink(folder / name));
  }
  CHECK(read_small_file(folder / "target") == "mine");
  CHECK(files_in(folder.path()) == 2);  // the dangling one leads to nothing
  CHECK_FALSE(std::filesystem::exists(folder / "nowhere"));
}

TEST_CASE("what is too long or no file is refused, and nothing is left of a write that fails") {
  const support::temporary_folder folder;
  support::write_file(folder / "long", std::string(101, 'x'));
  CHECK(support::cause_of([&] { read_small_file(folder / "long", 100); }) == error_cause::corruption);
  CHECK(read_small_file(folder / "long", 101)->size() == 101);
  std::filesystem::create_directory(folder / "folder");
  REQUIRE(::mkfifo((folder / "fifo").c_str(), 0600) == 0);
  CHECK(support::cause_of([&] { read_small_file(folder / "folder"); }) == error_cause::corruption);
  CHECK(support::cause_of([&] { read_small_file(folder / "fifo"); }) == error_cause::corruption);
  CHECK(support::cause_of([&] { write_atomically(folder / "folder", "x"); }) == error_cause::io);
  CHECK(support::cause_of([&] { write_atomically(folder / "none" / "x", "x"); }) == error_cause::io);
  CHECK(files_in(folder.path()) == 3);
}

TEST_CASE("of many writers each file is one of theirs, whole") {
  const support::temporary_folder folder;
  const auto path = folder / "f";
  const auto text_of = [](int n) { return std::string(20'000, static_cast<char>('a' + n)); };
  std::atomic<bool> all_whole{true};
  std::atomic<int> firsts{0};
  {
    std::vector<std::jthread> writers;
    for (int n = 0; n < 4; ++n)
      writers.emplace_back([&, n] {
        if (write_atomically(folder / "once", text_of(n), {.replace = false})) firsts.fetch_add(1);
        for (int i = 0; i < 50; ++i) {
          write_atomically(path, text_of(n));
          const std::optional<std::string> seen = read_small_file(path);
          if (!seen || seen->size() != 20'000 || seen->find_first_not_of(seen->front()) != std::string::npos) all_whole = false;
        }
      });
  }
  CHECK(all_whole);
  CHECK(firsts == 1);
  CHECK(files_in(folder.path()) == 2);
}

TEST_CASE("what dead writers left goes once it is old") {
  const support::temporary_folder folder;
  support::write_file(folder / "a.json", "kept");
  support::write_file(folder / "a.json.0123.new", "half");
  support::write_file(folder / "b.json.4567.new", "half");
  const auto old = std::filesystem::file_time_type::clock::now() - std::chrono::hours(2);
  std::filesystem::last_write_time(folder / "a.json", old);
  std::filesystem::last_write_time(folder / "a.json.0123.new", old);
  CHECK(larder::artifacts::remove_unfinished(folder.path()) == 1);
  CHECK(std::filesystem::exists(folder / "a.json"));
  CHECK(std::filesystem::exists(folder / "b.json.4567.new"));
  CHECK(larder::artifacts::remove_unfinished(folder / "none") == 0);
}
