#include <larder/artifact/artifact_home.hpp>
#include <larder/artifact/home_key.hpp>

#include <sys/stat.h>

#include <filesystem>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "support/refusal.hpp"
#include "support/temporary_folder.hpp"
#include "support/write_file.hpp"

using larder::artifact_home;
using larder::artifacts::home_key;

TEST_CASE("home is what is given, else what the environment says, else a folder below /tmp") {
  const auto set = [](const std::string& name) {
    return name == "INFERENCE_HOME" ? std::optional<std::string>("/srv/models") : std::nullopt;
  };
  const auto unset = [](const std::string&) { return std::optional<std::string>(); };
  CHECK(artifact_home("/given", set) == "/given");
  CHECK(artifact_home({}, set) == "/srv/models");
  CHECK(artifact_home({}, unset) == "/tmp/cache");
  CHECK(artifact_home("here", unset) == std::filesystem::current_path() / "here");
}

TEST_CASE("R2: marks of secrets are the same for the same secret, name and home, and say nothing of it") {
  const support::temporary_folder folder;
  home_key key(folder / "key"), again(folder / "key"), other(folder / "other");
  const std::string mark = key.mark_of("api_key", "s3cret");
  CHECK(mark.size() == 64);
  CHECK(key.mark_of("api_key", "s3cret") == mark);
  CHECK(again.mark_of("api_key", "s3cret") == mark);
  CHECK(other.mark_of("api_key", "s3cret") != mark);
  CHECK(key.mark_of("api_key", "s3creT") != mark);
  CHECK(key.mark_of("api_keys", "3cret") != mark);
  CHECK(key.mark_of("token", "s3cret") != mark);
  struct stat seen {};
  REQUIRE(::stat((folder / "key").c_str(), &seen) == 0);
  CHECK((seen.st_mode & 07777) == 0600);
  CHECK(larder::artifacts::read_small_file(folder / "key")->find("s3cret") == std::string::npos);
}

TEST_CASE("threads that make a key at once make one") {
  const support::temporary_folder folder;
  std::mutex mutex;
  std::set<std::string> marks;
  {
    std::vector<std::jthread> threads;
    for (int n = 0; n < 8; ++n)
      threads.emplace_back([&] {
        home_key own(folder / "key");
        const std::string mark = own.mark_of("a", "b");
        const std::lock_guard lock(mutex);
        marks.insert(mark);
      });
  }
  CHECK(marks.size() == 1);
}

TEST_CASE("a key file that is none is made anew, and one that cannot be is made up for") {
  const support::temporary_folder folder;
  support::write_file(folder / "key", "not a key");
  const std::string mark = home_key(folder / "key").mark_of("a", "b");
  CHECK(home_key(folder / "key").mark_of("a", "b") == mark);
  home_key nowhere(folder / "none" / "key");
  CHECK(support::cause_of([&] { nowhere.mark_of("a", "b"); }) == larder::error_cause::io);
  CHECK(nowhere.mark_of("a", "b") == nowhere.mark_of("a", "b"));
  home_key reader(folder / "none" / "key", false);
  CHECK(reader.mark_of("a", "b").size() == 64);
  support::write_file(folder / "target", "mine");
  std::filesystem::create_symlink("target", folder / "link");
  home_key linked(folder / "link");
  CHECK(support::cause_of([&] { linked.mark_of("a", "b"); }) == larder::error_cause::invalid_argument);
  CHECK(larder::artifacts::read_small_file(folder / "target") == "mine");
}
