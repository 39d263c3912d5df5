#include "race.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace {

using key = std::uint64_t;

/// What a cache was asked, and a cache that hits the even keys.
struct diary {
  int made = 0;
  int prepared = 0;
  std::vector<std::vector<key>> chunks;
};
std::map<std::string, diary> diaries;

class fake final : public bench::subject<key> {
 public:
  explicit fake(diary& book) : book_(book) { ++book_.made; }
  void put(std::span<const key>) override { ++book_.prepared; }
  std::size_t get(std::span<const key> keys) override {
    book_.chunks.emplace_back(keys.begin(), keys.end());
    std::size_t even = 0;
    for (const key k : keys) even += k % 2 == 0 ? 1U : 0U;
    return even;
  }
  std::size_t get_or_put(std::span<const key> keys) override { return get(keys); }
  std::size_t get_and_put(std::span<const key> keys) override { return get(keys); }

 private:
  diary& book_;
};

bench::candidate<key> fake_of(const std::string& name, std::string against = {}) {
  return {name, [name](std::size_t) { return std::make_unique<fake>(diaries[name]); }, std::move(against)};
}

/// Races these fakes over chunks {3 i, 3 i + 1, 3 i + 2}.
bench::report race(bench::candidates<key> field, const std::vector<std::string>& only, std::size_t threads = 1) {
  diaries.clear();
  bench::options wanted;
  wanted.chunks = 4;
  wanted.chunk = 3;
  wanted.only = only;
  std::vector<key> keys;
  bench::contest<key> c;
  c.name = "test";
  c.field = std::move(field);
  c.threads = threads;
  c.prepare = [](bench::subject<key>& cache) { cache.put({}); };
  c.make_requests = [&](std::size_t chunk) { keys = {3 * chunk, 3 * chunk + 1, 3 * chunk + 2}; };
  c.run = [&](bench::subject<key>& cache) { return bench::sample{static_cast<double>(keys[0]), 1, cache.get(keys)}; };
  bench::report figures;
  bench::race(c, wanted, figures);
  return figures;
}

const bench::figure* find(const bench::report& figures, const std::string& subject, const std::string& metric) {
  for (const bench::figure& f : figures.figures())
    if (f.subject == subject && f.metric == metric) return &f;
  return nullptr;
}

TEST_CASE("both of a duel get the same chunks in turns, and the first is not counted") {
  const bench::report figures = race({fake_of("base"), fake_of("a"), fake_of("b")}, {});
  const std::vector<std::vector<key>> all{{0, 1, 2}, {3, 4, 5}, {6, 7, 8}, {9, 10, 11}, {12, 13, 14}};
  for (const char* name : {"a", "b"}) {
    CHECK(diaries[name].chunks == all);
    CHECK(diaries[name].made == 1);
    CHECK(diaries[name].prepared == 1);
    const bench::figure* const ratio = find(figures, name, "ratio to base");
    REQUIRE(ratio != nullptr);
    CHECK(ratio->runs == std::vector<double>(4, 1.0));
    CHECK(ratio->value == 1);
    const bench::figure* const time = find(figures, name, "time");
    REQUIRE(time != nullptr);
    CHECK(time->runs == std::vector<double>{1e9, 2e9, 3e9, 4e9});
    const bench::figure* const hits = find(figures, name, "hit ratio");
    REQUIRE(hits != nullptr);
    CHECK(hits->value == doctest::Approx(0.5));
  }
  CHECK(diaries["base"].made == 2);  // anew for each of the others: each duel begins from the same state
  CHECK(diaries["base"].chunks.size() == 10);
  REQUIRE(find(figures, "base", "time") != nullptr);
  CHECK(find(figures, "base", "time")->runs.size() == 8);
  CHECK(find(figures, "base", "ratio to base") == nullptr);
}

TEST_CASE("only those wanted run, beside what they are compared with") {
  const bench::candidates<key> field{fake_of("base"), fake_of("a"), fake_of("other base"), fake_of("b", "other base")};
  const bench::report figures = race(field, {"b"});
  CHECK(find(figures, "b", "ratio to other base") != nullptr);
  CHECK(find(figures, "b", "ratio to base") == nullptr);
  CHECK(find(figures, "other base", "time") != nullptr);
  CHECK(find(figures, "a", "time") == nullptr);
  CHECK(diaries["base"].made == 0);
}

TEST_CASE("the baseline alone is measured too") {
  const bench::report figures = race({fake_of("base"), fake_of("a")}, {"base"});
  REQUIRE(find(figures, "base", "time") != nullptr);
  CHECK(find(figures, "base", "time")->runs.size() == 4);
  CHECK(diaries["base"].made == 1);
  CHECK(diaries["a"].made == 0);
}

TEST_CASE("of two threads the figures are by all their requests") {
  const bench::report figures = race({fake_of("base"), fake_of("a")}, {}, 2);
  REQUIRE(find(figures, "a", "time") != nullptr);
  CHECK(find(figures, "a", "time")->runs == std::vector<double>{0.5e9, 1e9, 1.5e9, 2e9});
  CHECK(find(figures, "a", "cpu time") != nullptr);
  CHECK(find(figures, "a", "cpu ratio") != nullptr);
}

TEST_CASE("a pair runs both, and counts the hits of both") {
  const bench::sample both = bench::time_pair([] { return std::size_t{2}; }, [] { return std::size_t{3}; });
  CHECK(both.hits == 5);
}

}  // namespace
