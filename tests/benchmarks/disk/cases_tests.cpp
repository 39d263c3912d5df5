#include "cases.hpp"

#include "catalogue.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace {

bench::candidate named(const char* name) { return {name, nullptr}; }
const bench::candidates field{named("floor_pwrite"), named("floor_mmap"), named("store")};

bench::measurements turn(double put, double get2) { return {{"put", "us/op", put}, {"get2", "us/op", get2}}; }

TEST_CASE("a ratio is that of a round, and its median not the ratio of the medians") {
  bench::figure_list all;
  add_figures(all, {"4KiB", 10, 4096}, field,
              {{turn(1, 9), turn(9, 2), turn(4, 2)}, {turn(2, 9), turn(9, 1), turn(2, 3)}, {turn(3, 9), turn(9, 1), turn(6, 2)}});
  const bench::figure* const put = all.find("4KiB", "store", "put");
  REQUIRE(put != nullptr);
  CHECK(put->value == 4);
  CHECK(put->runs == std::vector<double>{4, 2, 6});
  const bench::figure* const put_ratio = all.find("4KiB", "store", "put ratio to floor_pwrite");
  REQUIRE(put_ratio != nullptr);
  CHECK(put_ratio->runs == std::vector<double>{4, 1, 2});
  CHECK(put_ratio->value == 2);
  CHECK(put_ratio->unit == "x");
  const bench::figure* const get_ratio = all.find("4KiB", "store", "get2 ratio to floor_mmap");
  REQUIRE(get_ratio != nullptr);
  CHECK(get_ratio->runs == std::vector<double>{1, 3, 2});
}

TEST_CASE("who was left out has no figure, and who has no floor beside it no ratio") {
  bench::figure_list all;
  add_figures(all, {"4KiB", 10, 4096}, field, {{turn(1, 9), {}, turn(4, 2)}, {{}, {}, turn(4, 2)}});
  CHECK(all.find("4KiB", "floor_mmap", "put") == nullptr);
  CHECK(all.find("4KiB", "store", "get2 ratio to floor_mmap") == nullptr);
  CHECK(all.find("4KiB", "store", "put ratio to floor_pwrite")->runs == std::vector<double>{4});
}

TEST_CASE("flushed puts are compared by the time they take, waiting for the device included") {
  bench::figure_list all;
  const bench::measurements floor{{"put wall", "us/op", 100}, {"put", "us/op", 10}};
  const bench::measurements store{{"put wall", "us/op", 300}, {"put", "us/op", 20}};
  add_figures(all, {"fsync", 10, 4096, true}, field, {{floor, floor, store}});
  CHECK(all.find("fsync", "store", "put wall ratio to floor_pwrite")->value == 3);
  CHECK(all.find("fsync", "store", "put ratio to floor_pwrite")->value == 2);
}

TEST_CASE("a case of a few subjects has those and the floors, a flushed one those that flush") {
  const auto taking = [](const bench::scenario& s) {
    std::string names;
    for (const char* const name : {bench::put_floor, bench::get_floor, "larder", "sqlite", "lazy"})
      if (s.has({name, {}, name != std::string("lazy")})) names += std::string(name) + " ";
    return names;
  };
  CHECK(taking({"64B", 10, 64, false, {"larder", "lazy"}}) == "floor_pwrite floor_mmap larder lazy ");
  CHECK(taking({"4KiB", 10, 4096}) == "floor_pwrite floor_mmap larder sqlite lazy ");
  CHECK(taking({"fsync", 10, 4096, true}) == "floor_pwrite floor_mmap larder sqlite ");
}

TEST_CASE("no case stores more than 450 MB at full size") {
  for (const bench::scenario& s : bench::scenarios({})) {
    CAPTURE(s.name);
    CHECK(s.payload() > 0);
    CHECK(s.payload() <= 450'000'000);  // some peers take twice the payload
  }
}

}  // namespace
