#include "table.hpp"

#include <doctest/doctest.h>

namespace {

TEST_CASE("a table has a line for each subject, ratios beside what they are of, and nothing of other cases") {
  bench::figure_list all;
  all.add({"4KiB", "floor", "put", "us/op", 3, {3, 3, 3}});
  all.add({"4KiB", "store", "put", "us/op", 4.5, {4, 4.5, 6}});
  all.add({"4KiB", "store", bench::ratio_metric("put", "floor"), "x", 1.5, {1.33, 1.5, 2}});
  all.add({"4KiB", "store", "disk amplification", "1", 1.047, {1.047}});
  all.add({"64KiB", "other", "put", "us/op", 99, {99}});
  CHECK(bench::table_of(all, "4KiB", {{"put", "floor"}, {"nobody has it", ""}, {"disk amplification", "", 3}}) ==
        "                    put, us/op   disk amplification\n"
        "floor   3.00\n"
        "store   4.50 1.50x (1.33-2.00)                1.047\n");
}

TEST_CASE("a ratio of one round has no spread") {
  bench::figure_list all;
  all.add({"fsync", "store", "put wall", "us/op", 100, {100}});
  all.add({"fsync", "store", bench::ratio_metric("put wall", "floor"), "x", 2, {2}});
  CHECK(bench::table_of(all, "fsync", {{"put wall", "floor", 0}}) ==
        "        put wall, us/op\n"
        "store         100 2.00x\n");
}

}  // namespace
