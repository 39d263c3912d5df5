#include "options.hpp"

#include <doctest/doctest.h>

#include <stdexcept>
#include <string>
#include <vector>

namespace {

bench::options parse(std::vector<std::string> words) {
  words.insert(words.begin(), "bench_layers");
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  return bench::parse(static_cast<int>(arguments.size()), arguments.data());
}

TEST_CASE("bench_layers without options: 32 layers of 64 MiB, five rounds of everything") {
  const bench::options all = parse({});
  CHECK(all.layers == 32);
  CHECK(all.layer_size == 64U << 20U);
  CHECK(all.model_size() == 2ULL << 30U);
  CHECK(all.rounds == 5);
  CHECK(all.wants_case("cold_stream"));
  CHECK(all.wants("larder"));
}

TEST_CASE("bench_layers: numbers win over --quick, wherever they stand") {
  const bench::options some = parse({"--layers", "12", "--quick", "--layer-size", "2"});
  CHECK(some.layers == 12);
  CHECK(some.layer_size == 2U << 20U);
  CHECK(some.rounds == 2);
  CHECK(some.quick);
}

TEST_CASE("bench_layers: both names of an option mean the same") {
  CHECK(parse({"--case", "warm_get"}).cases == std::vector<std::string>{"warm_get"});
  CHECK(parse({"--cases", "warm_get"}).cases == std::vector<std::string>{"warm_get"});
  CHECK(parse({"--dir", "x"}).folder == "x");
  CHECK(parse({"--folder", "x"}).folder == "x");
}

TEST_CASE("bench_layers refuses models that say nothing, and unknown options") {
  CHECK_THROWS_AS(parse({"--layers", "7"}), std::invalid_argument);
  CHECK_THROWS_AS(parse({"--layer-size", "0"}), std::invalid_argument);
  CHECK_THROWS_AS(parse({"--rounds", "x"}), std::invalid_argument);
  CHECK_THROWS_AS(parse({"--fast"}), std::invalid_argument);
}

}  // namespace
