// Every limit under `largest_first`; over the five files of memory_model_*_tests.cpp each order meets each limit, each expiry and each
// locking, each limit each expiry and each locking, and each expiry each locking (all pairs, not the full product of 600).

#include <doctest/doctest.h>

#include "memory_properties.hpp"

using namespace model;

TEST_CASE("a cache in memory does as its model: largest_first, max_entries, ttl, unsynchronized") {
  CHECK(agrees<larder::largest_first, by_entries, own_ttl, larder::unsynchronized>());
}
TEST_CASE("a cache in memory does as its model: largest_first, max_bytes, every expiry, sharded<1>") {
  CHECK(agrees<larder::largest_first, by_bytes, every_expiry, larder::sharded<1>>());
}
TEST_CASE("a cache in memory does as its model: largest_first, max_entries and max_bytes, no expiry, sharded<>") {
  CHECK(agrees<larder::largest_first, by_both, kept, larder::sharded<>>());
}
TEST_CASE("a cache in memory does as its model: largest_first, max_weight, after write, unsynchronized") {
  CHECK(agrees<larder::largest_first, by_weight, after_write, larder::unsynchronized>());
}
TEST_CASE("a cache in memory does as its model: largest_first, all limits, after access, sharded<1>") {
  CHECK(agrees<larder::largest_first, by_all, after_access, larder::sharded<1>>());
}
TEST_CASE("a cache in memory does as its model: largest_first, unbounded, ttl, sharded<>") {
  CHECK(agrees<larder::largest_first, by_nothing, own_ttl, larder::sharded<>>());
}
TEST_CASE("a cache in memory does as its model: largest_first, max_entries, watermark, every expiry, unsynchronized") {
  CHECK(agrees<larder::largest_first, marked_entries, every_expiry, larder::unsynchronized>());
}
TEST_CASE("a cache in memory does as its model: largest_first, max_entries and max_bytes, watermark, no expiry, sharded<1>") {
  CHECK(agrees<larder::largest_first, marked_both, kept, larder::sharded<1>>());
}
