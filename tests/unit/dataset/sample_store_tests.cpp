#include <larder/dataset/sample_store.hpp>

#include <larder/core/bytes.hpp>
#include <larder/dataset/dataset_cache.hpp>
#include <larder/limit/max_bytes.hpp>
#include <larder/storage/memory.hpp>
#include <larder/storage/mmap_disk.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <latch>
#include <iterator>
#include <memory>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "made_samples.hpp"

using larder::bytes;
using larder::max_bytes;
using namespace made_samples;

TEST_CASE_TEMPLATE("half of the data in the cache is half of the hits of each later epoch", Storage, larder::memory, larder::mmap_disk) {
  constexpr std::size_t size = 200;
  for (const bool shuffle : {false, true})
    for (const bool counts_known : {false, true})
      for (const std::size_t workers : {std::size_t{0}, std::size_t{3}}) {
        const numbers_source source(std::vector<std::uint64_t>(10, 20));
        source->counts_known = counts_known;
        cache_on<bytes, Storage> cache(max_bytes{100 * size});
        auto stream = cache->stream(source, made_by<bytes>("v1", [](std::uint64_t i) { return sized_sample(i, size); }),
                                    {.batch_size = 20, .workers = workers, .shuffle = shuffle, .window = 2, .epochs = 5});
        std::uint64_t hits = 0;
        std::uint64_t epoch = 0;
        for (const auto& batch : stream) {
          CHECK(cache->weight() <= 100 * size);
          if (batch.epoch() == epoch) continue;
          epoch = batch.epoch();
        }
        hits = stream.stats().hits;
        CHECK(hits == 4 * 100);
        CHECK(stream.stats().made == 200 + 4 * 100);
        CHECK(stream.stats().not_kept == 5 * 100);
        CHECK(cache->weight() == 100 * size);
        CHECK(cache->stats().entries == 100);
        CHECK(cache->stats().expected_hit_ratio == 0.5);
        if constexpr (std::is_same_v<Storage, larder::mmap_disk>) {  // by another process, which knows of no notes
          cache.reopen(max_bytes{100 * size});
          auto again = cache->stream(source, made_by<bytes>("v1", [](std::uint64_t i) { return sized_sample(i, size); }), {.shuffle = shuffle, .window = 2});
          (void)drain<bytes>(again);
          CHECK(again.stats().hits == 100);
          CHECK(cache->weight() == 100 * size);
        }
      }
}

TEST_CASE_TEMPLATE("streams in threads stay below the capacity together", Storage, larder::memory, larder::mmap_disk) {
  cache_on<bytes, Storage> cache(max_bytes{10'000});
  const numbers_source source(std::vector<std::uint64_t>(20, 20));
  const auto sized = [](std::uint64_t i) { return sized_sample(i, 10 + i % 90); };
  std::atomic<bool> over{false};
  std::latch start(4);
  std::vector<std::jthread> threads;
  for (std::uint64_t t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      start.arrive_and_wait();
      for (const auto& batch : cache->stream(source, made_by<bytes>("v1", sized), {.batch_size = 8, .workers = 2, .shuffle = true, .seed = t, .epochs = 2})) {
        if (cache->weight() > 10'000) over = true;
        (void)batch;
      }
    });
  threads.clear();
  CHECK(!over);
  CHECK(cache->weight() <= 10'000);
  CHECK(cache->weight() > 9'900);
}

TEST_CASE_TEMPLATE("a sample larger than the capacity is handed out and not kept", Storage, larder::memory, larder::mmap_disk) {
  cache_on<bytes, Storage> cache(max_bytes{100});
  const numbers_source source({10});
  const auto sized = [](std::uint64_t i) { return sized_sample(i, i % 2 == 0 ? 1000 : 10); };
  for (int pass = 0; pass < 2; ++pass) {
    auto stream = cache->stream(source, made_by<bytes>("v1", sized));
    const auto got = drain<bytes>(stream).samples();
    for (std::uint64_t i = 0; i < 10; ++i) CHECK(got[i] == sized(i));
    CHECK(stream.stats().not_kept == 5);
    CHECK(stream.stats().hits == (pass == 0 ? 0U : 5U));
  }
  CHECK(cache->weight() == 50);
  cache->set_capacity(max_bytes{20});  // evicts nothing
  CHECK(cache->weight() == 50);
  CHECK(cache->capacity() == 20);
}

TEST_CASE_TEMPLATE("a quota is of the data set, over all its streams", Storage, larder::memory, larder::mmap_disk) {
  cache_on<bytes, Storage> cache;
  const numbers_source source({50, 50});
  const auto sized = [](std::uint64_t i) { return sized_sample(i, 10); };
  for (std::uint64_t pass = 0; pass < 6; ++pass) {
    auto stream = cache->stream(source, made_by<bytes>("v1", sized), {.workers = pass % 3, .shuffle = true, .seed = pass, .quota = 300});
    (void)drain<bytes>(stream);
    CHECK(cache->weight() == 300);
    CHECK(stream.stats().hits == (pass == 0 ? 0U : 30U));
    if (std::is_same_v<Storage, larder::mmap_disk> && pass == 3) cache.reopen();
  }
  (void)drain<bytes>(cache->stream(source, made_by<bytes>("v1", sized), {.quota = 500}));  // may have more from now on
  CHECK(cache->weight() == 500);
  (void)drain<bytes>(cache->stream(source, made_by<bytes>("v2", sized), {.quota = 100}));  // another data set
  CHECK(cache->weight() == 600);
  cache->clear();
  (void)drain<bytes>(cache->stream(source, made_by<bytes>("v1", sized), {.quota = 300}));
  CHECK(cache->weight() == 300);
}

TEST_CASE_TEMPLATE("what was put before there was a quota, or beside it, counts", Storage, larder::memory, larder::mmap_disk) {
  cache_on<bytes, Storage> cache;
  const numbers_source source({50, 50}), part({50});
  const auto sized = [](std::uint64_t i) { return sized_sample(i, 10); };
  (void)drain<bytes>(cache->stream(part, made_by<bytes>("v1", sized)));  // the first shard of the other, too
  REQUIRE(cache->weight() == 500);
  auto stream = cache->stream(source, made_by<bytes>("v1", sized), {.quota = 600});
  (void)drain<bytes>(stream);
  CHECK(stream.stats().hits == 50);
  CHECK(cache->weight() == 600);
  cache->erase_samples(part, "v1");
  CHECK(cache->weight() == 100);
  (void)drain<bytes>(cache->stream(source, made_by<bytes>("v1", sized), {.quota = 300}));
  CHECK(cache->weight() == 300);
  (void)drain<bytes>(cache->stream(part, made_by<bytes>("v1", sized)));  // is not bound, and counts
  const std::uint64_t now = cache->weight();
  CHECK(now >= 500);
  (void)drain<bytes>(cache->stream(source, made_by<bytes>("v1", sized), {.quota = now + 10}));
  CHECK(cache->weight() == now + 10);
}

TEST_CASE_TEMPLATE("what is known of found samples takes no more memory than there are samples", Storage, larder::memory, larder::mmap_disk) {
  constexpr std::size_t size = 100;
  cache_on<bytes, Storage> cache(max_bytes{200 * size});
  const auto sized = [](std::uint64_t i) { return sized_sample(i, size); };
  for (std::uint64_t round = 0; round < 30; ++round) {  // of a source that is another one each time
    const numbers_source source(std::vector<std::uint64_t>(20, 7));
    source->content = round;
    for (int epoch = 0; epoch < 2; ++epoch) (void)drain<bytes>(cache->stream(source, made_by<bytes>("v1", sized)));
    CHECK(cache->stats().found_memory <= cache->stats().entries * (32 + 8) * 7);  // a table at most for each sample that is there
  }
  REQUIRE(cache->weight() == 200 * size);
  const numbers_source first(std::vector<std::uint64_t>(20, 7));
  first->content = 0;
  auto again = cache->stream(first, made_by<bytes>("v1", sized));
  auto begun = again.begin();
  REQUIRE(cache->stats().found_memory >= 140 * 32);
  cache->trim();  // what the stream uses stays
  const std::uint64_t used = cache->stats().found_memory;
  CHECK(used > 0);
  CHECK(used <= 20 * (8 + 7 * 32));
  while (begun != std::default_sentinel) ++begun;
  CHECK(again.stats().hits == 140);
  cache->erase_samples(first, "v1");
  cache->trim();
  { auto gone = std::move(again); }
  cache->trim();
  CHECK(cache->stats().found_memory == 0);
}
