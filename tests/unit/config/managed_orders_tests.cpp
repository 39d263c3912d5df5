// Each order that settings name is the order of that name: its caches keep what a cache of that type keeps.
#include <larder/cache.hpp>
#include <larder/config/cache_manager.hpp>
#include <larder/config/policy_table.hpp>
#include <larder/limit/max_bytes.hpp>
#include <larder/limit/max_entries.hpp>

#include <doctest/doctest.h>

#include "support/managers.hpp"
#include "support/temporary_folder.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <tuple>

using larder::bytes;
using larder::cache_settings;
using larder::managed_cache;
using larder::settings;

namespace {

std::unique_ptr<larder::cache_manager> of(const cache_settings& said) {
  settings all;
  all.caches["cache"] = said;
  return support::make_manager(all);
}

/// Requests of some hot keys, passes over many, and values of several sizes; f(key, size) for each.
template <class F>
void requests(F&& f) {
  std::mt19937_64 random(9);
  for (std::uint32_t i = 0; i < 6000; ++i) {
    const auto draw = random();
    const std::uint64_t key = i % 1000 < 300 ? 1000 + i % 300 : draw % 7 == 0 ? draw % 500 : (draw >> 8U) % 60;
    f(std::to_string(key), 1 + key % 13 * 40);
  }
}

/// Whether two caches answer each request alike.
template <class Twin>
bool alike(managed_cache& managed, Twin& twin) {
  bool same = true;
  requests([&](const std::string& key, std::uint64_t size) {
    const bool there = twin.get(key).has_value();
    same = same && managed.get(key).has_value() == there;
    if (there) return;
    const bytes value = bytes::copy_of(std::string(static_cast<std::size_t>(size), 'v'));
    same = twin.put(key, value) == managed.put(key, value) && same;
  });
  return same && managed.size() == twin.size() && managed.stats().hits == twin.stats().hits;
}

}  // namespace

TEST_CASE_TEMPLATE_DEFINE("an order of this name in memory, by bytes and by entries", Order, order) {
  const std::string name(larder::config::name_of_order<Order>());
  CAPTURE(name);
  {
    cache_settings said;
    said.memory_size = 8000U;
    said.policy = name;
    const auto manager = of(said);
    larder::cache<std::string, bytes, Order, larder::max_bytes> twin{larder::max_bytes{8000}};
    CHECK(alike(manager->at("cache"), twin));
    CHECK(twin.stats().hits > 100);
  }
  {
    cache_settings said;
    said.memory_max_entries = 50U;
    said.policy = name;
    const auto manager = of(said);
    larder::cache<std::string, bytes, Order, larder::max_entries> twin{larder::max_entries{50}};
    CHECK(alike(manager->at("cache"), twin));
    CHECK(twin.stats().hits > 100);
  }
}
TEST_CASE_TEMPLATE_APPLY(order, larder::config::orders);

TEST_CASE("an order of each name on disk") {
  for (const std::string_view name : larder::config::order_names) {
    CAPTURE(std::string(name));
    const support::temporary_folder folder;
    cache_settings said;
    said.disk_size = 3000U;
    said.disk_path = (folder / "disk").string();
    said.policy = std::string(name);
    const auto manager = of(said);
    managed_cache& c = manager->at("cache");
    std::uint64_t most = 0;
    requests([&](const std::string& key, std::uint64_t size) {
      if (c.get(key)) return;
      c.put(key, bytes::copy_of(std::string(static_cast<std::size_t>(size), 'v')));
      most = std::max(most, c.weight());
    });
    CHECK(most <= 3000);
    CHECK(most > 1000);
    CHECK(c.stats().hits > 20);
    CHECK((c.stats().evictions == 0) == (name == "epoch_pin"));
  }
}

TEST_CASE("the words of the originals, and what holds when no order is named") {
  cache_settings said;
  said.memory_size = 8000U;
  {
    larder::cache<std::string, bytes, larder::gdsf, larder::max_bytes> twin{larder::max_bytes{8000}};
    CHECK(alike(of(said)->at("cache"), twin));
  }
  {
    said.policy = "size";
    larder::cache<std::string, bytes, larder::largest_first, larder::max_bytes> twin{larder::max_bytes{8000}};
    CHECK(alike(of(said)->at("cache"), twin));
  }
  {
    said.policy = "time";
    said.max_age = std::chrono::hours(1);
    larder::cache<std::string, bytes, larder::fifo, larder::max_bytes> twin{larder::max_bytes{8000}};
    CHECK(alike(of(said)->at("cache"), twin));
  }
  {
    cache_settings entries;
    entries.memory_max_entries = 50U;
    larder::cache<std::string, bytes, larder::s3_fifo, larder::max_entries> twin{larder::max_entries{50}};
    CHECK(alike(of(entries)->at("cache"), twin));
  }
}
