#include <larder/cache.hpp>
#include <larder/eviction/lru.hpp>
#include <larder/storage/default_order.hpp>

#include <doctest/doctest.h>

#include <string>
#include <type_traits>

namespace {

template <class... Policies>
using order_of = larder::storage::default_order<larder::core::policy_set<Policies...>>;

static_assert(std::is_same_v<order_of<larder::max_entries>, larder::s3_fifo>);
static_assert(std::is_same_v<order_of<larder::max_bytes>, larder::gdsf>);
static_assert(std::is_same_v<order_of<larder::max_weight>, larder::gdsf>);
static_assert(std::is_same_v<order_of<larder::max_entries, larder::max_bytes>, larder::gdsf>);
static_assert(std::is_same_v<order_of<>, larder::clock>);

}  // namespace

TEST_CASE("a cache that names no order and counts entries keeps what is used through a scan") {
  larder::cache<int, int, larder::max_entries, larder::unsynchronized> cache(larder::max_entries{100});
  for (int round = 0; round < 3; ++round)
    for (int k = 0; k < 50; ++k)
      if (!cache.get(k)) cache.put(k, k);
  for (int k = 1000; k < 2000; ++k) cache.put(k, k);
  int kept = 0;
  for (int k = 0; k < 50; ++k) kept += cache.contains(k) ? 1 : 0;
  CHECK(kept == 50);
}

TEST_CASE("a cache that names no order and counts bytes keeps the many small before the few large") {
  larder::cache<int, std::string, larder::max_bytes, larder::unsynchronized> cache(larder::max_bytes{10'000});
  for (int k = 0; k < 80; ++k) cache.put(k, std::string(100, 's'));
  for (int k = 100; k < 115; ++k) cache.put(k, std::string(2000, 'l'));
  int kept = 0;
  for (int k = 0; k < 80; ++k) kept += cache.contains(k) ? 1 : 0;
  CHECK(kept == 80);
  CHECK(cache.contains(114));
}
