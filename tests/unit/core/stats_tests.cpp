#include <larder/core/stats.hpp>

#include <doctest/doctest.h>

TEST_CASE("the hit rate is hits over demand look-ups, 0 before the first") {
  larder::cache_stats stats;
  CHECK(stats.hit_rate() == 0.0);
  stats.hits = 3;
  stats.misses = 1;
  stats.joined = 50;
  stats.insertions = 50;
  CHECK(stats.hit_rate() == doctest::Approx(0.75));
  stats.misses = 0;
  CHECK(stats.hit_rate() == 1.0);
}

TEST_CASE("the byte hit rate is the bytes of hits over those and what misses brought") {
  larder::cache_stats stats;
  CHECK(stats.byte_hit_rate() == 0.0);
  stats.hit_bytes = 300;
  stats.missed_bytes = 900;
  CHECK(stats.byte_hit_rate() == doctest::Approx(0.25));
}

TEST_CASE("errors are counted by cause") {
  larder::error_counts counts;
  CHECK(counts.total() == 0);
  ++counts[larder::error_cause::io];
  ++counts[larder::error_cause::io];
  ++counts[larder::error_cause::reentrant];
  CHECK(counts[larder::error_cause::io] == 2);
  CHECK(counts[larder::error_cause::network] == 0);
  CHECK(counts.total() == 3);
}
