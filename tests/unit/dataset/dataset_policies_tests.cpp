#include <larder/dataset/dataset_cache.hpp>
#include <larder/dataset/dataset_policies.hpp>
#include <larder/limit/max_entries.hpp>
#include <larder/storage/memory.hpp>
#include <larder/storage/mmap_disk.hpp>
#include <larder/sync/sharded.hpp>

#include "support/temporary_folder.hpp"

#include <doctest/doctest.h>

#include <cstdint>
#include <numeric>
#include <vector>

namespace {

std::vector<std::uint64_t> numbers(std::size_t n) {
  std::vector<std::uint64_t> all(n);
  std::iota(all.begin(), all.end(), std::uint64_t{0});
  return all;
}

/// Goes through all of them twice; the statistics of the second time.
template <class Cache>
larder::dataset_stats second_epoch(Cache& cache, const std::vector<std::uint64_t>& all) {
  std::uint64_t sum = 0;
  for (int epoch = 0; epoch < 2; ++epoch) {
    cache.reset_stats();
    for (const auto& batch : cache.stream(all, {.shuffle = true}))
      for (const std::uint64_t one : batch) sum += one;
  }
  CHECK(sum == 2 * std::accumulate(all.begin(), all.end(), std::uint64_t{0}));
  return cache.stats();
}

/// Half of the bytes is half of the hits.
template <class Cache>
void check_half(Cache& cache) {
  const larder::dataset_stats stats = second_epoch(cache, numbers(1000));
  CHECK(stats.weight == 4000);
  CHECK(stats.capacity == 4000);
  CHECK(stats.hits == 500);
  CHECK(stats.not_kept == 500);
  CHECK(stats.expected_hit_ratio == doctest::Approx(0.5));
}

}  // namespace

TEST_CASE("dataset_policies: max_bytes counts the bytes of samples, whatever keeps them") {
  SUBCASE("in memory") {
    larder::dataset_cache<std::uint64_t, larder::memory> cache{larder::max_bytes{4000}};
    check_half(cache);
  }
  SUBCASE("in memory, in shards") {
    larder::dataset_cache<std::uint64_t, larder::memory, larder::sharded<4>> cache{larder::max_bytes{4000}};
    check_half(cache);
  }
  SUBCASE("in memory, made by the policies' objects") {
    auto cache = larder::make_dataset_cache<std::uint64_t>(larder::max_bytes{4000}, larder::memory{}, larder::epoch_pin{});
    check_half(cache);
  }
  SUBCASE("on disk") {
    const support::temporary_folder folder;
    larder::dataset_cache<std::uint64_t> cache{larder::mmap_disk{folder.path()}, larder::max_bytes{4000}};
    check_half(cache);
  }
}

TEST_CASE("dataset_policies: a capacity that is raised lets more samples in") {
  larder::dataset_cache<std::uint64_t, larder::memory> cache{larder::max_bytes{800}};
  CHECK(second_epoch(cache, numbers(1000)).hits == 100);
  cache.set_capacity(larder::max_bytes{8000});
  const larder::dataset_stats stats = second_epoch(cache, numbers(1000));
  CHECK(stats.hits == 1000);
  CHECK(stats.weight == 8000);
}

TEST_CASE("dataset_policies: without a limit everything stays") {
  larder::dataset_cache<std::uint64_t, larder::memory> cache;
  const larder::dataset_stats stats = second_epoch(cache, numbers(1000));
  CHECK(stats.hits == 1000);
  CHECK(stats.weight == 8000);
  CHECK(stats.expected_hit_ratio == 1);
}

TEST_CASE("dataset_policies: another limit holds beside that of bytes") {
  larder::dataset_cache<std::uint64_t, larder::memory, larder::max_entries> cache{larder::max_entries{100},
                                                                                  larder::max_bytes{4000}};
  const larder::dataset_stats stats = second_epoch(cache, numbers(1000));
  CHECK(stats.weight <= 800);
  CHECK(stats.hits <= 100);
  CHECK(stats.hits >= 98);  // notes are entries, too
}

TEST_CASE("dataset_policies: processes share limits where they share a directory") {
  CHECK(larder::datasets::fill_page() == "");
  CHECK(larder::datasets::fill_page(larder::memory{}, larder::max_bytes{5}) == "");
  CHECK(larder::datasets::fill_page(larder::max_bytes{5}, larder::mmap_disk{"some/folder"}) == "some/folder/.filling");
}
