#include "options.hpp"

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>
#include <vector>

namespace {

bench::options parse(std::vector<std::string> words) {
  words.insert(words.begin(), "bench_disk");
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  return bench::parse(static_cast<int>(arguments.size()), arguments.data());
}

TEST_CASE("without options every case and subject is wanted, at full size") {
  const bench::options all = parse({});
  CHECK(all.wants_case("4KiB"));
  CHECK(all.wants("larder"));
  CHECK(all.rounds == 5);
  CHECK(all.scaled(50'000) == 50'000);
  CHECK(all.folder.empty());
}

TEST_CASE("lists choose by whole names") {
  const bench::options some = parse({"--case", "64KiB,fsync", "--only", "lmdb,,files"});
  CHECK(some.wants_case("fsync"));
  CHECK_FALSE(some.wants_case("4KiB"));
  CHECK(some.wants("lmdb"));
  CHECK_FALSE(some.wants("lmdb_b100"));
}

TEST_CASE("a scale multiplies, rounds, and leaves four values at least") {
  CHECK(parse({"--scale", "4"}).scaled(25) == 100);
  CHECK(parse({"--scale", "0.5"}).scaled(25) == 13);
  CHECK(parse({"--scale", "0.001"}).scaled(25) == 4);
}

TEST_CASE("--quick is small and short unless it is said otherwise, in either order") {
  CHECK(parse({"--quick"}).rounds == 2);
  CHECK(parse({"--quick"}).scale == 0.1);
  CHECK(parse({"--quick", "--rounds", "3"}).rounds == 3);
  CHECK(parse({"--scale", "0.2", "--quick"}).scale == 0.2);
}

TEST_CASE("help may be asked for anywhere, as `scripts/bench` puts an option before those of its caller") {
  CHECK(parse({"--out", "figures.json", "--help"}).help);
  CHECK(parse({"-h"}).help);
  CHECK_FALSE(parse({"--dir", "elsewhere"}).help);
  CHECK(parse({"--dir", "elsewhere"}).folder == "elsewhere");
}

TEST_CASE("wrong use is told") {
  CHECK_THROWS_WITH_AS(parse({"--chunks", "3"}), "unknown option --chunks", std::invalid_argument);
  CHECK_THROWS_WITH_AS(parse({"--dir"}), "--dir needs a value", std::invalid_argument);
  for (const char* const number : {"0", "", "-1", "3x"}) CHECK_THROWS_AS(parse({"--rounds", number}), std::invalid_argument);
  for (const char* const scale : {"0", "", "-1", "3x", "nan", "inf", "1e99", "1001"}) {
    CAPTURE(scale);
    CHECK_THROWS_AS(parse({"--scale", scale}), std::invalid_argument);
  }
}

}  // namespace
