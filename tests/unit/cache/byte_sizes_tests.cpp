// One cache for values of 10 bytes and of 1 GB. The values are views of one mapping that nobody touches, so that no memory is
// needed for them.

#include <larder/cache.hpp>
#include <larder/core/bytes.hpp>
#include <larder/eviction/adaptive.hpp>
#include <larder/eviction/arc.hpp>
#include <larder/eviction/clock.hpp>
#include <larder/eviction/fifo.hpp>
#include <larder/eviction/largest_first.hpp>
#include <larder/eviction/lfu.hpp>
#include <larder/eviction/lirs.hpp>
#include <larder/eviction/lru.hpp>
#include <larder/eviction/s3_fifo.hpp>
#include <larder/eviction/sieve.hpp>
#include <larder/eviction/w_tinylfu.hpp>

#include <doctest/doctest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <stdexcept>

#include <sys/mman.h>

namespace {

using larder::bytes;

constexpr std::uint64_t kilobyte = 1000;
constexpr std::uint64_t megabyte = 1000 * kilobyte;
constexpr std::uint64_t gigabyte = 1000 * megabyte;

/// A view of so many bytes of address space.
bytes view_of(std::uint64_t size) {
  static const std::shared_ptr<void> space = [] {
    void* const at = ::mmap(nullptr, gigabyte, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (at == MAP_FAILED) throw std::runtime_error("no address space for 1 GB");
    return std::shared_ptr<void>(at, [](void* mapped) { ::munmap(mapped, gigabyte); });
  }();
  return bytes::adopt(space, space.get(), size);
}

/// The same for the same key: each power of ten from 10 bytes to 1 GB is as likely as the others.
std::uint64_t size_of(std::uint64_t key) {
  std::mt19937_64 random(key);
  return static_cast<std::uint64_t>(std::pow(10.0, 1.0 + 8.0 * std::uniform_real_distribution<>(0.0, 1.0)(random)));
}

template <class Cache>
std::uint64_t sum_of_weights(Cache& c) {
  std::uint64_t sum = 0;
  c.for_each([&](std::uint64_t key, std::uint64_t weight, larder::duration) {
    CHECK(weight == size_of(key));
    sum += weight;
  });
  return sum;
}

template <class Order>
using sized = larder::cache<std::uint64_t, bytes, Order, larder::max_bytes, larder::unsynchronized>;
using sized_by_default = larder::cache<std::uint64_t, bytes, larder::max_bytes, larder::unsynchronized>;
using sized_in_shards = larder::cache<std::uint64_t, bytes, larder::max_bytes, larder::sharded<4>>;

}  // namespace

TEST_CASE_TEMPLATE("the weight is exact and within the capacity from 10 bytes to 1 GB", Cache, sized_by_default, sized_in_shards, sized<larder::lru>,
                   sized<larder::clock>, sized<larder::sieve>, sized<larder::s3_fifo>, sized<larder::w_tinylfu>, sized<larder::lfu>, sized<larder::arc>,
                   sized<larder::lirs>, sized<larder::adaptive>, sized<larder::fifo>, sized<larder::largest_first>) {
  Cache c(larder::max_bytes{2 * gigabyte});
  std::mt19937_64 random(3);
  for (int step = 0; step < 20000; ++step) {
    const std::uint64_t key = random() % 3000;
    if (!c.get(key)) c.put(key, view_of(size_of(key)));
    REQUIRE(c.weight() <= 2 * gigabyte);
    if (step % 1000 == 0) REQUIRE(c.weight() == sum_of_weights(c));
  }
  CHECK(c.weight() == sum_of_weights(c));
  CHECK(c.stats().evictions > 0);
  c.set_capacity(100 * megabyte);
  CHECK(c.weight() <= 100 * megabyte);
  CHECK(c.weight() == sum_of_weights(c));
  c.clear();
  CHECK(c.weight() == 0);
}

TEST_CASE_TEMPLATE("neither what is small nor what is large is starved by the default order", Cache, sized_by_default, sized_in_shards) {
  Cache c(larder::max_bytes{4 * gigabyte});
  std::mt19937_64 random(4);
  struct group {
    std::uint64_t first_key;
    std::uint64_t keys;
    std::uint64_t size;
    std::uint64_t hits = 0;
    std::uint64_t requests = 0;
    double ratio() const { return static_cast<double>(hits) / static_cast<double>(requests); }
  };
  group small{0, 10000, 10};
  group middle{100'000, 200, megabyte};
  group large{200'000, 3, 500 * megabyte};
  const auto ask = [&](std::uint64_t key, std::uint64_t size) {
    if (c.get(key)) return true;
    c.put(key, view_of(size));
    return false;
  };
  constexpr int requests = 200'000;
  std::uint64_t once = 1'000'000;  // keys that never come back, of all sizes
  for (int i = 0; i < requests; ++i) {
    const auto dice = random() % 10;
    if (dice == 0) {
      ++once;
      ask(once, size_of(once));
      continue;
    }
    group& from = dice < 4 ? small : dice < 7 ? middle : large;
    const bool hit = ask(from.first_key + random() % from.keys, from.size);
    if (i < requests / 4) continue;  // until they had a chance
    ++from.requests;
    from.hits += hit ? 1 : 0;
  }
  CHECK(small.ratio() > 0.9);
  CHECK(middle.ratio() > 0.9);
  CHECK(large.ratio() > 0.5);
}
