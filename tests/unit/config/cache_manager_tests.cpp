#include <larder/config/cache_manager.hpp>
#include <larder/config/cache_part.hpp>

#include <doctest/doctest.h>

#include "support/eventually.hpp"
#include "support/managers.hpp"
#include "support/refusal.hpp"
#include "support/temporary_folder.hpp"
#include "support/write_file.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

using namespace larder::literals;
using larder::bytes;
using larder::cache_settings;
using larder::managed_cache;
using larder::manager_options;
using larder::settings;
using support::make_manager;
using support::refusal_of;
using support::says;

namespace {

bytes block(std::size_t size, char fill = 'x') { return bytes::copy_of(std::string(size, fill)); }

settings one(const cache_settings& of, const std::string& name = "cache") {
  settings all;
  all.caches[name] = of;
  return all;
}
cache_settings in_memory(std::uint64_t size, const char* policy = "lru") {
  cache_settings of;
  of.memory_size = size;
  of.policy = policy;
  return of;
}
cache_settings with_disk(cache_settings of, const std::filesystem::path& path, std::uint64_t size = 10'000'000) {
  of.disk_size = size;
  of.disk_path = path.string();
  return of;
}

}  // namespace

TEST_CASE("a cache in memory: everything that can be asked of it") {
  const auto manager = make_manager(one(in_memory(1000)));
  managed_cache& c = manager->at("cache");
  CHECK(c.name() == "cache");
  CHECK_FALSE(c.get("a"));
  CHECK(c.put("a", block(400, 'a')));
  CHECK(c.put("b", block(400, 'b')));
  CHECK(c.get("a") == block(400, 'a'));
  CHECK(c.peek("b") == block(400, 'b'));
  CHECK(c.contains("b"));
  CHECK(c.size() == 2);
  CHECK(c.weight() == 800);
  CHECK(c.capacity() == 1000);
  CHECK(c.put("c", block(400, 'c')));  // b leaves: it was only peeked at
  CHECK_FALSE(c.contains("b"));
  CHECK_FALSE(c.put("huge", block(1001)));
  CHECK_FALSE(c.put_if_absent("a", block(1)));
  CHECK(c.remove("a"));
  CHECK_FALSE(c.remove("a"));
  CHECK(c.put_if_absent("a", block(1)));
  std::set<std::string> keys;
  c.for_each_key([&](const std::string& key) { keys.insert(key); });
  CHECK(keys == std::set<std::string>{"a", "c"});
  CHECK(c.stats().hits == 1);
  CHECK(c.stats().misses == 1);
  CHECK(c.stats().evictions == 1);
  CHECK(c.stats().refused >= 1);
  c.set_capacity(300);
  CHECK_FALSE(c.contains("c"));
  CHECK(c.capacity() == 300);
  c.clear();
  CHECK(c.size() == 0);
  c.reset_stats();
  CHECK(c.stats().hits == 0);
  CHECK_NOTHROW(c.flush());
}

TEST_CASE("what is missing is loaded once, whoever asks") {
  const auto manager = make_manager(one(in_memory(1000)));
  managed_cache& c = manager->at("cache");
  std::atomic<int> loads{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&] {
      const bytes got = c.get_or_load("a", [&](const std::string&) {
        ++loads;
        return block(10, 'l');
      });
      if (got != block(10, 'l')) loads += 100;
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(loads == 1);
  CHECK(c.stats().loads == 1);
  CHECK_THROWS_AS(c.get_or_load("b", [](const std::string&) -> bytes { throw std::runtime_error("no"); }), std::runtime_error);
  CHECK_FALSE(c.contains("b"));
}

TEST_CASE("limits of entries, alone and with bytes") {
  cache_settings of;
  of.memory_max_entries = 3U;
  of.policy = "lru";
  const auto entries = make_manager(one(of));
  managed_cache& c = entries->at("cache");
  for (const char* key : {"1", "2", "3", "4"}) c.put(key, block(1000));
  CHECK(c.size() == 3);
  CHECK_FALSE(c.contains("1"));
  CHECK(c.capacity() == 3);
  c.set_capacity(2);
  CHECK(c.size() == 2);
  of.memory_size = 100U;
  const auto both = make_manager(one(of));
  CHECK(both->at("cache").capacity() == 100);
  for (const char* key : {"1", "2", "3", "4"}) both->at("cache").put(key, block(1));
  CHECK(both->at("cache").size() == 3);
  CHECK_FALSE(both->at("cache").put("5", block(101)));
}

TEST_CASE("memory before a disk: a hit on disk is promoted, what leaves memory stays on disk, and outlives the manager") {
  const support::temporary_folder folder;
  const settings all = one(with_disk(in_memory(1000), folder / "disk"));
  {
    const auto manager = make_manager(all);
    managed_cache& c = manager->at("cache");
    for (const char* key : {"a", "b", "c"}) CHECK(c.put(key, block(400, *key)));
    CHECK(c.size() == 3);
    CHECK(c.weight() == 800);
    CHECK(c.disk_part()->weight() == 1200);
    CHECK(c.get("a") == block(400, 'a'));
    CHECK(c.memory_part()->contains("a"));
    CHECK(c.stats().hits == 1);
    CHECK(c.stats().misses == 0);
    CHECK(c.stats().evictions == 2);
  }
  const auto again = make_manager(all);
  managed_cache& c = again->at("cache");
  CHECK(c.get("b") == block(400, 'b'));
  std::set<std::string> keys;
  c.for_each_key([&](const std::string& key) { keys.insert(key); });
  CHECK(keys == std::set<std::string>{"a", "b", "c"});
  CHECK(c.remove("b"));
  CHECK_FALSE(c.get("b"));
  c.clear();
  CHECK(c.size() == 0);
}

TEST_CASE("a disk alone, in both storages, and as copies") {
  const support::temporary_folder folder;
  settings all;
  for (const char* name : {"mapped", "copied", "shared"}) all.caches[name] = with_disk({}, folder / name);
  all.caches["copied"].disk_use_mmap = false;
  all.caches["mapped"].disk_use_mmap = true;
  all.caches["shared"].disk_storage = "directory";
  const auto manager = make_manager(all);
  for (const std::string& name : manager->names()) {
    CAPTURE(name);
    managed_cache& c = manager->at(name);
    CHECK(c.put("a", block(5000)));
    CHECK(c.get("a") == block(5000));
    CHECK((c.get("a")->where() == larder::residence::mapping) == (name == "mapped"));
    CHECK(c.capacity() == 10'000'000);
    CHECK(c.weight() == 5000);
  }
  CHECK(std::filesystem::exists(folder / "shared" / "entries"));
}

TEST_CASE("the default path of a disk is .cache and the name") {
  CHECK(larder::config::disk_path_of("model_cache", {}) == ".cache/model_cache");
}

TEST_CASE("names, metrics, and what is not there") {
  const support::temporary_folder folder;
  settings all = one(with_disk(in_memory(1000), folder / "disk"));
  all.caches["models"] = in_memory(500);
  const auto manager = make_manager(all);
  CHECK(manager->names() == std::vector<std::string>{"cache", "models"});
  CHECK(manager->contains("models"));
  CHECK_FALSE(manager->contains("model"));
  CHECK(says(refusal_of([&] { manager->at("model"); }),
             "there is no cache \"model\"; did you mean \"models\"? There are \"cache\", \"models\""));
  manager->at("cache").put("a", block(600));
  manager->at("cache").put("b", block(600));
  for (const char* key : {"b", "b", "b", "none"}) manager->at("cache").get(key);
  const auto metrics = manager->metrics();
  REQUIRE(metrics.size() == 2);
  CHECK(metrics[0].name == "cache");
  CHECK(metrics[0].hit_rate == doctest::Approx(0.75));
  CHECK(metrics[0].hits == 3);
  CHECK(metrics[0].misses == 1);
  CHECK(metrics[0].evictions == 1);
  CHECK(metrics[0].entries == 2);
  CHECK(metrics[0].memory_bytes == 600);
  CHECK(metrics[0].memory_capacity == 1000);
  CHECK(metrics[0].memory_overhead > 0);
  CHECK(metrics[0].disk_bytes == 1200);
  CHECK(metrics[0].disk_capacity == 10'000'000);
  CHECK(metrics[1].disk_capacity == 0);
  CHECK(metrics[1].hit_rate == 0);
}

TEST_CASE("settings that cannot work do not make a manager") {
  CHECK(says(refusal_of([] { make_manager(settings::from_json(R"({"cache": {"policy": "lru"}})")); }), "has no limit"));
  const support::temporary_folder folder;
  support::write_file(folder / "file", "x");
  CHECK(refusal_of([&] { make_manager(one(with_disk({}, folder / "file"))); }).cause == larder::error_cause::io);
}

TEST_CASE("an order that a program left out of its table is said, with those that it has") {
  using narrow = larder::policy_table<larder::lru, larder::sieve>;
  const auto name_of = []<class Order>(Order) { return larder::config::name_of_order<Order>(); };
  CHECK(narrow::with("sieve", "", name_of) == "sieve");
  CHECK(larder::every_policy::with("w_tinylfu", "", name_of) == "w_tinylfu");
  CHECK(says(
      refusal_of([&] { narrow::with("w_tinylfu", "a.json:1:33: the order of \"cache\"", name_of); }),
      "a.json:1:33: the order of \"cache\" is w_tinylfu, which this program has no caches of; there are \"lru\", \"sieve\""));
}

TEST_CASE("a cache's failures reach the listener with its name") {
  const support::temporary_folder folder;
  std::vector<std::string> told;
  std::mutex mutex;
  manager_options options;
  options.on_error = [&](const larder::error_event& e) {
    const std::lock_guard lock(mutex);
    told.push_back(e.message);
  };
  const auto manager = make_manager(one(with_disk({}, folder / "disk")), options);
  managed_cache& c = manager->at("cache");
  CHECK(c.put("a", bytes::copy_of(std::string("the payload that is damaged"))));
  for (const auto& file : std::filesystem::directory_iterator(folder / "disk" / "entries")) {
    std::fstream stream(file.path(), std::ios::binary | std::ios::in | std::ios::out);
    const std::string whole{std::istreambuf_iterator<char>(stream), {}};
    if (const std::size_t at = whole.find("payload"); at != std::string::npos) {
      stream.clear();
      stream.seekp(static_cast<std::streamoff>(at));
      stream.put('X');
    }
  }
  CHECK_FALSE(c.get("a"));
  REQUIRE(told.size() == 1);
  CHECK(told[0].starts_with("cache \"cache\": "));
  CHECK(manager->metrics()[0].errors == 1);
}

TEST_CASE("warnings are told once, to who listens") {
  const settings all = settings::from_json(R"({"training_cache": {"size": 5, "cleanup_policy": "lru"}})", "a.json");
  std::vector<std::string> warned;
  std::vector<std::string> failed;
  manager_options options;
  options.on_error = [&](const larder::error_event& e) { failed.push_back(e.message); };
  {
    const auto manager = make_manager(all, options);
    CHECK(failed == manager->warnings());
    CHECK(failed.size() == 1);
    manager->at("training_cache").put("a", block(10));
    CHECK(failed.size() == 1);
  }
  options.on_warning = [&](const std::string& text) { warned.push_back(text); };
  const auto manager = make_manager(all, options);
  CHECK(warned == manager->warnings());
  CHECK(failed.size() == 1);
  CHECK(make_manager(one(in_memory(5)))->warnings().empty());
}

TEST_CASE("a training's cache fills once and keeps, whatever order was named") {
  for (const char* policy : {"fifo", "lru", "epoch_pin", ""}) {
    CAPTURE(policy);
    cache_settings of;
    of.memory_size = 1000U;
    if (*policy != '\0') of.policy = policy;
    const auto manager = make_manager(one(of, "training_cache"));
    managed_cache& c = manager->at("training_cache");
    CHECK(c.put("a", block(600)));
    CHECK_FALSE(c.put("b", block(600)));
    CHECK(c.contains("a"));
  }
}

TEST_CASE("a share is of the memory that is available when the manager is made") {
  cache_settings of;
  of.memory_size = larder::memory_amount::of_memory(0.3);
  manager_options options;
  options.available_memory = 1'000'000;
  CHECK(make_manager(one(of), options)->at("cache").capacity() == 300'000);
}

TEST_CASE("times: max_age, max_idle, and an entry's own; each tier is cleaned up in its interval") {
  const support::temporary_folder folder;
  larder::manual_clock now(1'000'000s);
  manager_options options;
  options.time = larder::time_source{now};
  cache_settings of = with_disk(in_memory(1000), folder / "disk");
  of.max_age = 100s;
  of.max_idle = 60s;
  of.memory_cleanup_interval = 50s;
  of.disk_cleanup_interval = 200s;
  const auto manager = make_manager(one(of), options);
  managed_cache& c = manager->at("cache");
  c.put("a", block(10));
  c.put("own", block(10), 30s);
  now += 30s;
  CHECK(c.get("own"));
  now += 1s;
  CHECK_FALSE(c.get("own"));
  CHECK(c.get("a"));
  now += 60s;
  CHECK(c.get("a"));  // idle for 60 s exactly
  now += 10s;         // 101 s old
  CHECK_FALSE(c.get("a"));
  c.put("b", block(10));
  now += 101s;  // 202
  CHECK(c.memory_part()->size() + c.disk_part()->size() >= 2);
  CHECK(manager->run_due() == 2);
  CHECK(manager->cleanups() == 2);
  CHECK(c.size() == 0);
  now += 48s;
  CHECK(manager->run_due() == 1);
}

TEST_CASE("under memory pressure caches that want it shrink, down to the floor, and grow back") {
  larder::manual_clock now;
  double pressure = 0;
  manager_options options;
  options.time = larder::time_source{now};
  options.pressure = [&] { return pressure; };
  settings all =
      settings::from_json(R"({"cache": {"size": "1kB", "policy": "size"}, "caches": {"steady": {"size": "1kB", "policy": "lru"}},
                                         "manager": {"pressure_interval": "2s", "pressure_threshold": 0.5, "pressure_floor": 0.5}})");
  const auto manager = make_manager(all, options);
  managed_cache& c = manager->at("cache");
  for (const char* key : {"a", "b", "c", "d", "e"}) c.put(key, block(200));
  const auto step = [&](double p) {
    pressure = p;
    now += 2s;
    manager->run_due();
    return c.capacity();
  };
  CHECK(step(0.4) == 1000);
  CHECK(step(0.5) == 750);
  CHECK(c.size() == 3);
  CHECK(step(1) == 562);
  CHECK(step(1) == 500);
  CHECK(step(1) == 500);
  CHECK(manager->memory_share() == 0.5);
  CHECK(manager->at("steady").capacity() == 1000);
  c.set_capacity(2000);
  CHECK(c.capacity() == 1000);
  for (int i = 0; i < 4; ++i) step(0);
  for (int i = 0; i < 8; ++i) step(0);
  CHECK(c.capacity() == 2000);  // what was wanted last
  CHECK(manager->memory_share() == 1);
  options.pressure = []() -> double { throw std::runtime_error("unreadable"); };
  const auto other = make_manager(all, options);
  now += 2s;
  other->run_due();
  CHECK(other->at("cache").capacity() == 1000);
}

TEST_CASE("a cache of few entries keeps one of them under pressure") {
  larder::manual_clock now;
  double pressure = 1;
  manager_options options;
  options.time = larder::time_source{now};
  options.pressure = [&] { return pressure; };
  settings all;
  all.caches["entries"].memory_max_entries = 3U;
  all.caches["entries"].policy = "lru";
  all.caches["entries"].shrink_under_pressure = true;
  all.caches["bytes"] = in_memory(2);
  all.caches["bytes"].shrink_under_pressure = true;
  const auto manager = make_manager(all, options);
  managed_cache& c = manager->at("entries");
  for (int i = 0; i < 10; ++i) {
    now += 1s;
    manager->run_due();
  }
  CHECK(manager->memory_share() == 0.25);
  CHECK(c.capacity() == 1);
  CHECK(manager->at("bytes").capacity() == 1);
  CHECK(c.put("a", block(10)));
  CHECK(c.contains("a"));
  c.set_capacity(0);
  CHECK(c.capacity() == 0);  // who asks for none gets none
  c.set_capacity(3);
  pressure = 0;
  for (int i = 0; i < 20; ++i) {
    now += 1s;
    manager->run_due();
  }
  CHECK(c.capacity() == 3);
}

TEST_CASE("an interval that is said nearer for both tiers is over one that a file says for a tier") {
  larder::manual_clock now;
  manager_options options;
  options.time = larder::time_source{now};
  settings by_code;
  by_code.caches["cache"].cleanup_interval = 5s;
  const settings file = settings::from_json(R"({"cache": {"size": 5, "policy": "lru", "memory": {"cleanup_interval": "60s"}}})");
  const auto manager = make_manager(by_code.over(file), options);
  now += 5s;
  CHECK(manager->run_due() == 1);
}

TEST_CASE("a manager is used by many threads while it is cleaned up") {
  const support::temporary_folder folder;
  larder::manual_clock now(1'000'000s);
  manager_options options;
  options.time = larder::time_source{now};
  cache_settings of = with_disk(in_memory(20'000), folder / "disk");
  of.max_age = 10s;
  of.cleanup_interval = 1s;
  const auto manager = make_manager(one(of), options);
  manager->start();
  managed_cache& c = manager->at("cache");
  std::vector<std::thread> threads;
  std::atomic<int> wrong{0};
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 500; ++i) {
        const std::string key = std::to_string((i * 7 + t) % 50);
        if (i % 3 == 0) c.put(key, bytes::copy_of(key + std::string(500, 'v')));
        if (const auto got = c.get(key); got && !got->text().starts_with(key)) ++wrong;
        if (i % 100 == 0) {
          now += 1s;
          static_cast<void>(manager->metrics());
        }
      }
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
  CHECK(support::eventually([&] { return manager->cleanups() > 0; }));
  manager->stop();
}
