#include <larder/dataset/window_choice.hpp>

#include "made_samples.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

#include <doctest/doctest.h>

namespace {

using made_samples::numbers_source;

larder::datasets::window_choice window_of(const numbers_source& source, const larder::stream_options& options) {
  return larder::datasets::window_of(larder::datasets::extent_of(source), options);
}

numbers_source shards_of_bytes(std::size_t shards, std::uint64_t bytes) {
  numbers_source source(std::vector<std::uint64_t>(shards, 10));
  source->shard_bytes = bytes;
  return source;
}

}  // namespace

TEST_CASE("a window is a shard, what is asked for, what its bytes hold, or all that lies in memory") {
  const numbers_source source = shards_of_bytes(50, 1000);
  CHECK(window_of(source, {}).shards == 1);
  CHECK(window_of(source, {.window = 7}).shards == 1);  // without shuffling
  CHECK(window_of(source, {.shuffle = true, .window = 7}).shards == 7);
  CHECK(window_of(source, {.shuffle = true, .window = 70}).shards == 50);
  CHECK(window_of(source, {.shuffle = true, .window_bytes = 9'999}).shards == 9);
  CHECK(window_of(source, {.shuffle = true, .window_bytes = 0}).shards == 1);
  CHECK(window_of(source, {.shuffle = true}).shards == 50);
  CHECK(window_of(shards_of_bytes(50, 0), {.shuffle = true}).shards == 50);
  CHECK(window_of(shards_of_bytes(0, 0), {.shuffle = true}).shards == 1);
}

TEST_CASE("a window's shards stay open, and those that workers still read; all where they take no memory") {
  CHECK(window_of(shards_of_bytes(50, 1000), {.workers = 3, .shuffle = true, .window = 7}).open == 12);
  CHECK(window_of(shards_of_bytes(50, 0), {.workers = 3}).open == 50);
  CHECK(window_of(shards_of_bytes(0, 0), {}).open == 1);
}

TEST_CASE("positions hold where the order is the same, whoever makes the batches") {
  const numbers_source source = shards_of_bytes(50, 1000);
  const auto order = [&](const larder::stream_options& options) { return window_of(source, options).order; };
  const std::uint64_t usual = order({.shuffle = true, .window = 7});
  CHECK(order({.batch_size = 3, .prefetch = 9, .workers = 0, .shuffle = true, .seed = 5, .window = 7, .epoch = 3, .rank = 1, .world = 2}) == usual);
  CHECK(order({.shuffle = true, .window = 8}) != usual);
  CHECK(order({.window = 7}) != usual);
  CHECK(window_of(shards_of_bytes(51, 1000), {.shuffle = true, .window = 7}).order != usual);
  numbers_source counted = shards_of_bytes(50, 1000);
  counted->counts_known = true;
  const std::uint64_t known = window_of(counted, {.shuffle = true, .window = 7}).order;
  counted->counts[3] = 11;
  CHECK(window_of(counted, {.shuffle = true, .window = 7}).order != known);
}
