#include "options.hpp"

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>
#include <vector>

namespace {

bench::options parse(std::vector<std::string> words) {
  words.insert(words.begin(), "bench_dataset");
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  return bench::parse(static_cast<int>(arguments.size()), arguments.data());
}

TEST_CASE("bench_dataset without options: 100,000 samples, five rounds of everything") {
  const bench::options all = parse({});
  CHECK(all.samples() == 100'000);
  CHECK(all.rounds == 5);
  CHECK(all.wants_case("cold"));
  CHECK(all.wants("larder"));
  CHECK(all.python == "python3");
}

TEST_CASE(
    "bench_dataset: a scale wins over --quick, wherever it stands, and leaves a number of samples that has halves and quarters") {
  CHECK(parse({"--quick"}).samples() == 5'000);
  CHECK(parse({"--scale", "0.5", "--quick"}).samples() == 50'000);
  CHECK(parse({"--scale", "0.33333"}).samples() % 8 == 0);
  CHECK(parse({"--scale", "0.00001"}).samples() == 1024);
}

TEST_CASE("bench_dataset takes names of cases and subjects, and refuses what makes no sense") {
  const bench::options some = parse({"--case", "view,half", "--only", "larder,lmdb", "--python", "p"});
  CHECK(some.wants_case("half"));
  CHECK_FALSE(some.wants_case("cold"));
  CHECK(some.wants("lmdb"));
  CHECK_FALSE(some.wants("numpy_memmap"));
  CHECK(some.python == "p");
  CHECK_THROWS_AS(parse({"--scale", "0"}), std::invalid_argument);
  CHECK_THROWS_AS(parse({"--scale", "x"}), std::invalid_argument);
  CHECK_THROWS_AS(parse({"--fast"}), std::invalid_argument);
}

}  // namespace
