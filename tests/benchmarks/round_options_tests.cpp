#include "round_options.hpp"

#include <doctest/doctest.h>

#include <filesystem>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using bench::round_options;

std::string further_said(round_options& options, std::vector<std::string> words, std::vector<std::string_view> further = {}) {
  words.insert(words.begin(), "bench_any");
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  std::string all;
  for (const auto& [option, value] : options.read(static_cast<int>(arguments.size()), arguments.data(), std::move(further)))
    all += option + "=" + value + ";";
  return all;
}

round_options read(std::vector<std::string> words) {
  round_options options{.rounds = 11};
  further_said(options, std::move(words));
  return options;
}

TEST_CASE("a benchmark of rounds keeps its own number of them unless another is said, and --quick makes it two") {
  CHECK(read({}).rounds == 11);
  CHECK(read({"--rounds", "3"}).rounds == 3);
  CHECK(read({"--quick"}).rounds == 2);
  CHECK(read({"--quick", "--rounds", "3"}).rounds == 3);
  CHECK(read({"--rounds", "3", "--quick"}).quick);
  CHECK_FALSE(read({"--rounds", "3"}).quick);
}

TEST_CASE("a benchmark of rounds knows its cases, its file, its folder and --help") {
  const round_options said = read({"--case", "a,b", "--out", "x.json", "--dir", "somewhere", "--help"});
  CHECK(said.wants_case("a"));
  CHECK_FALSE(said.wants_case("c"));
  CHECK(said.out == "x.json");
  CHECK(said.parent_folder() == "somewhere");
  CHECK(said.help);
  const round_options none = read({});
  CHECK(none.wants_case("c"));
  CHECK(none.out.empty());
  CHECK_FALSE(none.help);
  CHECK(none.parent_folder() == std::filesystem::read_symlink("/proc/self/exe").parent_path());
}

TEST_CASE("further options are given with their values, and unknown ones refused") {
  round_options options{.rounds = 1};
  CHECK(further_said(options, {"--large", "7", "--rounds", "2"}, {"--large"}) == "--large=7;--rounds=2;");
  CHECK(options.rounds == 2);
  CHECK_THROWS_WITH_AS(read({"--large", "7"}), "unknown option --large", std::invalid_argument);
  CHECK_THROWS_AS(read({"--rounds", "0"}), std::invalid_argument);
}

}  // namespace
