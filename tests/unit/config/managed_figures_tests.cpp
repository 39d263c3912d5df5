// What a program shows of caches that settings made: each tier with what it holds and may hold, the whole, how long it takes.
#include <larder/config/cache_manager.hpp>
#include <larder/config/managed_figures.hpp>
#include <larder/config/timed_load.hpp>
#include <larder/observe/cache_collection.hpp>
#include <larder/observe/cache_extent.hpp>
#include <larder/observe/metrics.hpp>

#include <doctest/doctest.h>

#include "support/every_word.hpp"
#include "support/managers.hpp"
#include "support/prometheus_samples.hpp"
#include "support/refusal.hpp"
#include "support/temporary_folder.hpp"
#include "support/variables.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

using namespace larder::literals;
using larder::bytes;
using larder::managed_cache;
using larder::managed_figures;
using larder::settings;
using support::make_manager;
using support::refusal_of;
using support::says;
using support::variables;

static_assert(larder::observe::cache_collection<larder::cache_manager>);
static_assert(!larder::observe::cache_collection<managed_cache>);

namespace {

bytes block(std::size_t size) { return bytes::copy_of(std::string(size, 'x')); }
bytes load_block(const std::string&) { return block(100); }

std::unique_ptr<larder::cache_manager> manager_of(const std::string& json) { return make_manager(settings::from_json(json)); }
std::string before_disk(const support::temporary_folder& folder, const std::string& more = "") {
  return R"({"cache": {"size": "1kB", "policy": "lru", "disk_size": "10kB", "disk_path": ")" + folder.path().string() + "\"" +
         more + "}}";
}
std::string text_of(const larder::cache_manager& manager) {
  larder::metrics all;
  all.add(manager);
  return all.prometheus();
}
bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace

// A figure that visit_metrics forgets, or that is added to the struct and not to it, fails this.
TEST_CASE("every figure of a managed cache is exported") {
  const managed_figures none;
  const auto counted =
      static_cast<std::size_t>(reinterpret_cast<const char*>(&none.tiers) - reinterpret_cast<const char*>(&none));
  CHECK(support::words_not_shown<managed_figures>(0, counted) == std::vector<std::size_t>{});
  CHECK(sizeof(managed_figures) == counted + sizeof(none.tiers) + sizeof(none.latency));
  managed_figures some;
  some.tiers.push_back(
      {"disk", {}, {.entries = 1, .weight = 2, .capacity_entries = 3, .capacity_bytes = 4, .capacity_weight = 5}});
  larder::metrics all;
  all.add("x", some);
  for (const char* const line :
       {"larder_cache_entries{cache=\"x\",tier=\"0\"} 1\n", "larder_cache_weight{cache=\"x\",tier=\"0\"} 2\n",
        "larder_cache_capacity_entries{cache=\"x\",tier=\"0\"} 3\n", "larder_cache_capacity_bytes{cache=\"x\",tier=\"0\"} 4\n",
        "larder_cache_capacity_weight{cache=\"x\",tier=\"0\"} 5\n", "larder_tier_kind{cache=\"x\",tier=\"0\",kind=\"disk\"} 1\n"})
    CHECK_MESSAGE(has(all.prometheus(), line), line);
}

TEST_CASE("each tier of a cache from settings says what it holds, what it may hold and what it did") {
  const support::temporary_folder folder;
  const auto manager = manager_of(before_disk(folder));
  managed_cache& c = manager->at("cache");
  for (int i = 0; i < 20; ++i) c.put(std::to_string(i), block(100));
  for (int i = 0; i < 25; ++i) c.get(std::to_string(i));  // ten of them are in memory at any time

  const managed_figures seen = c.figures();
  REQUIRE(seen.tiers.size() == 2);
  const auto& [memory, disk] = std::tie(seen.tiers[0], seen.tiers[1]);
  CHECK(memory.kind == "memory");
  CHECK(disk.kind == "disk");
  CHECK(memory.extent.capacity_bytes == 1000U);
  CHECK(disk.extent.capacity_bytes == 10'000U);
  CHECK_FALSE(memory.extent.capacity_entries);
  for (const auto* const tier : {&memory, &disk}) {
    CHECK(tier->extent.weight == tier->stats.stored_bytes);
    CHECK(tier->extent.weight == 100 * *tier->extent.entries);
    CHECK(*tier->extent.weight <= *tier->extent.capacity_bytes);
  }
  CHECK(memory.extent.entries == 10U);
  CHECK(disk.extent.entries == 20U);
  CHECK(seen.entries == 20);
  CHECK(seen.hits == 20);
  CHECK(seen.misses == 5);
  CHECK(memory.stats.hits + disk.stats.hits == seen.hits);
  CHECK(memory.stats.misses == disk.stats.hits + disk.stats.misses);
  CHECK(disk.stats.misses == seen.misses);
  CHECK(seen.promotions == disk.stats.hits);
  CHECK(memory.stats.evictions > 0);
  CHECK(disk.stats.evictions == 0);
  CHECK_FALSE(seen.latency);  // it was not asked for

  c.set_capacity(500);
  CHECK(c.figures().tiers[0].extent.capacity_bytes == 500U);
  CHECK(c.figures().tiers[0].extent.entries == 5U);
  c.shrink_to(0.5);
  CHECK(c.figures().tiers[0].extent.capacity_bytes == 250U);
}

TEST_CASE("a limit is shown in its unit, and only where there is one") {
  const auto manager = manager_of(
      R"({"caches": {"counted": {"max_entries": 3}, "both": {"max_entries": 3, "size": "1kB"}, "sized": {"size": "1kB"}}})");
  for (const char* const name : {"counted", "both", "sized"}) manager->at(name).put("a", block(100));
  const auto extent = [&](const char* name) { return manager->at(name).figures().tiers.at(0).extent; };
  CHECK(extent("counted").capacity_entries == 3U);
  CHECK_FALSE(extent("counted").capacity_bytes);
  CHECK(extent("both").capacity_entries == 3U);
  CHECK(extent("both").capacity_bytes == 1000U);
  CHECK_FALSE(extent("sized").capacity_entries);
  CHECK(extent("sized").capacity_bytes == 1000U);
  CHECK(extent("sized").entries == 1U);
  CHECK(manager->at("sized").figures().tiers.size() == 1);
}

TEST_CASE("one call shows every cache of a manager once, and nothing is counted twice") {
  const support::temporary_folder folder;
  const auto manager = manager_of(R"({"cache": {"size": "1kB", "disk_size": "10kB", "disk_path": ")" + folder.path().string() +
                                  R"("}, "caches": {"other \" one": {"max_entries": 3, "latency": true}}})");
  manager->at("cache").put("a", block(100));
  manager->at("cache").get("a");
  const std::string text = text_of(*manager);
  for (const char* const line :
       {"larder_tiers_hits_total{cache=\"cache\"} 1\n", "larder_tiers_entries{cache=\"cache\"} 1\n",
        "larder_cache_hits_total{cache=\"cache\",tier=\"0\"} 1\n", "larder_cache_hits_total{cache=\"cache\",tier=\"1\"} 0\n",
        "larder_tier_kind{cache=\"cache\",tier=\"0\",kind=\"memory\"} 1\n",
        "larder_tier_kind{cache=\"cache\",tier=\"1\",kind=\"disk\"} 1\n",
        "larder_cache_capacity_bytes{cache=\"cache\",tier=\"1\"} 10000\n",
        "larder_cache_capacity_entries{cache=\"other \\\" one\",tier=\"0\"} 3\n",
        "larder_latency_seconds_count{cache=\"other \\\" one\",operation=\"get\"} 0\n"})
    CHECK_MESSAGE(has(text, line), line << "\n" << text);
  CHECK_FALSE(has(text, "larder_cache_hits_total{cache=\"cache\"}"));  // a sum over the family is of tiers alone
  CHECK_FALSE(has(text, "larder_latency_seconds_count{cache=\"cache\""));
  if (const auto samples = support::prometheus_samples(text)) CHECK(samples->size() > 100);

  larder::metrics one_by_one;
  for (const std::string& name : manager->names()) one_by_one.add(name, manager->at(name));
  CHECK(one_by_one.prometheus() == text);
  const std::string json = one_by_one.json();
  CHECK(has(json, R"({"name":"cache","tiers":{"hits":1,)"));
  CHECK(has(json, R"("tier_1":{"tier_kind":"disk","cache":{)"));
}

TEST_CASE("settings ask for latencies: each call is counted where a tier is slow") {
  const support::temporary_folder folder;
  const auto manager = manager_of(before_disk(folder, R"(, "latency": true)"));
  managed_cache& c = manager->at("cache");
  for (int i = 0; i < 30; ++i) c.put(std::to_string(i), block(100));
  c.put("for a while", block(100), 60s);
  c.put_if_absent("0", block(100));
  for (int i = 0; i < 40; ++i) c.get(std::to_string(i));
  c.peek("0");  // these two are no use of it
  CHECK(c.contains("0"));
  for (int i = 0; i < 2; ++i)
    c.get_or_load("slow", [](const std::string&) {
      std::this_thread::sleep_for(100ms);
      return block(100);
    });
  CHECK_THROWS_AS(c.get_or_load("broken", [](const std::string&) -> bytes { throw std::runtime_error("no"); }),
                  std::runtime_error);

  const larder::latency_report seen = *c.figures().latency;
  CHECK(seen.every == 1);
  CHECK(seen.get.count() == 43);
  CHECK(seen.put.count() == 33);  // what was loaded is put
  CHECK(seen.load.count() == 2);  // the one that failed as well
  CHECK(seen.load.longest() >= 100ms);
  CHECK(seen.get.longest() < seen.load.longest());  // a look-up is without the load
  CHECK(seen.get.total.count() > 0);
  CHECK(c.stats().latency->get.count() == 43);
  CHECK(has(text_of(*manager), "larder_latency_seconds_count{cache=\"cache\",operation=\"load\"} 2\n"));

  c.reset_stats();
  CHECK(c.figures().latency->get.count() == 0);
  CHECK(c.figures().latency->load.count() == 0);
}

TEST_CASE("in memory alone one call of 64 is timed, and stands for the others") {
  const auto manager = manager_of(R"({"cache": {"max_entries": 100, "latency": true}, "model_cache": {"max_entries": 100}})");
  managed_cache& c = manager->at("cache");
  for (int i = 0; i < 64'000; ++i) c.get("a");
  for (int i = 0; i < 7; ++i) c.get_or_load(std::to_string(i), load_block);
  const larder::latency_report seen = *c.figures().latency;
  CHECK(seen.every == 64);
  CHECK(seen.get.count() % 64 == 0);
  CHECK(seen.get.count() > 32'000);
  CHECK(seen.get.count() < 128'000);
  CHECK(seen.load.count() == 7);  // all of them are
  CHECK_FALSE(manager->at("model_cache").figures().latency);
  CHECK(c.stats().overhead_bytes > manager->at("model_cache").stats().overhead_bytes + 10'000);
}

TEST_CASE("latency is a key like others: of files, variables and code") {
  CHECK(settings::from_environment(variables({{"CACHE_LATENCY", "true"}})).caches.at("cache").latency == true);
  CHECK(says(refusal_of([] { settings::from_json(R"({"cache": {"size": 5, "latency": "yes"}})", "larder.json"); }),
             "larder.json:1:34: latency is a text, \"yes\"; it is to be true or false"));
  settings all = settings::from_json(R"({"cache": {"size": 5, "latency": true}})");
  settings by_code;
  by_code.caches["cache"].latency = false;
  CHECK_FALSE(make_manager(by_code.over(all))->at("cache").figures().latency);
  CHECK(make_manager(all)->at("cache").figures().latency);
}

TEST_CASE("figures are read while threads use, shrink and clean the caches") {
  const support::temporary_folder folder;
  const auto manager = manager_of(before_disk(folder, R"(, "latency": true, "max_age": "1h", "cleanup_interval": "1ms")"));
  managed_cache& c = manager->at("cache");
  manager->start();
  constexpr int calls = 300;
  std::atomic<bool> done{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < calls; ++i) {
        c.get_or_load(std::to_string((i * 7 + t) % 40), load_block);
        c.put(std::to_string(i % 50), block(100));
        if (i % 50 == 0) c.shrink_to(i % 100 == 0 ? 0.5 : 1);
      }
    });
  std::thread watcher([&] {
    std::uint64_t before = 0;
    while (!done) {
      CHECK(has(text_of(*manager), "larder_tier_kind{cache=\"cache\",tier=\"1\",kind=\"disk\"} 1\n"));
      const managed_figures seen = c.figures();
      CHECK(seen.hits + seen.misses >= before);
      before = seen.hits + seen.misses;
    }
  });
  for (std::thread& thread : threads) thread.join();
  done = true;
  watcher.join();
  manager->stop();
  const managed_figures seen = c.figures();  // a manager that is stopped is still shown
  CHECK(seen.hits + seen.misses == 3 * calls);
  CHECK(seen.latency->get.count() == 3 * calls);
  CHECK(seen.latency->load.count() == seen.loads);
  CHECK(seen.latency->put.count() == 3 * calls + seen.loads);
}
