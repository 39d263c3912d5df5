// The scenarios of settings and of the caches that they make: D5, D6, D15, D16, D17, D18, D20, D21.
#include <larder/config/cache_manager.hpp>
#include <larder/config/toml.hpp>
#include <larder/config/yaml.hpp>

#include <doctest/doctest.h>

#include "support/eventually.hpp"
#include "support/folders.hpp"
#include "support/managers.hpp"
#include "support/refusal.hpp"
#include "support/temporary_folder.hpp"
#include "support/variables.hpp"
#include "support/write_file.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

using namespace larder::literals;
namespace fs = std::filesystem;
using larder::bytes;
using larder::cache_settings;
using larder::managed_cache;
using larder::manager_options;
using larder::memory_amount;
using larder::settings;
using support::make_manager;
using support::refusal_of;
using support::says;
using support::variables;

namespace {

bytes block(std::size_t size, char fill = 'x') { return bytes::copy_of(std::string(size, fill)); }
fs::path original(const char* name) { return support::script_folder() / "settings" / name; }
std::string survivors(managed_cache& c) {
  std::string left;
  for (const char* key : {"a", "b", "c", "d"})
    if (c.contains(key)) left += key;
  return left;
}
std::string after_four(const std::string& policy) {
  settings all = settings::from_json(R"({"cache": {"memory": {"size": "1MB", "max_items": 3, "type": ")" + policy + R"("}}})");
  const auto manager = make_manager(all);
  managed_cache& c = manager->at("cache");
  c.put("a", block(10));
  c.put("b", block(500));
  c.put("c", block(30));
  c.get("a");
  c.put("d", block(1));
  return survivors(c);
}

}  // namespace

TEST_CASE("D5 by name: lru honours access, fifo ignores it, largest_first evicts the largest") {
  CHECK(after_four("lru") == "acd");
  CHECK(after_four("fifo") == "bcd");
  CHECK(after_four("largest_first") == "acd");
  CHECK(after_four("size") == "acd");
}

TEST_CASE("D5 by name: time with max_age 86400 on an injected time source: kept at 86400, gone at 86401") {
  const support::temporary_folder folder;
  larder::manual_clock now(1'000'000s);
  manager_options options;
  options.time = larder::time_source{now};
  settings all = settings::from_json(
      R"({"system_cache": {"size": 500, "max_age": 86400, "cleanup_policy": "time"}, "cache": {"disk_size": 500, "max_age": 86400}})");
  all.caches["cache"].disk_path = (folder / "disk").string();
  const auto manager = make_manager(all, options);
  for (const char* name : {"system_cache", "cache"}) manager->at(name).put("a", block(10));
  now += 86400s;
  for (const char* name : {"system_cache", "cache"}) CHECK(manager->at(name).get("a") == block(10));
  now += 1s;
  for (const char* name : {"system_cache", "cache"}) CHECK_FALSE(manager->at(name).get("a"));
}

TEST_CASE("D6 eviction_threshold 0.9, capacity 100: an insertion that reaches the limit evicts to at most 90") {
  settings all = settings::from_toml("[cache]\nmemory_size = \"100B\"\npolicy = \"lru\"\neviction_threshold = 0.9\n");
  const auto manager = make_manager(all);
  managed_cache& c = manager->at("cache");
  for (int i = 0; i < 9; ++i) c.put(std::to_string(i), block(10));
  CHECK(c.weight() == 90);
  c.put("9", block(10));
  CHECK(c.weight() <= 90);
  CHECK(c.contains("9"));
  CHECK(c.stats().evictions >= 1);
}

TEST_CASE("D15 CACHE_MEMORY_SIZE=4GB CACHE_DISK_SIZE=100GB CACHE_POLICY=lru set the settings") {
  const settings all = settings::from_environment(
      variables({{"CACHE_MEMORY_SIZE", "4GB"}, {"CACHE_DISK_SIZE", "100GB"}, {"CACHE_POLICY", "lru"}}));
  REQUIRE(all.names() == std::vector<std::string>{"cache"});
  const cache_settings& of = all.caches.at("cache");
  CHECK(*of.memory_size == memory_amount(4_GB));
  CHECK(*of.disk_size == 100_GB);
  CHECK(*of.policy == "lru");
  CHECK_NOTHROW(all.check());
  for (const auto& [text, bytes_said] : {std::pair{"4 gb", 4_GB}, std::pair{"512MB", 512_MB}, std::pair{"100KiB", 100_KiB}})
    CHECK(*settings::from_environment(variables({{"CACHE_MEMORY_SIZE", text}})).caches.at("cache").memory_size ==
          memory_amount(bytes_said));
}

TEST_CASE("D15 -1, abc, 4XB are errors that quote the text and name the variable") {
  for (const std::string text : {"-1", "abc", "4XB"})
    for (const std::string name : {"CACHE_MEMORY_SIZE", "CACHE_DISK_SIZE"}) {
      const auto refused = refusal_of([&] { settings::from_environment(variables({{name, text}})); });
      CHECK(refused.cause == larder::error_cause::invalid_argument);
      CHECK(says(refused, name));
      CHECK(says(refused, "\"" + text + "\""));
    }
  CHECK(says(refusal_of([] {
               settings::from_environment(variables({{"CACHE_POLICY", "lro"}}));
             }),
             "CACHE_POLICY: policy cannot be \"lro\"; did you mean \"lru\"?"));
}

TEST_CASE("D15 precedence: explicit argument, environment, file, default") {
  const support::temporary_folder folder;
  support::write_file(folder / "larder.toml", "[cache]\nmemory_size = \"1MB\"\npolicy = \"fifo\"\neviction_threshold = 0.9\n");
  const auto environment = variables({{"CACHE_MEMORY_SIZE", "2MB"}, {"CACHE_POLICY", "lru"}});
  settings explicitly;
  explicitly.caches["cache"].memory_size = 3_MB;
  const auto manager = make_manager(settings::load(folder / "larder.toml", explicitly, environment));
  CHECK(manager->at("cache").capacity() == 3_MB);
  CHECK(make_manager(settings::load(folder / "larder.toml", {}, environment))->at("cache").capacity() == 2_MB);
  CHECK(make_manager(settings::load(folder / "larder.toml", {}, variables({})))->at("cache").capacity() == 1_MB);
  const cache_settings& of = manager->settings().caches.at("cache");
  CHECK(*of.policy == "lru");
  CHECK(*of.eviction_threshold == 0.9);
  CHECK_FALSE(of.max_age);
}

TEST_CASE("D16 by a manager: 3 hits of 4 gets are a hit rate of 0.75") {
  const auto manager = make_manager(settings::from_json(R"({"cache": {"size": 5}})"));
  managed_cache& c = manager->at("cache");
  c.put("a", block(1));
  for (const char* key : {"a", "a", "none", "a"}) c.get(key);
  CHECK(manager->metrics().at(0).hit_rate == doctest::Approx(0.75));
}

TEST_CASE("D17 compression on: 1 MB of zeros takes under 64 KB in memory and on disk, noise no more than itself") {
  const support::temporary_folder folder;
  settings all = settings::from_yaml(
      "cache: {memory: {size: 1000, compression: true}}\nmodel_cache: {disk_size: 1000, compression: true}\ncaches: {plain: "
      "{size: 1000}}\n");
  all.caches["model_cache"].disk_path = (folder / "disk").string();
  const auto manager = make_manager(all);
  std::mt19937_64 random(17);
  std::string noise(50'000, '\0');
  for (char& c : noise) c = static_cast<char>(random());
  for (const char* name : {"cache", "model_cache"}) {
    CAPTURE(name);
    managed_cache& c = manager->at(name);
    CHECK(c.put("zeros", block(1'000'000, '\0')));
    CHECK(c.weight() < 64'000);
    CHECK(c.stats().logical_bytes == 1'000'000);
    CHECK(c.get("zeros") == block(1'000'000, '\0'));
    const std::uint64_t before = c.weight();
    CHECK(c.put("noise", bytes::copy_of(noise)));
    CHECK(c.weight() - before <= 50'000);
    CHECK(c.get("noise")->text() == noise);
  }
  CHECK(manager->at("plain").put("zeros", block(1'000'000, '\0')));
  CHECK(manager->at("plain").weight() == 1'000'000);
}

TEST_CASE("D18 clean-up interval 300 on an injected time source: runs at 300 and 600; stop returns at once") {
  larder::manual_clock now(1'000'000s);
  manager_options options;
  options.time = larder::time_source{now};
  const auto manager =
      make_manager(settings::from_json(R"({"cache": {"size": 5, "max_age": 10, "cleanup_interval": 300}})"), options);
  managed_cache& c = manager->at("cache");
  manager->start();
  CHECK(manager->is_running());
  for (const std::uint64_t run : {1U, 2U}) {
    c.put("a", block(10));
    now += 299s;
    CHECK(manager->run_due() == 0);
    CHECK(manager->cleanups() == run - 1);
    CHECK(c.size() == 1);
    now += 1s;
    CHECK(support::eventually([&] { return manager->cleanups() == run; }));
    CHECK(c.size() == 0);
  }
  manager->stop();
  CHECK_FALSE(manager->is_running());
  now += 300s;
  CHECK(manager->cleanups() == 2);
}

TEST_CASE("D20 the configuration files of the originals load as they are, and make their caches") {
  const support::temporary_folder folder;
  std::optional<settings> before;
  for (const char* name : {"machines.yaml", "machines.toml", "machines.json"}) {
    CAPTURE(name);
    settings all = settings::load(original(name), {}, variables({}));
    if (before) CHECK(all == *before);
    before = all;
    CHECK(all.names() == std::vector<std::string>{"cache", "model_cache", "system_cache", "training_cache"});
    CHECK(*all.caches.at("cache").memory_size == memory_amount(1_GB));
    CHECK(*all.caches.at("cache").disk_size == 10_GB);
    CHECK(*all.caches.at("system_cache").max_age == 86400s);
    CHECK(all.training().options().batch_size == 32);
    CHECK(all.training().options().prefetch == 4);

    settings explicitly;  // not into the folder that this test happens to run in
    explicitly.caches["cache"].disk_path = (folder / name / "disk").string();
    explicitly.caches["system_cache"].temp_dir = (folder / name / "temp").string();
    std::vector<std::string> warned;
    manager_options options;
    options.on_warning = [&](const std::string& text) { warned.push_back(text); };
    const auto manager = make_manager(settings::load(original(name), explicitly, variables({})), options);
    REQUIRE(warned.size() == 1);
    CHECK(warned[0].find("epoch_pin") != std::string::npos);
    for (const std::string& each : manager->names()) {
      CHECK(manager->at(each).put("a", block(5000, '\0')));
      CHECK(manager->at(each).get("a") == block(5000, '\0'));
    }
    CHECK(manager->at("model_cache").weight() < 1000);  // compressed
    CHECK(manager->at("system_cache").weight() == 5000);
    CHECK(manager->export_entries("model_cache", folder / name / "models.safetensors") == 1);
  }
}

TEST_CASE("D20 the second shape: one cache with units, a threshold and a limit of entries") {
  const support::temporary_folder folder;
  std::optional<settings> before;
  for (const char* name : {"server.toml", "server.yaml", "server.json"}) {
    CAPTURE(name);
    settings all = settings::load(original(name), {}, variables({}));
    if (before) CHECK(all == *before);
    before = all;
    const cache_settings& of = all.caches.at("cache");
    CHECK(*of.memory_size == memory_amount(4_GB));
    CHECK(*of.disk_size == 100_GB);
    CHECK(*of.policy == "lru");
    CHECK(*of.eviction_threshold == 0.9);
    CHECK(*of.memory_max_entries == 100'000);
    CHECK(*of.memory_cleanup_interval == 60s);
    CHECK(*of.disk_use_mmap);
    settings explicitly;
    explicitly.caches["cache"].disk_path = (folder / name).string();
    const auto manager = make_manager(settings::load(original(name), explicitly, variables({})));
    CHECK(manager->at("cache").put("a", block(10)));
    CHECK(manager->at("cache").disk_part()->get("a")->where() == larder::residence::mapping);
    CHECK(manager->warnings().empty());
  }
}

TEST_CASE("D20 an unknown or mistyped key is an error with file, line and the nearest known key") {
  const support::temporary_folder folder;
  support::write_file(folder / "larder.yaml", "cache:\n  memory:\n    size: 1000\n    tpye: lru\n");
  CHECK(says(refusal_of([&] { settings::load(folder / "larder.yaml"); }),
             (folder / "larder.yaml").string() + ":4:5: there is no key \"tpye\" in cache.memory; did you mean \"type\"?"));
  support::write_file(folder / "larder.toml", "[cache]\nmemory_size = \"4GB\"\n\n[cache.disk]\nuse_mmap = \"yes\"\n");
  CHECK(says(refusal_of([&] { settings::load(folder / "larder.toml"); }),
             "larder.toml:5:12: use_mmap is a text, \"yes\"; it is to be true or false"));
  support::write_file(folder / "larder.json", "{\n  \"cache\": {\"memory_size\": \"4GB\", \"batch_bufer\": 3}\n}\n");
  CHECK(says(refusal_of([&] { settings::load(folder / "larder.json"); }),
             "larder.json:2:35: there is no key \"batch_bufer\" in cache; did you mean \"batch_buffer\"?"));
  support::write_file(folder / "larder.json", "{\n  \"cache\": {\"memory_size\": \"4GB\", \"disk\": {\"use_mmap\": true}}\n}\n");
  CHECK(says(refusal_of([&] { settings::load(folder / "larder.json"); }),
             "larder.json:2:56: disk.use_mmap of \"cache\" changes nothing without a disk tier"));
}

TEST_CASE("D21 memory budget as a share: 0.3 of the memory available to the process, control groups counted") {
  const support::temporary_folder root;
  support::write_file(root / "proc/meminfo", "MemTotal: 4000000 kB\nMemAvailable: 2000000 kB\n");
  support::write_file(root / "proc/self/cgroup", "0::/job\n");
  support::write_file(root / "sys/fs/cgroup/job/memory.max", "1000000000\n");
  support::write_file(root / "sys/fs/cgroup/job/memory.current", "200000000\n");
  manager_options options;
  options.available_memory = larder::layers::available_memory(root.path());
  CHECK(make_manager(settings::from_json(R"({"cache": {"memory": {"size": 0.3}}})"), options)->at("cache").capacity() ==
        240'000'000);
  support::write_file(root / "sys/fs/cgroup/job/memory.max", "max\n");
  options.available_memory = larder::layers::available_memory(root.path());
  CHECK(make_manager(settings::from_environment(variables({{"CACHE_MEMORY_SIZE", "0.3"}})), options)->at("cache").capacity() ==
        614'400'000);
  const auto here = make_manager(settings::from_json(R"({"cache": {"memory": {"size": "0.3 of memory"}}})"));
  CHECK(here->at("cache").capacity() > 0);
}
