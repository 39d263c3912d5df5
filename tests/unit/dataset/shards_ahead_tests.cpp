#include <larder/dataset/shards_ahead.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <set>
#include <vector>

#include <doctest/doctest.h>

namespace {

using larder::datasets::epoch_order;
using larder::datasets::shards_ahead;

struct hinted_source {
  std::uint64_t each = 1 << 20;
  std::vector<std::size_t>* hints;
  std::uint64_t shard_bytes(std::size_t) const { return each; }
  void read_ahead(std::size_t shard) const { hints->push_back(shard); }
};

}  // namespace

TEST_CASE("a shard that is opened lets those be read that follow, some megabytes far") {
  std::vector<std::size_t> hints;
  const hinted_source source{1 << 20, &hints};
  const epoch_order order({.window = 1}, 0, 100);
  shards_ahead ahead;
  for (std::size_t shard = 0; shard < 100; ++shard) {
    ahead.expect(source, order, shard);
    ahead.begin(source, shard);
    if (shard == 0) CHECK(hints == std::vector<std::size_t>{1, 2, 3, 4, 5, 6, 7, 8});
    CHECK(hints.size() == std::min<std::size_t>(shard + 8, 99));
  }
  CHECK(std::set<std::size_t>(hints.begin(), hints.end()).size() == 99);  // each once
}

TEST_CASE("of shuffled windows the rest and the next one are read ahead, in the order of the epoch") {
  std::vector<std::size_t> hints;
  const hinted_source source{1, &hints};
  const epoch_order order({.seed = 5, .shuffle = true, .window = 10}, 3, 35);
  shards_ahead ahead;
  ahead.expect(source, order, 1);  // a stream that was resumed there
  ahead.begin(source, order.shard(1, 4));
  std::vector<std::size_t> expected;
  for (std::size_t w = 1; w < 4; ++w)  // all that follow are small
    for (std::size_t i = 0; i < order.shards_in(w); ++i)
      if (w != 1 || i != 4) expected.push_back(order.shard(w, i));
  CHECK(hints == expected);
}

TEST_CASE("nothing is read ahead of what is not opened, and a new epoch begins anew") {
  std::vector<std::size_t> hints;
  const hinted_source source{1 << 30, &hints};
  const epoch_order order({.window = 1}, 0, 3);
  shards_ahead ahead;
  ahead.expect(source, order, 0);
  ahead.expect(source, order, 1);
  CHECK(hints.empty());
  ahead.begin(source, 1);
  ahead.begin(source, 1);
  CHECK(hints == std::vector<std::size_t>{2});
  ahead.expect(source, order, 0);
  ahead.begin(source, 0);
  CHECK(hints == std::vector<std::size_t>{2, 1});
}
