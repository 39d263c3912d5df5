#include <larder/dataset/dataset_cache.hpp>

#include <larder/core/bytes.hpp>
#include <larder/limit/max_bytes.hpp>
#include <larder/storage/memory.hpp>
#include <larder/storage/mmap_disk.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <latch>
#include <optional>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

#include <doctest/doctest.h>

#include "made_samples.hpp"
#include "support/refusal.hpp"

using larder::batch_mode;
using larder::bytes;
using larder::error_cause;
using larder::not_cached;
using larder::preprocess;
using larder::stream_options;
using support::cause_of;
using namespace made_samples;

namespace {

numbers_source uneven() { return numbers_source({0, 7, 1, 0, 30, 2, 2, 0, 19, 5, 0}); }

template <class Sample>
std::vector<Sample> samples_in_order(std::uint64_t n) {
  std::vector<Sample> all;
  for (std::uint64_t i = 0; i < n; ++i) all.push_back(sample_of<Sample>(i));
  return all;
}

}  // namespace

TEST_CASE_TEMPLATE("a hundred samples in batches of 32, made once", K, kind<bytes, larder::memory>, kind<bytes, larder::mmap_disk>, kind<std::string, larder::mmap_disk>, kind<plain, larder::memory>, kind<std::vector<float>, larder::mmap_disk>) {
  using sample = typename K::sample;
  typename K::cache cache;
  const numbers_source numbers({100});
  const counting<sample> f(100);
  for (int pass = 0; pass < 4; ++pass) {
    auto stream = cache->stream(numbers, made_by<sample>("v1", f));
    const auto got = drain<sample>(stream);
    CHECK(got.sizes() == std::vector<std::size_t>{32, 32, 32, 4});
    CHECK(got.samples() == samples_in_order<sample>(100));
    CHECK(f.each(1));
    const auto stats = stream.stats();
    CHECK(stats.samples == 100);
    CHECK(stats.hits == (pass == 0 ? 0U : 100U));
    CHECK(stats.made == (pass == 0 ? 100U : 0U));
    CHECK(stats.joined + stats.not_kept + stats.failed_puts == 0);
    CHECK(stats.batches == 4);
    CHECK(stats.bytes_out == cache->weight());
  }
  CHECK(cache->stats().entries == 100);
  CHECK(cache->stats().batches == 16);
  (void)drain<sample>(cache->stream(numbers, made_by<sample>("v2", f)));
  CHECK(f.each(2));
  (void)drain<sample>(cache->stream(numbers, made_by<sample>("v2", f)));
  CHECK(f.each(2));
  cache->clear();
  CHECK(cache->weight() == 0);
  CHECK(cache->stats().entries == 0);
  CHECK(drain<sample>(cache->stream(numbers, made_by<sample>("v2", f))).samples() == samples_in_order<sample>(100));
  CHECK(f.each(3));
}

TEST_CASE_TEMPLATE("no samples: no batch, no error", K, kind<bytes, larder::memory>, kind<bytes, larder::mmap_disk>, kind<std::string, larder::mmap_disk>, kind<plain, larder::memory>, kind<std::vector<float>, larder::mmap_disk>) {
  using sample = typename K::sample;
  typename K::cache cache;
  const counting<sample> f(1);
  CHECK(drain<sample>(cache->stream(numbers_source({0}), made_by<sample>("v1", f), {.epochs = 5})).batches.empty());
  CHECK(drain<sample>(cache->stream(numbers_source({}), made_by<sample>("v1", f), {.shuffle = true})).batches.empty());
  CHECK(drain<sample>(cache->stream(numbers_source({0, 0}), made_by<sample>("v1", f), {.shuffle = true, .epochs = ~std::uint64_t{0}})).batches.empty());
  CHECK(cache->stats().batches == 0);
}

TEST_CASE_TEMPLATE("the same batches whatever makes them", K, kind<bytes, larder::memory>, kind<bytes, larder::mmap_disk>, kind<std::string, larder::mmap_disk>, kind<plain, larder::memory>, kind<std::vector<float>, larder::mmap_disk>) {
  using sample = typename K::sample;
  std::optional<received<sample>> expected;
  for (const std::size_t prefetch : {std::size_t{0}, std::size_t{1}, std::size_t{7}})
    for (const std::size_t workers : {std::size_t{0}, std::size_t{1}, std::size_t{2}, std::size_t{5}})
      for (const std::uint64_t ahead : {std::uint64_t{0}, std::uint64_t{1}, ~std::uint64_t{0}}) {
        typename K::cache cache;
        const numbers_source source = uneven();
        const counting<sample> f(source.total());
        const stream_options options{.batch_size = 4, .prefetch = prefetch, .workers = workers, .shuffle = true, .seed = 3, .window = 3, .epochs = 3, .bytes_ahead = ahead};
        const auto got = drain<sample>(cache->stream(source, made_by<sample>("v1", f), options));
        if (!expected) expected = got;
        CHECK(got == *expected);
        CHECK(f.each(1));
        CHECK(cache->stats().hits + cache->stats().joined == 2 * source.total());  // the next epoch may begin while a sample is made
        CHECK(got.batches.size() == 3 * ((source.total() + 3) / 4));
        const auto all = samples_in_order<sample>(source.total());
        const auto samples = got.samples();
        for (std::size_t epoch = 0; epoch < 3; ++epoch) {
          const auto first = samples.begin() + static_cast<std::ptrdiff_t>(epoch * source.total());
          CHECK(std::is_permutation(first, first + static_cast<std::ptrdiff_t>(source.total()), all.begin()));
        }
      }
}

TEST_CASE_TEMPLATE("a stream resumes behind each of its batches, with other workers and in a new process", K, kind<bytes, larder::memory>, kind<bytes, larder::mmap_disk>, kind<std::string, larder::mmap_disk>, kind<plain, larder::memory>, kind<std::vector<float>, larder::mmap_disk>) {
  using sample = typename K::sample;
  typename K::cache cache;
  const numbers_source source = uneven();
  const counting<sample> f(source.total());
  stream_options options{.batch_size = 5, .workers = 2, .shuffle = true, .seed = 9, .window = 2, .epochs = 2};
  const auto whole = drain<sample>(cache->stream(source, made_by<sample>("v1", f), options));
  for (std::size_t stop = 0; stop < whole.batches.size(); ++stop) {
    options.workers = stop % 4;
    options.prefetch = stop % 3;
    options.from = whole.positions[stop];
    if (stop % 10 == 0) cache.reopen();
    const auto rest = drain<sample>(cache->stream(source, made_by<sample>("v1", f), options));
    REQUIRE(rest.batches.size() == whole.batches.size() - stop - 1);
    CHECK(std::equal(rest.batches.begin(), rest.batches.end(), whole.batches.begin() + static_cast<std::ptrdiff_t>(stop) + 1));
  }
}

TEST_CASE("a position of other data, another seed, order or window is refused") {
  cache_on<std::string, larder::memory> cache;
  const numbers_source source({3, 4, 5, 6});
  const counting<std::string> f(100);
  const stream_options options{.batch_size = 2, .shuffle = true, .seed = 1, .window = 2};
  const auto at = drain<std::string>(cache->stream(source, made_by<std::string>("v1", f), options)).positions.at(2);
  const auto resumed = [&](const auto& from, auto&& change) {
    stream_options other = options;
    other.from = at;
    change(other);
    return cause_of([&] { (void)cache->stream(from, made_by<std::string>("v1", f), other); });
  };
  CHECK(!resumed(source, [](auto&) {}));
  CHECK(!resumed(source, [](auto& o) { o.batch_size = 3; o.world = 2; o.rank = 1; o.workers = 0; o.drop_last = true; }));
  CHECK(resumed(source, [](auto& o) { o.seed = 2; }) == error_cause::invalid_argument);
  CHECK(resumed(source, [](auto& o) { o.shuffle = false; }) == error_cause::invalid_argument);
  CHECK(resumed(source, [](auto& o) { o.window = 3; }) == error_cause::invalid_argument);
  CHECK(resumed(numbers_source({3, 4, 5}), [](auto&) {}) == error_cause::invalid_argument);
  numbers_source other_size({3, 4, 5, 7});
  CHECK(!resumed(other_size, [](auto&) {}));  // cannot be known before its shards are open
  other_size->counts_known = true;
  CHECK(resumed(other_size, [](auto&) {}) == error_cause::invalid_argument);
}

TEST_CASE("options that make no sense are refused") {
  cache_on<std::string, larder::memory> cache;
  const std::vector<std::string> words{"a", "b"};
  const auto refused = [&](const stream_options& o) { return cause_of([&] { (void)cache->stream(words, o); }) == error_cause::invalid_argument; };
  CHECK(!refused({}));
  CHECK(refused({.batch_size = 0}));
  CHECK(refused({.batch_size = ~std::size_t{0}}));
  CHECK(refused({.prefetch = ~std::size_t{0}}));
  CHECK(refused({.workers = 5000}));
  CHECK(refused({.epochs = 0}));
  CHECK(refused({.epoch = ~std::uint64_t{0}, .epochs = 2}));
  CHECK(refused({.rank = 1, .world = 1}));
  CHECK(refused({.world = 0}));
  CHECK(refused({.rank = 5, .world = ~std::size_t{0}}));
  CHECK(refused({.mode = batch_mode::view}));  // samples that are no bytes
}

TEST_CASE_TEMPLATE("streams of the same data at once make each sample once", Storage, larder::memory, larder::mmap_disk) {
  cache_on<std::string, Storage> cache;
  const numbers_source source(std::vector<std::uint64_t>(10, 30));
  const counting<std::string> f(source.total());
  const auto expected = samples_in_order<std::string>(source.total());
  std::latch start(3);
  std::vector<received<std::string>> got(3);
  {
    std::vector<std::jthread> threads;
    for (std::size_t t = 0; t < 3; ++t)
      threads.emplace_back([&, t] {
        start.arrive_and_wait();
        got[t] = drain<std::string>(cache->stream(source, made_by<std::string>("v1", f), {.batch_size = 8, .workers = t, .shuffle = t != 0, .seed = t, .epochs = 2}));
      });
  }
  CHECK(f.each(1));
  for (const auto& one : got) {
    const auto samples = one.samples();
    REQUIRE(samples.size() == 600);
    CHECK(std::is_permutation(samples.begin(), samples.begin() + 300, expected.begin()));
  }
  const auto stats = cache->stats();
  CHECK(stats.made == 300);
  CHECK(stats.hits + stats.joined + stats.made == 6 * 300);
}

TEST_CASE_TEMPLATE("views outlive batch, stream, cache and directory", Storage, larder::memory, larder::mmap_disk) {
  std::vector<bytes> kept;
  {
    cache_on<bytes, Storage> cache;
    const numbers_source source({40, 40});
    for (int pass = 0; pass < 3; ++pass)
      for (const auto& batch : cache->stream(source, made_by<bytes>("v1", sample_of<bytes>), {.batch_size = 7, .mode = batch_mode::view})) {
        CHECK(batch.buffer().empty());
        kept.insert(kept.end(), batch.begin(), batch.end());
      }
  }
  REQUIRE(kept.size() == 240);
  for (std::size_t i = 0; i < kept.size(); ++i) CHECK(kept[i] == sample_of<bytes>(i % 80));
}

TEST_CASE_TEMPLATE("copied batches lie in one buffer", Storage, larder::memory, larder::mmap_disk) {
  cache_on<bytes, Storage> cache(larder::max_bytes{2000});
  const numbers_source source({40, 40});
  for (int pass = 0; pass < 3; ++pass) {
    std::uint64_t number = 0;
    for (const auto& batch : cache->stream(source, made_by<bytes>("v1", sample_of<bytes>), {.batch_size = 7, .mode = batch_mode::copy})) {
      std::string all;
      const std::byte* at = batch.buffer().data();
      for (const bytes& sample : batch) {
        CHECK(sample == sample_of<bytes>(number++));
        CHECK(sample.data() == at);
        at += sample.size();
      }
      CHECK(at == batch.buffer().data() + batch.buffer().size());
    }
    CHECK(number == 80);
  }
}

TEST_CASE_TEMPLATE("augmentation runs anew, with the same numbers for the same sample and epoch", K, kind<bytes, larder::memory>, kind<bytes, larder::mmap_disk>, kind<std::string, larder::mmap_disk>, kind<plain, larder::memory>, kind<std::vector<float>, larder::mmap_disk>) {
  using sample = typename K::sample;
  typename K::cache cache;
  const numbers_source source({9, 0, 14});
  const counting<sample> f(source.total());
  std::atomic<int> calls{0};
  const std::function<sample(sample, larder::sample_random&)> augment = [&](sample, larder::sample_random& random) {
    ++calls;
    return sample_of<sample>(random() % 1'000'000);
  };
  stream_options options{.batch_size = 4, .workers = 0, .shuffle = true, .seed = 5, .window = 2, .epochs = 3};
  const auto whole = drain<sample>(cache->stream(source, made_by<sample>("v1", f), not_cached{augment}, options));
  CHECK(calls == 3 * 23);
  CHECK(f.each(1));
  const auto samples = whole.samples();
  for (std::size_t i = 0; i < samples.size(); ++i)
    for (std::size_t k = 0; k < i; ++k) CHECK(!(samples[i] == samples[k]));  // of another sample or epoch
  for (std::size_t i = 0; i < whole.batches.size(); i += 2) {
    options.from = whole.positions[i];
    options.workers = i % 4;
    const auto rest = drain<sample>(cache->stream(source, made_by<sample>("v1", f), not_cached{augment}, options));
    CHECK(rest.batches == std::vector(whole.batches.begin() + static_cast<std::ptrdiff_t>(i) + 1, whole.batches.end()));
  }
  const auto unaugmented = drain<sample>(cache->stream(source, made_by<sample>("v1", f)));
  CHECK(unaugmented.samples() == samples_in_order<sample>(23));
}
