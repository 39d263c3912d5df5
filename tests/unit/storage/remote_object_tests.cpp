#include <larder/storage/remote_object.hpp>

#include <array>
#include <cstddef>
#include <span>
#include <string>

#include <doctest/doctest.h>

#include "support/refusal.hpp"
#include "support/versioned_bucket.hpp"

using larder::error_cause;
using larder::storage::remote_object;
using support::versioned_bucket;

TEST_CASE("an object is read as it was when it was found, over the connection that all share") {
  const versioned_bucket bucket;
  bucket.put("a/x", "0123456789");
  bucket.put("a/y", "other");
  const remote_object<versioned_bucket> x(bucket, "a/x");
  CHECK(x.name() == "a/x");
  CHECK(x.size() == 10);
  std::array<std::byte, 3> room{};
  x.read(4, room);
  CHECK(room[0] == std::byte{'4'});
  x.read(1000, std::span<std::byte>{});  // nothing is asked for
  CHECK(x.another("a/y").size() == 5);
  const auto y = x.find("a/y");
  REQUIRE(y);
  CHECK(y->version() == "1");
  CHECK_FALSE(x.find("a/z"));
  CHECK(bucket.to->stores == 1);
  bucket.put("a/x", "9876543210");
  CHECK(support::cause_of([&] { x.read(0, room); }) == error_cause::io);
  CHECK(x.another("a/x").version() == "2");
}

TEST_CASE("what is not there and what fails is said") {
  const versioned_bucket bucket;
  bucket.put("a", "x");
  CHECK(support::refusal_of([&] { remote_object<versioned_bucket>(bucket, "b"); }).message ==
        "larder: the storage has no object b; look at its name and at the storage's settings");
  const remote_object<versioned_bucket> a(bucket, "a");
  bucket.to->may_list = false;
  CHECK(support::cause_of([&] { (void)a.find("b"); }) == error_cause::unauthorized);
  bucket.to->broken = true;
  CHECK(support::cause_of([&] { (void)a.another("a"); }) == error_cause::network);
}
