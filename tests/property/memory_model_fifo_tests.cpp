// Every limit under `fifo`; over the five files of memory_model_*_tests.cpp each order meets each limit, each expiry and each
// locking, each limit each expiry and each locking, and each expiry each locking (all pairs, not the full product of 600).

#include <doctest/doctest.h>

#include "memory_properties.hpp"

using namespace model;

TEST_CASE("a cache in memory does as its model: fifo, max_entries, after write, sharded<>") {
  CHECK(agrees<larder::fifo, by_entries, after_write, larder::sharded<>>());
}
TEST_CASE("a cache in memory does as its model: fifo, max_bytes, after access, unsynchronized") {
  CHECK(agrees<larder::fifo, by_bytes, after_access, larder::unsynchronized>());
}
TEST_CASE("a cache in memory does as its model: fifo, max_entries and max_bytes, ttl, sharded<1>") {
  CHECK(agrees<larder::fifo, by_both, own_ttl, larder::sharded<1>>());
}
TEST_CASE("a cache in memory does as its model: fifo, max_weight, every expiry, sharded<>") {
  CHECK(agrees<larder::fifo, by_weight, every_expiry, larder::sharded<>>());
}
TEST_CASE("a cache in memory does as its model: fifo, all limits, no expiry, unsynchronized") {
  CHECK(agrees<larder::fifo, by_all, kept, larder::unsynchronized>());
}
TEST_CASE("a cache in memory does as its model: fifo, unbounded, after write, sharded<1>") {
  CHECK(agrees<larder::fifo, by_nothing, after_write, larder::sharded<1>>());
}
TEST_CASE("a cache in memory does as its model: fifo, max_entries, watermark, after access, sharded<>") {
  CHECK(agrees<larder::fifo, marked_entries, after_access, larder::sharded<>>());
}
TEST_CASE("a cache in memory does as its model: fifo, max_entries and max_bytes, watermark, ttl, unsynchronized") {
  CHECK(agrees<larder::fifo, marked_both, own_ttl, larder::unsynchronized>());
}
