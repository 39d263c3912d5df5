// What is wrong with settings, for programs: each mistake with its place, and all of a file at once.
#include <larder/config/settings.hpp>
#include <larder/config/settings_mistakes.hpp>
#include <larder/config/toml.hpp>

#include <doctest/doctest.h>

#include "support/temporary_folder.hpp"
#include "support/variables.hpp"
#include "support/write_file.hpp"

#include <cstddef>
#include <filesystem>
#include <string>
#include <type_traits>
#include <vector>

using larder::mistakes_in;
using larder::settings;
using larder::settings_mistake;
using support::variables;

namespace {

std::string line_of(const settings_mistake& one) {
  return std::to_string(one.where.line) + ":" + std::to_string(one.where.column) + " [" + one.owner + "] " +
         one.why.substr(0, one.why.find(';')) + (one.nearest.empty() ? "" : " (" + one.nearest + ")");
}
std::vector<std::string> lines_of(const std::vector<settings_mistake>& all) {
  std::vector<std::string> lines;
  for (const settings_mistake& one : all) lines.push_back(line_of(one));
  return lines;
}

}  // namespace

TEST_CASE("a settings_error has the place, the sentence and the nearest name apart") {
  static_assert(std::is_nothrow_copy_constructible_v<larder::settings_error>);
  try {
    settings::from_toml("[cache]\npolicy = \"lur\"\n", "a.toml");
    FAIL("lur is no order");
  } catch (const larder::settings_error& wrong) {
    CHECK(wrong.cause() == larder::error_cause::invalid_argument);
    const settings_mistake& mistake = wrong.mistake();
    CHECK(mistake.where.text() == "a.toml:2:10");
    CHECK(mistake.why.starts_with("policy cannot be \"lur\"; did you mean \"lru\"?"));
    CHECK(mistake.nearest == "lru");
    CHECK(wrong.what() == "larder: a.toml:2:10: " + mistake.why);
  }
}

TEST_CASE("all mistakes of a file are found at once, as far as they are independent") {
  const support::temporary_folder folder;
  const std::filesystem::path file = folder.path() / "a.toml";
  support::write_file(file,
                      "[cache]\n"
                      "sise = 1\n"
                      "policy = \"LRU\"\n"
                      "max_age = \"5 weeks\"\n"
                      "size = \"4GB\"\n"
                      "[cache.memory]\n"
                      "max_itms = 5\n"
                      "[modell_cache]\n"
                      "[manager]\n"
                      "pressure_floor = 2\n"
                      "[caches.a]\n"
                      "policy = \"lru\"\n"
                      "[caches.b]\n"
                      "size = 1\n"
                      "disk_path = \"b\"\n");
  const std::vector<std::string> found = lines_of(mistakes_in(file, variables({})));
  const std::vector<std::string> expected{
      "2:1 [cache] there is no key \"sise\" in cache (size)",
      "3:10 [cache] policy cannot be \"LRU\" (lru)",
      "4:11 [cache] max_age: \"5 weeks\" has the unknown unit \"weeks\"",
      "7:1 [cache] there is no key \"max_itms\" in cache.memory (max_items)",
      "8:2 [] there is no key \"modell_cache\" here (model_cache)",
      "10:18 [manager] pressure_floor: \"2\" is not a share",
      "12:10 [a] the cache \"a\" has no limit",
      "15:13 [b] disk.path of \"b\" changes nothing without a disk tier",
  };
  REQUIRE(found.size() == expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) CHECK(found[i] == expected[i]);
}

TEST_CASE("what load takes has no mistakes, and what it refuses has one at least, of the same sentence") {
  const support::temporary_folder folder;
  const std::filesystem::path file = folder.path() / "a.json";
  const auto first = [&](const std::string& text, const larder::settings_environment& environment) {
    support::write_file(file, text);
    const std::vector<settings_mistake> all = mistakes_in(file, environment);
    std::string refused;
    try {
      settings::load(file, {}, environment);
    } catch (const larder::error& wrong) {
      refused = larder::config::message_of(wrong);
    }
    CHECK(all.empty() == refused.empty());
    if (!all.empty()) CHECK(refused.ends_with(all.front().why));
    return lines_of(all);
  };
  using lines = std::vector<std::string>;
  CHECK(first(R"({"cache": {"size": 1}})", variables({})).empty());
  CHECK(first("{\"cache\": ", variables({})).size() == 1);
  CHECK(first(R"({"cache": {"size": 1}})", variables({{"CACHE_POLICY", "lur"}})) ==
        lines{"0:0 [] policy cannot be \"lur\" (lru)"});
  CHECK(first(R"({"caches": {"a": {"disk_size": 1, "disk_path": "x"}, "b": {"disk_size": 1, "disk_path": "x"}}})", variables({}))
            .size() == 1);
  CHECK(mistakes_in(folder.path() / "absent.json", variables({})).size() == 1);
  CHECK(mistakes_in(folder.path() / "a.ini", variables({})).size() == 1);
}
