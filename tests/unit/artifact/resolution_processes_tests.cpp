#include <larder/artifact/resolution_cache.hpp>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/eventually.hpp"
#include "support/in_child.hpp"
#include "support/temporary_folder.hpp"

using larder::request;
using texts = larder::resolution_cache<std::string>;

namespace {

request asked() { return request{}.field("model_id", "a/b").secret("api_key", "k3y-of-somebody"); }

std::size_t size_of(const std::filesystem::path& file) {
  return std::filesystem::exists(file) ? std::filesystem::file_size(file) : 0;
}

template <class F>
::pid_t child(F&& f) {
  const ::pid_t made = ::fork();
  REQUIRE(made >= 0);
  if (made == 0) {
    ::alarm(60);
    ::_exit(f() ? 0 : 1);
  }
  return made;
}

bool ended_well(::pid_t one) {
  int status = 0;
  return ::waitpid(one, &status, 0) == one && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace

TEST_CASE("R1: processes that ask at once run one resolver, and all have its answer") {
  const support::temporary_folder home;
  const auto runs = home / "runs", waiting = home / "waiting";
  constexpr std::size_t count = 4;
  std::vector<::pid_t> children;
  for (std::size_t n = 0; n < count; ++n)
    children.push_back(child([&] {
      texts cache{home / "h"};
      std::ofstream(waiting, std::ios::app) << 'w' << std::flush;
      const auto answer = cache.resolve(asked(), [&] {
        std::ofstream(runs, std::ios::app) << 'r' << std::flush;
        support::eventually([&] { return size_of(waiting) == count; });
        return "of process " + std::to_string(::getpid());
      });
      return answer == texts{home / "h"}.find(asked()).value();
    }));
  for (const ::pid_t one : children) CHECK(ended_well(one));
  CHECK(size_of(runs) == 1);
  CHECK(std::filesystem::is_empty(home / "h" / "locks"));
}

TEST_CASE("a process that is killed while it resolves leaves its turn to the next") {
  const support::temporary_folder home;
  const auto inside = home / "inside";
  const ::pid_t killed = child([&] {
    texts{home / "h"}.resolve(asked(), [&]() -> std::string {
      std::ofstream(inside) << "x";
      for (;;) ::pause();
    });
    return false;
  });
  REQUIRE(support::eventually([&] { return size_of(inside) == 1; }));
  const ::pid_t next = child([&] { return texts{home / "h"}.resolve(asked(), [] { return "mine"; }) == "mine"; });
  REQUIRE(::kill(killed, SIGKILL) == 0);
  REQUIRE(::waitpid(killed, nullptr, 0) == killed);
  CHECK(ended_well(next));
  texts cache{home / "h"};
  CHECK(cache.find(asked()) == std::string("mine"));
  cache.purge_expired();
  CHECK(std::filesystem::is_empty(home / "h" / "locks"));
}

TEST_CASE("killed at any moment, a home has whole answers or none") {
  const support::temporary_folder home;
  for (int round = 0; round < 25; ++round) {
    const ::pid_t writer = child([&] {
      texts cache{home / "h"};
      for (int n = 0;; ++n) {
        cache.resolve(asked(), [&] { return std::string(5000, static_cast<char>('a' + n % 20)); });
        cache.erase(asked());
      }
      return false;
    });
    texts cache{home / "h"};
    for (int n = 0; n < 20 * (round % 5); ++n) {
      const auto found = cache.find(asked());
      if (found) CHECK(found->find_first_not_of(found->front()) == std::string::npos);
    }
    REQUIRE(::kill(writer, SIGKILL) == 0);
    REQUIRE(::waitpid(writer, nullptr, 0) == writer);
    CHECK(cache.resolve(asked(), [] { return std::string(5000, 'z'); }).size() == 5000);
    CHECK(cache.stats().damaged == 0);
    cache.purge();
  }
}

TEST_CASE("a child of fork has a cache that works, while its parent resolves") {
  const support::temporary_folder home;
  texts cache{home.path()};
  const auto answer = cache.resolve(asked(), [&] {
    support::in_child([&] { return cache.resolve(request{}.field("model_id", "child"), [] { return "c"; }) == "c"; });
    return "p";
  });
  CHECK(answer == "p");
  CHECK(cache.find(request{}.field("model_id", "child")) == std::string("c"));
}
