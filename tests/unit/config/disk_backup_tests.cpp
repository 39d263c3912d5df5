#include <larder/config/cache_manager.hpp>
#include <larder/config/finished_path.hpp>

#include <doctest/doctest.h>

#include "support/managers.hpp"
#include "support/refusal.hpp"
#include "support/temporary_folder.hpp"
#include "support/write_file.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>

using namespace larder::literals;
namespace fs = std::filesystem;
using larder::bytes;
using larder::cache_settings;
using larder::managed_cache;
using larder::manager_options;
using larder::settings;
using support::make_manager;
using support::refusal_of;
using support::says;

namespace {

settings on_disk(const fs::path& path) {
  settings all;
  cache_settings& of = all.caches["models"];
  of.memory_size = 100'000U;
  of.disk_size = 100'000'000U;
  of.disk_path = path.string();
  of.policy = "lru";
  return all;
}
std::map<std::string, std::string> content_of(managed_cache& c) {
  std::map<std::string, std::string> all;
  c.for_each_key([&](const std::string& key) {
    if (const auto value = c.peek(key)) all[key] = value->text();
  });
  return all;
}

}  // namespace

TEST_CASE("a backup has what the cache has, small and large, and comes back into another cache") {
  const support::temporary_folder folder;
  for (const bool compressed : {false, true}) {
    CAPTURE(compressed);
    const fs::path place = folder / (compressed ? "compressed" : "plain");
    settings all = on_disk(place / "a");
    all.caches["models"].compression = compressed;
    const auto manager = make_manager(all);
    managed_cache& c = manager->at("models");
    for (int i = 0; i < 50; ++i)
      CHECK(c.put("key " + std::to_string(i), bytes::copy_of(std::string(static_cast<std::size_t>(i) * 100, 'v'))));
    CHECK(c.put("large", bytes::copy_of(std::string(3'000'000, 'L'))));
    CHECK(c.put(std::string("nul\0", 4), bytes::copy_of(std::string("odd key"))));
    CHECK(c.put("erased", bytes::copy_of(std::string("x"))));
    CHECK(c.remove("erased"));
    const larder::backup_report report = manager->backup("models", place / "backup");
    CHECK(report.entries == 52);
    CHECK(report.bytes == 50 * 49 / 2 * 100 + 3'000'000 + 7);
    CHECK(report.unsettled == 0);
    const auto before = content_of(c);
    c.clear();
    CHECK(manager->restore("models", place / "backup").entries == 52);
    CHECK(content_of(c) == before);

    const auto other = make_manager(on_disk(place / "b"));
    CHECK(other->restore("models", place / "backup").bytes == report.bytes);
    CHECK(content_of(other->at("models")) == before);
    for (const auto& entry : fs::directory_iterator(place)) CHECK(entry.path().string().find(".partial-") == std::string::npos);
  }
}

TEST_CASE("entries keep what is left of their time, in the backup and after it") {
  const support::temporary_folder folder;
  larder::manual_clock now(1'000'000s);
  manager_options options;
  options.time = larder::time_source{now};
  settings all = on_disk(folder / "a");
  all.caches["models"].max_age = 100s;
  const auto manager = make_manager(all, options);
  managed_cache& c = manager->at("models");
  c.put("a", bytes::copy_of(std::string("a")));
  c.put("own", bytes::copy_of(std::string("own")), 50s);
  c.put("short", bytes::copy_of(std::string("short")), 10s);
  now += 20s;
  CHECK(manager->backup("models", folder / "backup").entries == 2);  // short is over
  c.clear();
  now += 20s;  // 40
  CHECK(manager->restore("models", folder / "backup").entries == 2);
  now += 10s;  // 50
  CHECK(c.contains("own"));
  now += 1s;
  CHECK_FALSE(c.contains("own"));
  now += 49s;  // 100
  CHECK(c.contains("a"));
  now += 1s;
  CHECK_FALSE(c.contains("a"));
  CHECK(manager->restore("models", folder / "backup").entries == 0);
}

TEST_CASE("a backup beside writers: every entry is whole, and of some moment of it") {
  const support::temporary_folder folder;
  const auto manager = make_manager(on_disk(folder / "a"));
  managed_cache& c = manager->at("models");
  const auto value = [](const std::string& key, int version) {
    return bytes::copy_of(key + ":" + std::to_string(version) + std::string(2000, 'v'));
  };
  for (int i = 0; i < 100; ++i) c.put(std::to_string(i), value(std::to_string(i), 0));
  std::atomic<bool> over{false};
  std::thread writer([&] {
    for (int version = 1; !over; ++version)
      for (int i = 0; i < 10; ++i) c.put(std::to_string(i), value(std::to_string(i), version));
  });
  const larder::backup_report report = manager->backup("models", folder / "backup");
  over = true;
  writer.join();
  CHECK(report.entries == 100);
  CHECK(report.unsettled <= 10);
  const auto other = make_manager(on_disk(folder / "b"));
  CHECK(other->restore("models", folder / "backup").entries == 100);
  int wrong = 0;
  for (const auto& [key, text] : content_of(other->at("models")))
    wrong += text.starts_with(key + ":") && text.ends_with(std::string(2000, 'v')) ? 0 : 1;
  CHECK(wrong == 0);
}

TEST_CASE("partial files are made in temp_dir") {
  const support::temporary_folder folder;
  settings all = on_disk(folder / "a");
  all.caches["models"].temp_dir = (folder / "temp").string();
  const auto manager = make_manager(all);
  manager->at("models").put("a", bytes::copy_of(std::string("a")));
  std::string seen;
  larder::sweep_control control;
  control.progress = [&](std::uint64_t, std::uint64_t) {
    for (const auto& entry : fs::directory_iterator(folder / "temp")) seen = entry.path().filename().string();
    CHECK_FALSE(fs::exists(folder / "deep/backup"));
  };
  CHECK(manager->backup("models", folder / "deep/backup", control).entries == 1);
  CHECK(seen.starts_with("backup.partial-"));
  CHECK(fs::is_empty(folder / "temp"));
  CHECK(fs::exists(folder / "deep/backup/format"));
}

TEST_CASE("a folder with a slash behind its name is the same folder") {
  const support::temporary_folder folder;
  const auto manager = make_manager(on_disk(folder / "a"));
  manager->at("models").put("a", bytes::copy_of(std::string("a")));
  CHECK(manager->backup("models", folder / "bk" / "tuesday/").entries == 1);
  CHECK(manager->restore("models", folder / "bk" / "tuesday/").entries == 1);
  CHECK(std::distance(fs::directory_iterator(folder / "bk"), fs::directory_iterator()) == 1);
  CHECK(manager->export_entries("models", folder / "out.safetensors/") == 1);
  CHECK(fs::is_regular_file(folder / "out.safetensors"));
  for (const char* name : {".", "..", "new/.", "/"}) {
    CAPTURE(name);
    CHECK(says(refusal_of([&] { manager->backup("models", folder / name); }), "names nothing that could be made"));
  }
  CHECK_FALSE(fs::exists(folder / "new"));
}

TEST_CASE("folders that were made for a backup go again when it fails") {
  const support::temporary_folder folder;
  settings all = on_disk(folder / "a");
  all.caches["models"].temp_dir = (folder / "temp/deep").string();
  const auto manager = make_manager(all);
  manager->at("models").put("a", bytes::copy_of(std::string("a")));
  std::stop_source stopped;
  stopped.request_stop();
  const auto refused = refusal_of([&] { manager->backup("models", folder / "new/bk/", {stopped.get_token(), {}}); });
  CHECK(refused.cause == larder::error_cause::cancelled);
  CHECK_FALSE(fs::exists(folder / "new"));
  CHECK_FALSE(fs::exists(folder / "temp"));
  {
    larder::config::finished_path plain(folder / "new/file", {});
    CHECK(fs::exists(folder / "new"));
    support::write_file(folder / "new" / "of another", "x");
  }
  CHECK(fs::exists(folder / "new" / "of another"));
}

TEST_CASE("what cannot be backed up or restored is said, and leaves nothing") {
  const support::temporary_folder folder;
  settings all = on_disk(folder / "a");
  all.caches["memory"].memory_size = 1000U;
  all.caches["shared"].disk_size = 1'000'000U;
  all.caches["shared"].disk_path = (folder / "shared").string();
  all.caches["shared"].disk_storage = "directory";
  const auto manager = make_manager(all);
  manager->at("models").put("a", bytes::copy_of(std::string(2000, 'a')));
  CHECK(says(refusal_of([&] { manager->backup("memory", folder / "b"); }), "keeps nothing in an mmap_disk"));
  CHECK(says(refusal_of([&] { manager->backup("shared", folder / "b"); }), "keeps nothing in an mmap_disk"));
  CHECK(says(refusal_of([&] { manager->backup("modles", folder / "b"); }), "did you mean \"models\""));
  support::write_file(folder / "there" / "file", "x");
  CHECK(says(refusal_of([&] { manager->backup("models", folder / "there"); }), "is there already"));
  CHECK(says(refusal_of([&] { manager->restore("models", folder / "there"); }), "is no backup of a cache"));
  CHECK(says(refusal_of([&] { manager->restore("models", folder / "absent"); }), "is no backup of a cache"));
  std::stop_source stopped;
  stopped.request_stop();
  CHECK(refusal_of([&] {
          manager->backup("models", folder / "b", {stopped.get_token(), {}});
        }).cause == larder::error_cause::cancelled);
  CHECK_FALSE(fs::exists(folder / "b"));
  CHECK(manager->backup("models", folder / "b").entries == 1);
  const auto small = [&] {
    settings of = on_disk(folder / "small");
    of.caches["models"].memory_size = 10U;
    of.caches["models"].disk_size = 1000U;
    return make_manager(of);
  }();
  const auto refused = refusal_of([&] { small->restore("models", folder / "b"); });
  CHECK(refused.cause == larder::error_cause::no_space);
  CHECK(says(refused, "has no room for an entry of 2000 bytes"));
  std::size_t partial = 0;
  for (const auto& entry : fs::directory_iterator(folder.path()))
    partial += entry.path().string().find(".partial-") != std::string::npos ? 1U : 0U;
  CHECK(partial == 0);
}
