// Directories that cannot be written, cannot be read, are none, or go away: an error that names them, or a cache that
// works; never a crash, and the entries are there for whoever may use them.

#include "damage.hpp"
#include "disk_cache.hpp"
#include "mounts.hpp"
#include "oracle.hpp"
#include "processes.hpp"
#include "worker.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include <grp.h>
#include <unistd.h>

using namespace faults;

namespace {

/// A cache that works as far as it gets, or an error that names the directory.
std::string opens_or_says_why(const fs::path& directory, history known) {
  try {
    disk_cache cache = open_cache(directory);
    operations work(cache, known, -1, 1);
    for (unsigned key = 0; key < known.keys(); ++key) {
      if (std::string wrong = work.get(key); !wrong.empty()) return wrong;
      if (std::string wrong = work.put(key); !wrong.empty()) return wrong;
    }
    if (errors_of(cache, larder::error_cause::corruption) != 0) return "want of permission was taken for damage";
    return {};
  } catch (const larder::error& e) {
    return std::string(e.what()).find(directory.string()) != std::string::npos ? "" : std::string("no path in: ") + e.what();
  }
}

void become_nobody() {
  if (::setgroups(0, nullptr) != 0 || ::setresgid(65534, 65534, 65534) != 0 || ::setresuid(65534, 65534, 65534) != 0)
    fail_setup("become nobody");
}

std::vector<std::string> contents_of(const fs::path& directory) {
  std::vector<std::string> all;
  for (const fs::path& file : files_of(directory)) all.push_back(file.string() + content_of(file));
  return all;
}

}  // namespace

TEST_CASE("fault 16: a directory of somebody else's") {
  if (!is_root()) return skip("becoming somebody else needs root");
  for (const unsigned mode : {0755U, 0700U, 0711U}) {
    CAPTURE(mode);
    const image base(suite_seed() + 16, false);
    fs::permissions(base.directory().parent_path(), fs::perms(mode));
    const std::vector<std::string> before = contents_of(base.directory());
    CHECK(in_child([&] {
            become_nobody();
            return opens_or_says_why(base.directory(), base.known());
          }) == "");
    CHECK(contents_of(base.directory()) == before);
    history known = base.known();
    disk_cache cache = open_cache(base.directory());
    CHECK(known.judge_all(cache) == "");
  }
}

TEST_CASE("fault 16: a file system that is read-only") {
  if (!can_mount()) return skip("read-only file systems need root and mounts");
  const scratch dir;
  CHECK(in_child([&]() -> std::string {
          enter_private_mounts();
          mount_tmpfs(dir / "device", "size=32m");
          history known(8, {10, 100'000});
          {
            disk_cache cache = open_cache(dir / "device" / "cache");
            operations work(cache, known, -1, 1);
            for (unsigned key = 0; key < known.keys(); ++key) work.put(key);
            known = work.known();
          }
          const auto remount = [&](unsigned long flags) {
            if (::mount(nullptr, (dir / "device").c_str(), nullptr, MS_REMOUNT | flags, nullptr) != 0) fail_setup("remount");
          };
          remount(MS_RDONLY);
          if (std::string wrong = opens_or_says_why(dir / "device" / "cache", known); !wrong.empty()) return wrong;
          if (std::string wrong = opens_or_says_why(dir / "device" / "new", history(8, {10, 1000})); !wrong.empty()) return wrong;
          remount(0);
          disk_cache cache = open_cache(dir / "device" / "cache");
          return known.judge_all(cache);
        }) == "");
}

TEST_CASE("fault 16: a path that is a file, below a file, a dangling link or too long") {
  const scratch dir;
  write_over(dir / "file", "not a directory");
  fs::create_symlink(dir / "nowhere" / "at all", dir / "link");
  for (const fs::path& path : {dir / "file", dir / "file" / "below", dir / "link", dir / std::string(300, 'n')}) {
    CAPTURE(path.string().substr(0, 100));
    CHECK(in_child([&]() -> std::string {
            try {
              disk_cache cache = open_cache(path);
              return "it opened";
            } catch (const larder::error& e) {
              return std::string(e.what()).find(path.string()) != std::string::npos ? "" : std::string("no path in: ") + e.what();
            }
          }) == "");
  }
  CHECK(content_of(dir / "file") == "not a directory");
}

TEST_CASE("fault 16: a directory that is removed under an open cache") {
  const scratch dir;
  CHECK(in_child([&]() -> std::string {
          history known(8, {10, 100'000});
          disk_cache cache = open_cache(dir / "cache");
          operations work(cache, known, -1, 1);
          for (unsigned key = 0; key < known.keys(); ++key) work.put(key);
          const std::optional<larder::bytes> held = cache.get(key_text(3));
          fs::remove_all(dir / "cache");
          history after = work.known();
          if (std::string wrong = after.judge_all(cache, true); !wrong.empty()) return wrong;
          if (!held || !after.form().is(3, work.known().certain(3), *held)) return "bytes that were held changed";
          // What was there may be served from memory until a put notices; then it is gone.
          for (unsigned key = 0; key < after.keys(); ++key) after.doubt(key);
          operations again(cache, after, -1, 2);
          for (unsigned key = 0; key < after.keys(); ++key)
            if (std::string wrong = again.put(key); !wrong.empty()) return "afterwards: " + wrong;
          for (int i = 0; i < 40; ++i)
            if (std::string wrong = again.step(); !wrong.empty()) return "afterwards: " + wrong;
          after = again.known();
          // Whether it takes puts again or refuses them: what it says it has, a new process must find.
          return in_child([&]() -> std::string {
            disk_cache other = open_cache(dir / "cache");
            return after.judge_all(other);
          });
        }) == "");
}
