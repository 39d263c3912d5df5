// Every limit under `mru`; over the five files of memory_model_*_tests.cpp each order meets each limit, each expiry and each
// locking, each limit each expiry and each locking, and each expiry each locking (all pairs, not the full product of 600).

#include <doctest/doctest.h>

#include "memory_properties.hpp"

using namespace model;

TEST_CASE("a cache in memory does as its model: mru, max_entries, every expiry, sharded<>") {
  CHECK(agrees<mru, by_entries, every_expiry, larder::sharded<>>());
}
TEST_CASE("a cache in memory does as its model: mru, max_bytes, no expiry, unsynchronized") {
  CHECK(agrees<mru, by_bytes, kept, larder::unsynchronized>());
}
TEST_CASE("a cache in memory does as its model: mru, max_entries and max_bytes, after write, sharded<1>") {
  CHECK(agrees<mru, by_both, after_write, larder::sharded<1>>());
}
TEST_CASE("a cache in memory does as its model: mru, max_weight, after access, sharded<>") {
  CHECK(agrees<mru, by_weight, after_access, larder::sharded<>>());
}
TEST_CASE("a cache in memory does as its model: mru, all limits, ttl, unsynchronized") {
  CHECK(agrees<mru, by_all, own_ttl, larder::unsynchronized>());
}
TEST_CASE("a cache in memory does as its model: mru, unbounded, every expiry, sharded<1>") {
  CHECK(agrees<mru, by_nothing, every_expiry, larder::sharded<1>>());
}
TEST_CASE("a cache in memory does as its model: mru, max_entries, watermark, no expiry, sharded<>") {
  CHECK(agrees<mru, marked_entries, kept, larder::sharded<>>());
}
TEST_CASE("a cache in memory does as its model: mru, max_entries and max_bytes, watermark, after write, unsynchronized") {
  CHECK(agrees<mru, marked_both, after_write, larder::unsynchronized>());
}
