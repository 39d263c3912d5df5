// Every limit under `clock`; over the five files of memory_model_*_tests.cpp each order meets each limit, each expiry and each
// locking, each limit each expiry and each locking, and each expiry each locking (all pairs, not the full product of 600).

#include <doctest/doctest.h>

#include "memory_properties.hpp"

using namespace model;

TEST_CASE("a cache in memory does as its model: clock, max_entries, after access, sharded<1>") {
  CHECK(agrees<larder::clock, by_entries, after_access, larder::sharded<1>>());
}
TEST_CASE("a cache in memory does as its model: clock, max_bytes, ttl, sharded<>") {
  CHECK(agrees<larder::clock, by_bytes, own_ttl, larder::sharded<>>());
}
TEST_CASE("a cache in memory does as its model: clock, max_entries and max_bytes, every expiry, unsynchronized") {
  CHECK(agrees<larder::clock, by_both, every_expiry, larder::unsynchronized>());
}
TEST_CASE("a cache in memory does as its model: clock, max_weight, no expiry, sharded<1>") {
  CHECK(agrees<larder::clock, by_weight, kept, larder::sharded<1>>());
}
TEST_CASE("a cache in memory does as its model: clock, all limits, after write, sharded<>") {
  CHECK(agrees<larder::clock, by_all, after_write, larder::sharded<>>());
}
TEST_CASE("a cache in memory does as its model: clock, unbounded, after access, unsynchronized") {
  CHECK(agrees<larder::clock, by_nothing, after_access, larder::unsynchronized>());
}
TEST_CASE("a cache in memory does as its model: clock, max_entries, watermark, ttl, sharded<1>") {
  CHECK(agrees<larder::clock, marked_entries, own_ttl, larder::sharded<1>>());
}
TEST_CASE("a cache in memory does as its model: clock, max_entries and max_bytes, watermark, every expiry, sharded<>") {
  CHECK(agrees<larder::clock, marked_both, every_expiry, larder::sharded<>>());
}
