#include <larder/larder.hpp>
#include <larder/storage/mmap_disk.hpp>

#include <cstddef>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/temporary_folder.hpp"

using namespace larder::literals;

namespace {

constexpr std::size_t today = larder::hit_ratio_curve::today;

template <class Value, class Make>
void is_told_of(const Make& make) {
  const support::temporary_folder folder;
  {
    larder::cache<std::string, Value, larder::lru, larder::max_bytes, larder::mmap_disk, larder::miss_ratio_curve> cache{
        larder::max_bytes{4_KiB}, larder::mmap_disk{folder.path()}};
    for (int t = 0; t < 100; ++t)
      for (int k = 0; k < 10; ++k) cache.get_or_load(std::to_string(k), [&] { return make(600); });
    const larder::cache_stats stats = cache.stats();
    const larder::capacity_advice advice = stats.advice();
    REQUIRE(advice);
    CHECK(stats.curve->look_ups == stats.hits + stats.misses);
    CHECK(advice.unit == larder::capacity_unit::bytes);
    CHECK(advice.today.hit_ratio == 0.0);  // six of ten fit
    CHECK(advice.doubled.hit_ratio == doctest::Approx(0.99));
    CHECK(advice.enough.capacity > 6000);
    CHECK(advice.enough.capacity < 7200);
    cache.set_capacity(8_KiB);
    for (int k = 0; k < 10; ++k) cache.put(std::to_string(k), make(600));
  }
  // Entries that were there before the observer are no misses, and their sizes are found out.
  larder::cache<std::string, Value, larder::lru, larder::max_bytes, larder::mmap_disk, larder::miss_ratio_curve> again{
      larder::max_bytes{8_KiB}, larder::mmap_disk{folder.path()}};
  for (int t = 0; t < 150; ++t)
    for (int k = 0; k < 10; ++k) again.get(std::to_string(k));
  const larder::cache_stats stats = again.stats();
  CHECK(stats.hit_rate() == 1.0);
  REQUIRE(stats.curve.has_value());
  CHECK(stats.curve->hit_ratios[today] == 1.0);
  CHECK(stats.curve->hit_ratios[today - 4] == 0.0);
  again.erase("1");
  again.clear();
  CHECK_FALSE(again.get("2").has_value());
}

}  // namespace

TEST_CASE("a cache on disk says how large it should be, of bytes") {
  is_told_of<larder::bytes>([](std::size_t size) { return larder::bytes::copy_of(std::string(size, 'x')); });
}

TEST_CASE("a cache on disk says how large it should be, of values that are encoded") {
  is_told_of<std::string>([](std::size_t size) { return std::string(size, 'x'); });
}

TEST_CASE("values on disk are counted by their payload") {
  const support::temporary_folder home;
  auto c = larder::make_cache<std::string, larder::bytes>(larder::max_bytes{10'000}, larder::mmap_disk{home.path()});
  const std::string large(20'000, 'x');
  c.get_or_load("a", [](const std::string&) { return larder::bytes::copy_of(std::string(500, 'a').data(), 500); });
  CHECK(c.get("a"));
  CHECK(c.get("a"));
  CHECK_FALSE(c.put("large", larder::bytes::copy_of(large.data(), large.size())));
  CHECK(c.stats().hit_bytes == 1000);
  CHECK(c.stats().missed_bytes == 20'500);
}

TEST_CASE("of an eviction that one cache was told of, another one on the directory is not told again") {
  const support::temporary_folder folder;
  std::vector<std::string> told;
  const auto make = [&](const std::string& name) {
    return larder::make_cache<std::string, larder::bytes>(
        larder::lru{}, larder::max_entries{2}, larder::mmap_disk{folder.path()},
        larder::removal_listener{[&told, name](const std::string& key, const larder::bytes&, larder::removal_cause) { told.push_back(name + key); }});
  };
  auto one = make("one ");
  auto other = make("other ");
  const larder::bytes value = larder::bytes::copy_of(std::string(1000, 'v'));
  for (const char* key : {"w", "x", "y"}) one.put(key, value);
  CHECK(told == std::vector<std::string>{"one w"});
  one.set_capacity(1);
  CHECK(told == std::vector<std::string>{"one w", "one x"});
  // It learns of everything at once, and its own order would have let the same ones go.
  other.set_capacity(1);
  CHECK(told == std::vector<std::string>{"one w", "one x"});
  other.put("z", value);
  CHECK(told == std::vector<std::string>{"one w", "one x", "other y"});
  CHECK(one.size() == 1);
}
