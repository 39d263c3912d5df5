#include <larder/artifact/resolution_folder.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "support/refusal.hpp"
#include "support/temporary_folder.hpp"
#include "support/write_file.hpp"

using larder::error_cause;
using larder::instant;
using larder::artifacts::found_resolution;
using larder::artifacts::resolution_entry;
using larder::artifacts::resolution_folder;

namespace {

resolution_entry entry(long n) { return {"{}", instant(n), larder::bytes::copy_of("abc", 3)}; }

std::size_t files_in(const std::filesystem::path& folder) {
  std::size_t count = 0;
  for (const auto& file : std::filesystem::directory_iterator(folder)) count += file.is_symlink() || file.exists() ? 1 : 0;
  return count;
}

}  // namespace

TEST_CASE("entries are written, read and erased, also when the folders were taken away") {
  const support::temporary_folder home;
  const resolution_folder folder(home.path());
  folder.create();
  CHECK(folder.path_of("ab") == home / "auto-resolution-cache" / "ab.json");
  CHECK_FALSE(folder.read("ab").file.has_value());
  folder.write("ab", entry(7));
  CHECK(folder.read("ab").entry->created == instant(7));
  CHECK_FALSE(folder.read("ab").is_damaged());
  CHECK(folder.erase("ab"));
  CHECK_FALSE(folder.erase("ab"));
  std::filesystem::remove_all(home / "auto-resolution-cache");
  std::filesystem::remove_all(home / "locks");
  folder.write("ab", entry(8));
  { const auto held = folder.lock("ab", {}); }
  CHECK(folder.read("ab").entry->created == instant(8));
  support::write_file(folder.path_of("ab"), "damaged");
  CHECK(folder.read("ab").is_damaged());
}

TEST_CASE("R21: only the entry that was seen is taken away, and a newer one is put back") {
  const support::temporary_folder home;
  const resolution_folder folder(home.path());
  folder.create();
  folder.write("ab", entry(1));
  const found_resolution old = folder.read("ab");
  folder.write("ab", entry(2));
  CHECK_FALSE(folder.erase_same("ab", *old.file));
  CHECK(folder.read("ab").entry->created == instant(2));
  CHECK(folder.erase_same("ab", *folder.read("ab").file));
  CHECK_FALSE(folder.read("ab").file.has_value());
  CHECK_FALSE(folder.erase_same("ab", *old.file));
  CHECK(files_in(home / "auto-resolution-cache") == 0);
}

TEST_CASE("R21: however many take an old entry away while a fresh one is written, a fresh one is there") {
  const support::temporary_folder home;
  const resolution_folder folder(home.path());
  folder.create();
  for (int round = 0; round < 200; ++round) {
    folder.write("ab", entry(1));
    const found_resolution old = folder.read("ab");
    std::atomic<int> ready{0};
    {
      std::vector<std::jthread> threads;
      for (int n = 0; n < 3; ++n)
        threads.emplace_back([&, n] {
          ready.fetch_add(1);
          while (ready.load() != 3) std::this_thread::yield();
          if (n == 0)
            folder.write("ab", entry(2));
          else
            folder.erase_same("ab", *old.file);
        });
    }
    const found_resolution left = folder.read("ab");
    REQUIRE(left.entry.has_value());
    REQUIRE(left.entry->created == instant(2));
    REQUIRE(files_in(home / "auto-resolution-cache") == 1);
  }
}

TEST_CASE("R20: links in the place of entries are left alone") {
  const support::temporary_folder home;
  const resolution_folder folder(home.path());
  folder.create();
  support::write_file(home / "target", "mine");
  std::filesystem::create_symlink(home / "target", folder.path_of("ab"));
  CHECK(support::cause_of([&] { folder.read("ab"); }) == error_cause::invalid_argument);
  CHECK(support::cause_of([&] { folder.write("ab", entry(1)); }) == error_cause::invalid_argument);
  CHECK(support::cause_of([&] { folder.erase("ab"); }) == error_cause::invalid_argument);
  CHECK(std::filesystem::is_symlink(folder.path_of("ab")));
  CHECK(larder::artifacts::read_small_file(home / "target") == "mine");
  std::size_t seen = 0;
  folder.for_each([&](const std::string&, const found_resolution&) { ++seen; });
  CHECK(seen == 0);
}

TEST_CASE("all entries are gone through, and leftovers removed") {
  const support::temporary_folder home;
  const resolution_folder folder(home.path());
  folder.for_each([](const std::string&, const found_resolution&) { CHECK(false); });  // no folder yet
  folder.remove_leftovers();
  folder.create();
  for (const char* id : {"a", "b"}) folder.write(id, entry(1));
  support::write_file(folder.path_of("c"), "");
  support::write_file(home / "auto-resolution-cache" / "notes.txt", "not ours");
  support::write_file(home / "auto-resolution-cache" / "a.json.1234.new", "half");
  std::filesystem::last_write_time(home / "auto-resolution-cache" / "a.json.1234.new",
                                   std::filesystem::file_time_type::clock::now() - std::chrono::hours(3));
  std::set<std::string> whole, damaged;
  folder.for_each(
      [&](const std::string& id, const found_resolution& found) { (found.is_damaged() ? damaged : whole).insert(id); });
  CHECK(whole == std::set<std::string>{"a", "b"});
  CHECK(damaged == std::set<std::string>{"c"});
  { const auto left = larder::artifacts::locked_file::try_lock(folder.lock_path_of("x")); }
  const auto held = folder.lock("y", {});
  folder.remove_leftovers();
  CHECK_FALSE(std::filesystem::exists(folder.lock_path_of("x")));
  CHECK(std::filesystem::exists(folder.lock_path_of("y")));
  CHECK(files_in(home / "auto-resolution-cache") == 4);
}
