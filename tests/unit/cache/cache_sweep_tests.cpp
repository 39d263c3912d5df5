// Work over every entry that its caller follows and ends: in memory, on an indexed storage, on a remote one, and through tiers.

#include <larder/larder.hpp>
#include <larder/storage/engine_sweep.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "bucket.hpp"
#include "shelf.hpp"
#include "support/followed_work.hpp"
#include "support/refusal.hpp"

namespace {

using namespace std::chrono_literals;
using larder::error_cause;
using own_storages::bucket;
using own_storages::shelf;
using support::cause_of;
using followed = support::followed_work;

constexpr std::size_t count = 6;

/// Each is told of once, and the end.
void check_whole(const followed& work, std::uint64_t of) {
  REQUIRE(!work.told.empty());
  CHECK(work.told.back() == std::pair{of, of});
  CHECK(std::is_sorted(work.told.begin(), work.told.end()));
  for (std::uint64_t done = 0; done <= of; ++done)
    CHECK(std::any_of(work.told.begin(), work.told.end(), [&](const auto& step) { return step == std::pair{done, of}; }));
}

std::string key(std::size_t i) { return (i % 2 == 0 ? "even/" : "odd/") + std::to_string(i); }

template <class Cache>
void fill(Cache& cache) {
  for (std::size_t i = 0; i < count; ++i) REQUIRE(cache.put(key(i), std::to_string(i)));
}
template <class Cache>
std::size_t living(Cache& cache) {
  std::size_t n = 0;
  for (std::size_t i = 0; i < count; ++i) n += cache.contains(key(i)) ? 1 : 0;
  return n;
}

struct in_memory {
  larder::cache<std::string, std::string, larder::lru, larder::max_entries> cache{larder::max_entries{100}};
};
struct on_a_shelf {
  shelf::contents contents{};
  larder::cache<std::string, std::string, larder::lru, larder::max_entries, shelf> cache{larder::max_entries{100},
                                                                                         shelf{&contents}};
};
struct in_a_bucket {
  bucket::contents contents{};
  larder::cache<std::string, std::string, larder::unbounded, bucket> cache{larder::unbounded{}, bucket{&contents}};
};

}  // namespace

TEST_CASE_TEMPLATE("work over every entry tells how far it is, and does what it did without being followed", Place, in_memory,
                   on_a_shelf, in_a_bucket) {
  Place place;
  auto& cache = place.cache;
  fill(cache);

  followed listing;
  std::set<std::string> met;
  cache.for_each([&](const std::string& k, std::uint64_t, larder::duration) { met.insert(k); }, listing.control());
  CHECK(met.size() == count);
  check_whole(listing, count);

  followed by_key;
  CHECK(cache.erase_if([](const std::string& k) { return k == key(0); }, by_key.control()) == 1);
  check_whole(by_key, count);
  followed by_value;
  CHECK(cache.erase_if([](const std::string&, const std::string& value) { return value == "1"; }, by_value.control()) == 1);
  check_whole(by_value, count - 1);
  followed by_prefix;
  CHECK(cache.erase_prefix("even/", by_prefix.control()) == 2);
  check_whole(by_prefix, count - 2);
  CHECK(living(cache) == count - 4);

  followed purge;
  CHECK(cache.purge_expired(purge.control()) == 0);
  CHECK(purge.told.back() == std::pair{std::uint64_t{2}, std::uint64_t{2}});
  followed all;
  cache.clear(all.control());
  CHECK(all.told.back() == std::pair{std::uint64_t{2}, std::uint64_t{2}});
  CHECK(living(cache) == 0);

  followed nothing;
  cache.clear(nothing.control());
  CHECK(nothing.told.back() == std::pair{std::uint64_t{0}, std::uint64_t{0}});
}

TEST_CASE_TEMPLATE("a stop ends work before its next entry: what was dropped is gone, the rest is there", Place, in_memory,
                   on_a_shelf, in_a_bucket) {
  Place place;
  auto& cache = place.cache;
  const std::vector<std::function<void(const larder::sweep_control&)>> drops{
      [&](const larder::sweep_control& control) { cache.erase_if([](const std::string&) { return true; }, control); },
      [&](const larder::sweep_control& control) {
        cache.erase_if([](const std::string&, const std::string&) { return true; }, control);
      },
      [&](const larder::sweep_control& control) { cache.erase_prefix("", control); }};
  for (const auto& drop : drops) {
    fill(cache);
    followed work{.stop_at = 2};
    CHECK(cause_of([&] { drop(work.control()); }) == error_cause::cancelled);
    CHECK(living(cache) == count - 3);  // the stop came while it was told that two are behind, so a third was on its way
    CHECK(work.told.back() == std::pair{std::uint64_t{2}, std::uint64_t{count}});
  }
  fill(cache);
  followed listing{.stop_at = 2};
  std::size_t met = 0;
  CHECK(cause_of([&] {
          cache.for_each([&](const std::string&, std::uint64_t, larder::duration) { ++met; }, listing.control());
        }) == error_cause::cancelled);
  CHECK(met == 3);

  followed late;
  late.source.request_stop();
  CHECK(cause_of([&] { cache.clear(late.control()); }) == error_cause::cancelled);
  CHECK(cause_of([&] { cache.purge_expired(late.control()); }) == error_cause::cancelled);
  CHECK(living(cache) == count);
  CHECK(cache.stats().errors.total() == 0);  // who stops it knows
  cache.clear();
  CHECK(living(cache) == 0);
}

TEST_CASE_TEMPLATE("what progress throws ends the work and reaches the caller", Place, in_memory, on_a_shelf, in_a_bucket) {
  Place place;
  auto& cache = place.cache;
  fill(cache);
  for (const std::uint64_t when : {std::uint64_t{0}, std::uint64_t{2}}) {
    followed work{.throw_at = when};
    CHECK_THROWS_WITH_AS(cache.erase_if([](const std::string&) { return false; }, work.control()), "enough", std::runtime_error);
    CHECK(work.told.back().first == when);
  }
  CHECK(living(cache) == count);
  CHECK(cache.stats().errors.total() == 0);
}

TEST_CASE("a remote storage is cleared and purged object by object, which a stop ends") {
  in_a_bucket place;
  auto& cache = place.cache;
  fill(cache);
  followed clearing{.stop_at = 2};
  CHECK(cause_of([&] { cache.clear(clearing.control()); }) == error_cause::cancelled);
  CHECK(place.contents.objects.size() == count - 3);
  CHECK(living(cache) == count - 3);
  check_whole(
      [&] {
        followed rest;
        cache.clear(rest.control());
        return rest;
      }(),
      count - 3);
  CHECK(place.contents.objects.empty());

  larder::manual_clock now(1000s);
  auto dated = larder::make_cache<std::string, std::string>(larder::unbounded{}, bucket{&place.contents},
                                                            larder::expire_after_write{1h}, larder::time_source{now});
  fill(dated);
  now.advance(2h);
  followed purging{.stop_at = 2};
  CHECK(cause_of([&] { dated.purge_expired(purging.control()); }) == error_cause::cancelled);
  CHECK(place.contents.objects.size() == count - 3);
  followed rest;
  CHECK(dated.purge_expired(rest.control()) == count - 3);
  check_whole(rest, count - 3);
}

TEST_CASE("a remote storage tells of what it lists, and a stop ends the listing") {
  in_a_bucket place;
  auto& cache = place.cache;
  fill(cache);
  followed work;
  CHECK(cause_of([&] { cache.clear(work.control_of_listing(2)); }) == error_cause::cancelled);
  CHECK(work.told == followed::steps{{0, 1}, {0, 2}});
  CHECK(living(cache) == count);

  bool thrown = false;
  const larder::sweep_control once{.stop = {}, .progress = [&](std::uint64_t, std::uint64_t total) {
                                     if (total == 2 && !std::exchange(thrown, true)) throw std::runtime_error("enough");
                                   }};
  CHECK_THROWS_WITH_AS(cache.clear(once), "enough", std::runtime_error);
  CHECK(living(cache) == count);
}

TEST_CASE("a remote entry that erase_if could not drop is not served, as after an erase that failed") {
  in_a_bucket place;
  auto& cache = place.cache;
  fill(cache);
  place.contents.fails.broken = {"erase"};
  CHECK(cache.erase_if([](const std::string& k) { return k == key(0); }) == 0);
  place.contents.fails.broken.clear();
  CHECK(!cache.get(key(0)));
  CHECK(cache.get(key(1)) == "1");
  CHECK(cache.put(key(0), "new"));
  CHECK(cache.get(key(0)) == "new");
}

TEST_CASE("tiers are worked through one by one, the slowest first, and a stop leaves the faster ones as they are") {
  in_memory near;
  in_a_bucket far;
  larder::tiered tiers{near.cache, far.cache};
  fill(tiers);
  CHECK(far.contents.objects.size() == count);

  followed work{.stop_at = 2};
  CHECK(cause_of([&] { tiers.clear(work.control()); }) == error_cause::cancelled);
  CHECK(far.contents.objects.size() == count - 3);
  CHECK(near.cache.size() == count);
  CHECK(cause_of([&] { tiers.erase_if([](const std::string&) { return true; }, work.control()); }) == error_cause::cancelled);
  CHECK(near.cache.size() == count);
  CHECK(cause_of([&] { tiers.purge_expired(work.control()); }) == error_cause::cancelled);

  followed prefix;
  CHECK(tiers.erase_prefix("even/", prefix.control()) == count / 2);
  std::size_t ends = 0;
  for (const auto& [done, total] : prefix.told) ends += done == total ? 1 : 0;
  CHECK(ends == 2);
  CHECK(prefix.told.back() == std::pair{std::uint64_t{count}, std::uint64_t{count}});

  followed all;
  tiers.clear(all.control());
  CHECK(near.cache.empty());
  CHECK(far.contents.objects.empty());
}
