#include <larder/dataset/source_extent.hpp>

#include "made_samples.hpp"

#include <vector>

#include <doctest/doctest.h>

using larder::datasets::extent_of;
using made_samples::numbers_source;

TEST_CASE("a source is as large as its shards say") {
  numbers_source source(std::vector<std::uint64_t>{3, 0, 7});
  source->counts_known = true;
  source->shard_bytes = 50;
  const auto known = extent_of(source);
  CHECK(known.shards == 3);
  CHECK(known.bytes == 150);
  CHECK(known.samples() == 10);
  CHECK(known.bytes_uncounted == 0);
  source->counts_known = false;
  const auto unknown = extent_of(source);
  CHECK_FALSE(unknown.samples());
  CHECK(unknown.counted == 0);
  CHECK(unknown.bytes_uncounted == 150);
  CHECK(unknown.counts != known.counts);
  CHECK(extent_of(numbers_source(std::vector<std::uint64_t>{})).samples() == 0);
}
