#include "options.hpp"

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>
#include <vector>

namespace {

bench::options parse(std::vector<std::string> words) {
  words.insert(words.begin(), "bench_memory");
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  return bench::parse(static_cast<int>(arguments.size()), arguments.data());
}

TEST_CASE("without options every case and subject is wanted") {
  const bench::options all = parse({});
  CHECK(all.wants_case("get_u64"));
  CHECK(all.wants("clock"));
  CHECK(all.chunks >= 11);
  CHECK(all.chunk == 1'000'000);
}

TEST_CASE("lists choose by whole names") {
  const bench::options some = parse({"--case", "get_u64,memory", "--only", "clock,,lru"});
  CHECK(some.wants_case("memory"));
  CHECK_FALSE(some.wants_case("mixed_u64"));
  CHECK(some.wants("lru"));
  CHECK_FALSE(some.wants("list_lru"));
  CHECK_FALSE(some.wants(""));
}

TEST_CASE("--quick is short unless the number of chunks is said, in either order") {
  CHECK(parse({"--quick"}).chunks == 3);
  CHECK(parse({"--quick", "--chunks", "5"}).chunks == 5);
  CHECK(parse({"--chunks", "5", "--quick"}).chunks == 5);
  CHECK(parse({"--quick"}).keys == 100'000);
}

TEST_CASE("help may be asked for anywhere, as `scripts/bench` puts an option before those of its caller") {
  CHECK(parse({"--out", "figures.json", "--help"}).help);
  CHECK(parse({"-h"}).help);
  CHECK_FALSE(parse({"--quick"}).help);
}

TEST_CASE("wrong use is told") {
  CHECK_THROWS_WITH_AS(parse({"--nonsense"}), "unknown option --nonsense", std::invalid_argument);
  CHECK_THROWS_WITH_AS(parse({"--out"}), "--out needs a value", std::invalid_argument);
  for (const char* number : {"0", "", "-1", "3x", "99999999999999999999999"})
    CHECK_THROWS_AS(parse({"--chunks", number}), std::invalid_argument);
}

}  // namespace
