// mmap_disk with processes that die and processes that write at the same time.

#include <larder/storage/mmap_disk.hpp>

#include "store_driver.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <random>
#include <thread>

#include <signal.h>

using namespace store_driver;
using store = larder::mmap_disk::store;

namespace {

larder::mmap_disk policy(const fs::path& path) { return {path}; }

}  // namespace

TEST_CASE("D10 kill -9 at any moment leaves each key old, new or missing") {
  scratch dir;
  sink errors;
  // The oracle: a value says its key and version; the child reports each operation's begin and end.
  constexpr unsigned keys = 6;
  const auto value_of = [](unsigned key, unsigned version) {
    const std::size_t size = version % 3 == 0 ? 10 + version % 50 : version % 3 == 1 ? 3000 : 300'000;
    return std::to_string(key) + ":" + std::to_string(version) + ":" + text_of(size, key * 1000 + version);
  };
  struct report {
    unsigned key;
    unsigned version;  // 0: erased
    unsigned done;
  };
  std::map<unsigned, std::vector<unsigned>> possible;  // versions a key may have; 0: missing
  for (unsigned key = 0; key < keys; ++key) possible[key] = {0};
  std::mt19937 random(7);
  unsigned version = 1;
  unsigned acknowledged = 0;
  for (int round = 0; round < 30; ++round) {
    std::array<int, 2> pipe_ends{};
    REQUIRE(::pipe(pipe_ends.data()) == 0);
    const unsigned first_version = version;
    const auto seed = static_cast<unsigned>(random());
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      try {
        store disk(policy(dir / "cache"), errors);
        std::mt19937 choice(seed);
        for (unsigned next = first_version;; ++next) {
          const auto key = static_cast<unsigned>(choice() % keys);
          report line{key, choice() % 8 == 0 ? 0 : next, 0};
          if (::write(pipe_ends[1], &line, sizeof line) != sizeof line) ::_exit(1);
          if (line.version == 0)
            erase(disk, std::to_string(key));
          else
            put(disk, std::to_string(key), value_of(key, next));
          line.done = 1;
          if (::write(pipe_ends[1], &line, sizeof line) != sizeof line) ::_exit(1);
        }
      } catch (...) {
      }
      ::_exit(2);
    }
    ::close(pipe_ends[1]);
    // Killed after a random number of reports and a random moment more: the moments spread over all steps of a put.
    std::uniform_int_distribution<int> reports(0, 40);
    report line{};
    const auto take = [&] {
      if (::read(pipe_ends[0], &line, sizeof line) != sizeof line) return false;
      std::vector<unsigned>& versions = possible[line.key];
      if (line.done != 0) {
        versions = {line.version};
        ++acknowledged;
      } else {
        versions.push_back(line.version);
        version = std::max(version, line.version + 1);
      }
      return true;
    };
    for (int i = reports(random); i > 0; --i) REQUIRE(take());
    const auto moment = std::chrono::steady_clock::now() + std::chrono::microseconds(random() % 800);
    while (std::chrono::steady_clock::now() < moment) std::this_thread::yield();
    ::kill(child, SIGKILL);
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(WIFSIGNALED(status));
    while (take()) {
    }
    ::close(pipe_ends[0]);

    store disk(policy(dir / "cache"), errors);
    CHECK(files_in(dir / "cache" / "staging") == 0);
    std::size_t present = 0;
    for (unsigned key = 0; key < keys; ++key) {
      const std::optional<std::string> value = get(disk, std::to_string(key));
      unsigned found = 0;
      if (value) {
        ++present;
        found = static_cast<unsigned>(std::stoul(value->substr(value->find(':') + 1)));
        CHECK(*value == value_of(key, found));
      }
      const std::vector<unsigned>& versions = possible[key];
      CAPTURE(round);
      CAPTURE(key);
      CAPTURE(found);
      CHECK(std::count(versions.begin(), versions.end(), found) > 0);
      possible[key] = {found};  // what is there now stays
    }
    CHECK(recovered_keys(disk).size() == present);
    version += 1;
  }
  CHECK(acknowledged > 30);
  CHECK(errors.corruptions() == 0);
}

TEST_CASE("several processes start at once on an empty directory and write together") {
  scratch dir;
  sink errors;
  std::vector<pid_t> children;
  for (int i = 0; i < 4; ++i) {
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
      int code = 0;
      try {
        store disk(policy(dir / "cache"), errors);
        for (int j = 0; j < 50; ++j) {
          put(disk, "shared " + std::to_string(j % 5), "value " + std::to_string(j % 5) + text_of(2000));
          put(disk, "own " + std::to_string(i) + " " + std::to_string(j), "mine");
          const std::optional<std::string> seen = get(disk, "shared " + std::to_string(j % 5));
          if (seen && *seen != "value " + std::to_string(j % 5) + text_of(2000)) code = 1;
          if (j % 10 == 0) {
            const auto guard = disk.lock();
            disk.sync([](const larder::digest&, const std::optional<larder::stored_info>&) {}, [] {});
          }
        }
        code = code != 0 || errors.corruptions() != 0 ? 1 : 0;
      } catch (...) {
        code = 2;
      }
      ::_exit(code);
    }
    children.push_back(child);
  }
  for (const pid_t child : children) {
    int status = 0;
    REQUIRE(::waitpid(child, &status, 0) == child);
    CHECK(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 0);
  }
  store disk(policy(dir / "cache"), errors);
  CHECK(recovered_keys(disk).size() == 4 * 50 + 5);
  CHECK(files_in(dir / "cache" / "staging") == 0);
}
