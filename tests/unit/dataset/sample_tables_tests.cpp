#include <larder/dataset/sample_tables.hpp>

#include <larder/core/bytes.hpp>
#include <larder/dataset/sample_key.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include <doctest/doctest.h>

using larder::bytes;
using larder::datasets::sample_table;
using larder::datasets::sample_tables;
using larder::datasets::shard_key;

namespace {

shard_key key_of(std::uint64_t n) { return shard_key::of(n, {n, 0}); }
constexpr std::uint64_t slot = 32;
constexpr std::uint64_t place = 8;

}  // namespace

TEST_CASE("a shard has one table, for whoever asks") {
  sample_tables tables;
  CHECK(tables.find(key_of(1)) == nullptr);
  const auto made = tables.find_or_make(key_of(1), 10);
  CHECK(tables.find_or_make(key_of(1), 99) == made);
  CHECK(tables.find(key_of(1)) == made);
  CHECK(made->size() == 10);
  CHECK(tables.size() == 1);
  tables.erase({std::string(key_of(1).view()), std::string(key_of(2).view())});
  CHECK(tables.find(key_of(1)) == nullptr);
  CHECK(tables.find_or_make(key_of(1), 10) != made);
  tables.clear();
  CHECK(tables.size() == 0);
}

TEST_CASE("tables take memory for what was found, and for no more samples than the shard has") {
  sample_tables tables;
  auto small = tables.find_or_make(key_of(1), 10);
  auto large = tables.find_or_make(key_of(2), 1'000'000);
  CHECK(tables.memory() == 0);
  CHECK(small->empty());
  small->keep(3, bytes::copy_of("x"));
  CHECK(!small->empty());
  const std::uint64_t of_small = place + 10 * slot;
  CHECK(tables.memory() == of_small);
  large->keep(999'999, bytes::copy_of("y"));  // the last block of 1024 has 576
  CHECK(tables.memory() == of_small + 977 * place + 576 * slot);
  large->keep(0, bytes::copy_of("z"));
  CHECK(tables.memory() == of_small + 977 * place + (576 + 1024) * slot);
  tables.erase({std::string(key_of(2).view())});
  CHECK(tables.memory() > of_small);  // somebody holds it
  large.reset();
  CHECK(tables.memory() == of_small);
  small.reset();
  CHECK(tables.memory() == of_small);  // for the next stream
  tables.clear();
  CHECK(tables.memory() == 0);
}

TEST_CASE("tables of shards in which nothing was found do not pile up") {
  sample_tables tables;
  const auto used = tables.find_or_make(key_of(0), 1);
  tables.find_or_make(key_of(1), 1)->keep(0, bytes::copy_of("x"));
  std::size_t most = 0;
  for (std::uint64_t n = 2; n < 10'000; ++n) {
    (void)tables.find_or_make(key_of(n), 5);
    most = std::max(most, tables.size());
  }
  CHECK(most <= 257);
  CHECK(tables.find(key_of(0)) == used);
  CHECK(tables.find(key_of(1)) != nullptr);
  CHECK(tables.find(key_of(1))->find(0) != nullptr);
}

TEST_CASE("trimming gives back what nobody holds") {
  sample_tables tables;
  auto held = tables.find_or_make(key_of(1), 1);
  held->keep(0, bytes::copy_of("x"));
  tables.find_or_make(key_of(2), 1)->keep(0, bytes::copy_of("y"));
  const std::uint64_t both = tables.memory();
  tables.trim();
  CHECK(tables.memory() == both / 2);
  CHECK(tables.find(key_of(1)) == held);
  CHECK(tables.find(key_of(2)) == nullptr);
  held.reset();
  tables.trim();
  CHECK(tables.memory() == 0);
}
