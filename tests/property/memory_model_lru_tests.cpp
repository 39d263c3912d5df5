// Every limit under `lru`; over the five files of memory_model_*_tests.cpp each order meets each limit, each expiry and each
// locking, each limit each expiry and each locking, and each expiry each locking (all pairs, not the full product of 600).

#include <doctest/doctest.h>

#include "memory_properties.hpp"

using namespace model;

TEST_CASE("a cache in memory does as its model: lru, max_entries, no expiry, unsynchronized") {
  CHECK(agrees<larder::lru, by_entries, kept, larder::unsynchronized>());
}
TEST_CASE("a cache in memory does as its model: lru, max_bytes, after write, sharded<1>") {
  CHECK(agrees<larder::lru, by_bytes, after_write, larder::sharded<1>>());
}
TEST_CASE("a cache in memory does as its model: lru, max_entries and max_bytes, after access, sharded<>") {
  CHECK(agrees<larder::lru, by_both, after_access, larder::sharded<>>());
}
TEST_CASE("a cache in memory does as its model: lru, max_weight, ttl, unsynchronized") {
  CHECK(agrees<larder::lru, by_weight, own_ttl, larder::unsynchronized>());
}
TEST_CASE("a cache in memory does as its model: lru, all limits, every expiry, sharded<1>") {
  CHECK(agrees<larder::lru, by_all, every_expiry, larder::sharded<1>>());
}
TEST_CASE("a cache in memory does as its model: lru, unbounded, no expiry, sharded<>") {
  CHECK(agrees<larder::lru, by_nothing, kept, larder::sharded<>>());
}
TEST_CASE("a cache in memory does as its model: lru, max_entries, watermark, after write, unsynchronized") {
  CHECK(agrees<larder::lru, marked_entries, after_write, larder::unsynchronized>());
}
TEST_CASE("a cache in memory does as its model: lru, max_entries and max_bytes, watermark, after access, sharded<1>") {
  CHECK(agrees<larder::lru, marked_both, after_access, larder::sharded<1>>());
}
