// What code says is held to the rules that files are read by: nothing here goes through a reader.
#include <larder/config/cache_manager.hpp>
#include <larder/config/setting_refusal.hpp>
#include <larder/config/settings.hpp>
#include <larder/config/value_rules.hpp>

#include <doctest/doctest.h>

#include "support/managers.hpp"
#include "support/refusal.hpp"
#include "support/temporary_folder.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <memory>
#include <string>

using namespace larder::literals;
using larder::cache_settings;
using larder::manager_options;
using larder::memory_amount;
using larder::settings;
using support::make_manager;
using support::refusal;
using support::refusal_of;
using support::says;

namespace {

/// What `check` says of a cache in memory and on disk of which code says one thing more; the manager is to say the same.
refusal refused(const std::function<void(cache_settings&)>& say, const std::string& name = "x") {
  settings all;
  cache_settings& of = all.caches[name];
  of.policy = "lru";
  of.memory_size = 1_MB;
  of.disk_size = 1_MB;
  of.disk_path = "never made";
  say(of);
  const refusal checked = refusal_of([&] { all.check(); });
  CHECK(refusal_of([&] { make_manager(all); }).message == checked.message);
  CHECK_FALSE(std::filesystem::exists("never made"));
  return checked;
}
refusal refused_of_manager(const std::function<void(larder::manager_settings&)>& say) {
  settings all;
  all.caches["x"].memory_size = 1_MB;
  say(all.manager);
  const refusal checked = refusal_of([&] { all.check(); });
  CHECK(refusal_of([&] { make_manager(all); }).message == checked.message);
  return checked;
}

}  // namespace

TEST_CASE("periods of no time, and negative ones, are refused with the cache and the key") {
  CHECK(says(refused([](auto& of) { of.cleanup_interval = 0s; }),
             "larder: code: cleanup_interval of \"x\" is no time at all; give it a period above zero, or leave it out"));
  CHECK(says(refused([](auto& of) { of.cleanup_interval = -1s; }),
             "code: cleanup_interval of \"x\" is -1s, which is negative; give it a period above zero, or leave it out"));
  CHECK(says(refused([](auto& of) { of.memory_cleanup_interval = 0s; }), "code: memory.cleanup_interval of \"x\" is no time"));
  CHECK(says(refused([](auto& of) { of.disk_cleanup_interval = -5ms; }), "code: disk.cleanup_interval of \"x\" is -5ms"));
  CHECK(says(refused([](auto& of) { of.max_age = 0s; }), "code: max_age of \"x\" is no time at all"));
  CHECK(says(refused([](auto& of) { of.max_age = -24h; }), "code: max_age of \"x\" is -1d, which is negative"));
  CHECK(says(refused([](auto& of) { of.max_idle = 0s; }), "code: max_idle of \"x\" is no time at all"));
  CHECK(says(refused([](auto& of) {
               of.remote_url = "https://host/models";
               of.remote_type = "webdav";
               of.remote_lookup_budget = 0s;
             }),
             "code: remote.lookup_budget of \"x\" is no time at all"));
  CHECK(says(refused_of_manager([](auto& of) { of.pressure_interval = 0s; }),
             "code: pressure_interval of the manager is no time at all"));
  CHECK(says(refused_of_manager([](auto& of) { of.pressure_interval = -1s; }), "pressure_interval of the manager is -1s"));
}

TEST_CASE("amounts of memory that are none: negative ones, shares that are no shares, none at all") {
  CHECK(says(refused([](auto& of) { of.memory_size = -1; }),
             "code: memory.size of \"x\" is -1; it is to be bytes from 1 on, or memory_amount::of_memory with a share"));
  CHECK(memory_amount(-1).in(1000) == 0);  // not 2^64 - 1 bytes, whoever does not check
  CHECK(says(refused([](auto& of) { of.memory_size = std::int64_t{-5'000'000}; }), "code: memory.size of \"x\" is -5"));
  CHECK(says(refused([](auto& of) { of.memory_size = 0; }), "code: memory.size of \"x\" is 0, which is no room at all"));
  constexpr double infinity = std::numeric_limits<double>::infinity();
  for (const double share : {-0.5, -1.0, 1.000001, 5.0, 1e300, infinity, std::numeric_limits<double>::quiet_NaN()}) {
    CAPTURE(share);
    CHECK(says(refused([&](auto& of) { of.memory_size = memory_amount::of_memory(share); }), "code: memory.size of \"x\" is "));
  }
  CHECK(says(refused([](auto& of) { of.memory_size = memory_amount::of_memory(0); }), "is 0, which is no room at all"));
}

TEST_CASE("a share that comes to no byte is refused when the manager is made, before a directory is") {
  const support::temporary_folder folder;
  settings all;
  all.caches["disk"].disk_size = 1_MB;
  all.caches["disk"].disk_path = (folder / "disk").string();
  all.caches["disk"].policy = "lru";
  all.caches["x"].memory_size = memory_amount::of_memory(0.01);
  manager_options options;
  options.available_memory = 99;
  CHECK(says(refusal_of([&] { make_manager(all, options); }),
             "code: memory.size of \"x\" is 0.01 of memory, which comes to 0 of the 99 bytes that are available; give it a"));
  CHECK_FALSE(std::filesystem::exists(folder / "disk"));
}

TEST_CASE("sizes and counts of zero, and negative ones") {
  CHECK(says(refused([](auto& of) { of.disk_size = 0; }), "code: disk.size of \"x\" is 0, which is no room at all"));
  CHECK(says(refused([](auto& of) { of.disk_size = -1; }), "code: disk.size of \"x\" is -1; it is to be a size"));
  CHECK(says(refused([](auto& of) { of.disk_size = 1e300; }), "code: disk.size of \"x\" is 1e+300; it is to be a size"));
  CHECK(says(refused([](auto& of) { of.memory_max_entries = 0; }),
             "code: memory.max_entries of \"x\" is 0; it is to be a whole number from 1 on"));
  CHECK(says(refused([](auto& of) { of.memory_max_entries = -7; }),
             "code: memory.max_entries of \"x\" is -7; it is to be a whole number from 1 on"));
  CHECK(says(refused([](auto& of) { of.batch_buffer = 0; }, "training_cache"), "code: batch_buffer of \"training_cache\" is 0"));
  CHECK(says(refused([](auto& of) { of.prefetch = -1; }, "training_cache"), "code: prefetch of \"training_cache\" is -1"));
  CHECK(says(refused([](auto& of) { of.batch_buffer = 8; }),
             "code: batch_buffer of \"x\" changes nothing; it is for training_cache"));
  larder::setting<std::uint64_t> corrected = -1;
  corrected = 5;
  CHECK_FALSE(corrected.misfit());
  CHECK(*corrected == 5);
}

TEST_CASE("shares beyond 0 to 1") {
  for (const double share : {0.0, -0.1, 1.5, std::numeric_limits<double>::quiet_NaN()}) {
    CAPTURE(share);
    CHECK(says(refused([&](auto& of) { of.eviction_threshold = share; }), "code: eviction_threshold of \"x\" is "));
    CHECK(says(refused_of_manager([&](auto& of) { of.pressure_threshold = share; }), "pressure_threshold of the manager is "));
    CHECK(says(refused_of_manager([&](auto& of) { of.pressure_floor = share; }), "which is not a share"));
  }
}

TEST_CASE("names that there are not, and texts that are none") {
  CHECK(says(refused([](auto& of) { of.policy = "lruu"; }), "code: policy of \"x\" cannot be \"lruu\"; did you mean \"lru\"?"));
  CHECK(says(refused([](auto& of) { of.disk_policy = "lur"; }), "code: disk.policy of \"x\" cannot be \"lur\""));
  CHECK(says(refused([](auto& of) { of.disk_storage = "floppy"; }),
             "code: disk.storage of \"x\" cannot be \"floppy\"; there are \"mmap_disk\", \"directory\""));
  CHECK(says(refused([](auto& of) { of.format = "zip"; }),
             "code: format of \"x\" cannot be \"zip\"; there are \"safetensors\", \"tar\""));
  CHECK(says(refused([](auto& of) { of.disk_path = ""; }), "code: disk.path of \"x\" is empty"));
  CHECK(says(refused([](auto& of) { of.temp_dir = std::string("a\0b", 3); }), "code: temp_dir of \"x\" has a NUL in it"));
  CHECK(says(refused([](auto&) {}, ""), "a cache has an empty name"));
}

TEST_CASE("what files may say, code may") {
  settings all;
  cache_settings& of = all.caches["training_cache"];
  of.memory_size = memory_amount::of_memory(1);
  of.memory_max_entries = 1;
  of.disk_size = 1;
  of.max_age = 1ns;
  of.max_idle = larder::duration::max();
  of.cleanup_interval = 1ns;
  of.prefetch = 0;
  of.batch_buffer = 1;
  of.temp_dir = "/tmp";
  of.format = "tar";
  all.manager.pressure_floor = 1;
  CHECK_NOTHROW(all.check());
}
