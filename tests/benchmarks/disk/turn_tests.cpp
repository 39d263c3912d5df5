#include "turn.hpp"

#include "cases.hpp"
#include "catalogue.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

double value_of(const bench::measurements& all, const std::string& metric) {
  const auto at = std::find_if(all.begin(), all.end(), [&](const bench::measurement& m) { return m.metric == metric; });
  REQUIRE_MESSAGE(at != all.end(), metric);
  return at->value;
}

/// A store that is there once it was closed; its values it has from who asks.
class remembers_on_close {
 public:
  explicit remembers_on_close(const bench::site& s) : mark_(s.folder / "closed"), there_(std::filesystem::exists(mark_)) {}
  ~remembers_on_close() { std::ofstream(mark_) << "closed"; }
  void put(const bench::item&) {}
  void settle() {}
  void flush() {}
  template <class Use>
  bool get(const bench::item& one, Use&& use) {
    if (there_) use(one.value.span());
    return there_;
  }

 private:
  std::filesystem::path mark_;
  bool there_;
};

enum class fault { forgets, swaps_bytes, cuts, throws };

template <fault Fault>
class faulty {
 public:
  explicit faulty(const bench::site&) {}
  void put(const bench::item&) {
    if (Fault == fault::throws) throw std::runtime_error("the device is full");
  }
  void settle() {}
  void flush() {}
  template <class Use>
  bool get(const bench::item& one, Use&& use) {
    if (Fault == fault::forgets) return one.index != 3;
    std::vector<std::byte> value(one.value.begin(), one.value.end());
    if (Fault == fault::swaps_bytes) std::swap(value[1], value[2]);
    if (Fault == fault::cuts) value.pop_back();
    use(std::span<const std::byte>(value));
    return true;
  }
};

struct fixture {
  bench::scratch_folder scratch{std::filesystem::temp_directory_path(), 0};
  bench::workload values{24, 4096};
};

TEST_CASE_FIXTURE(fixture, "those that need no peer take a turn, each with every metric, and lose nothing") {
  bench::candidates field = bench::floors();
  for (const bench::candidates& more : {bench::larder_disk(), bench::plain_files()})
    field.insert(field.end(), more.begin(), more.end());
  for (const bench::candidate& who : field) {
    CAPTURE(who.name);
    const bench::measurements all = take_turn(who, values, scratch);
    for (const char* const metric : {"put", "get1", "get2", "touch", "open wall"}) CHECK(value_of(all, metric) > 0);
    for (const char* const metric : {"open", "open per entry", "open after kill wall", "close wall"}) CHECK(value_of(all, metric) >= 0);
    value_of(all, "RssAnon after open");
    CHECK(value_of(all, "disk amplification") >= 0.99);
    CHECK(value_of(all, "lost by kill") == 0);
    if (!who.flushes) continue;
    const bench::measurements flushed = take_flushed_turn(who, values, scratch);
    CHECK(value_of(flushed, "put wall") > 0);
    CHECK(value_of(flushed, "lost by kill") == 0);
  }
}

TEST_CASE_FIXTURE(fixture, "what a SIGKILL takes is counted, not forgiven as closed") {
  const bench::measurements all = take_turn(bench::candidate_of<remembers_on_close>("fake"), values, scratch);
  CHECK(value_of(all, "lost by kill") == 24);
  CHECK(value_of(take_flushed_turn(bench::candidate_of<remembers_on_close>("fake"), values, scratch), "lost by kill") == 24);
}

TEST_CASE_FIXTURE(fixture, "nobody wins by being wrong") {
  const auto turn_of = [&](const bench::candidate& who) { return take_turn(who, values, scratch); };
  CHECK_THROWS_WITH_AS(turn_of(bench::candidate_of<faulty<fault::forgets>>("fake")), "1 values are missing", std::runtime_error);
  CHECK_THROWS_WITH_AS(turn_of(bench::candidate_of<faulty<fault::swaps_bytes>>("fake")),
                       doctest::Contains("what nobody put there"), std::runtime_error);
  CHECK_THROWS_WITH_AS(turn_of(bench::candidate_of<faulty<fault::cuts>>("fake")), doctest::Contains("what nobody put there"),
                       std::runtime_error);
  CHECK_THROWS_WITH_AS(turn_of(bench::candidate_of<faulty<fault::throws>>("fake")), "the device is full", std::runtime_error);
}

TEST_CASE_FIXTURE(fixture, "a subject that fails is left out, told, and does not end the others") {
  bench::candidates field = bench::floors();
  field.push_back(bench::candidate_of<faulty<fault::swaps_bytes>>("fake"));
  bench::options wanted;
  wanted.rounds = 2;
  bench::figure_list all;
  CHECK_FALSE(bench::run({"tiny", 8, 4096}, field, wanted, scratch, all));
  CHECK(all.find("tiny", "fake", "put") == nullptr);
  REQUIRE(all.find("tiny", "floor_mmap", "get2 ratio to floor_mmap") != nullptr);
  CHECK(all.find("tiny", "floor_mmap", "get2 ratio to floor_mmap")->runs == std::vector<double>{1, 1});
  field.pop_back();
  CHECK(bench::run({"tiny again", 8, 4096}, field, wanted, scratch, all));
}

TEST_CASE("a scratch folder goes with all that is in it, and asks for room before") {
  const std::filesystem::path parent = std::filesystem::temp_directory_path();
  std::filesystem::path folder;
  {
    const bench::scratch_folder scratch(parent, 0);
    folder = scratch.path();
    const std::filesystem::path first = scratch.fresh();
    CHECK(std::filesystem::is_empty(first));
    CHECK(first != scratch.fresh());
    std::ofstream(first / "file") << "content";
  }
  CHECK_FALSE(std::filesystem::exists(folder));
  CHECK_THROWS_WITH_AS(bench::scratch_folder(parent, ~std::uint64_t{0}), doctest::Contains("--dir names another place"),
                       std::runtime_error);
}

TEST_CASE("a workload is the same each time, no two values are alike, and each is read once a pass") {
  const bench::workload one(100, 4096);
  const bench::workload other(100, 4096);
  std::vector<std::uint64_t> checksums;
  for (std::size_t i = 0; i < one.count(); ++i) {
    const bench::item& it = one.items()[i];
    CHECK(it.index == i);
    CHECK(it.key.size() == 24);
    CHECK(it.key == other.items()[i].key);
    CHECK(it.checksum == other.items()[i].checksum);
    CHECK(it.checksum == bench::checksum_of(it.value.data(), it.value.size()));
    CHECK(it.value.size() == 4096);
    CHECK(it.first == it.value.data()[0]);
    checksums.push_back(it.checksum);
  }
  std::sort(checksums.begin(), checksums.end());
  CHECK(std::adjacent_find(checksums.begin(), checksums.end()) == checksums.end());
  std::vector<std::uint32_t> order = one.reading_order();
  CHECK_FALSE(std::is_sorted(order.begin(), order.end()));
  std::sort(order.begin(), order.end());
  std::vector<std::uint32_t> every(100);
  std::iota(every.begin(), every.end(), 0U);
  CHECK(order == every);
}

}  // namespace
