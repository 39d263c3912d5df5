// What files, variables and code say together, and what several caches do: who wins, what is refused, and where that was said.
#include <larder/config/settings.hpp>
#include <larder/config/settings_check.hpp>
#include <larder/config/settings_text.hpp>

#include <doctest/doctest.h>

#include "support/refusal.hpp"
#include "support/temporary_folder.hpp"
#include "support/write_file.hpp"

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace larder::literals;
using larder::cache_settings;
using larder::settings;
namespace config = larder::config;
using support::refusal_of;
using support::says;

namespace {

settings file_of(const std::string& keys, const std::string& name = "x") {
  return settings::from_json("{\"caches\": {\"" + name + "\": {" + keys + "}}}", "a.json");
}
settings under_variables(const settings& file, std::vector<std::pair<std::string, std::string>> said) {
  return settings::from_environment(
             [said](const std::string& name) -> std::optional<std::string> {
               for (const auto& [variable, value] : said)
                 if (variable == name) return value;
               return std::nullopt;
             },
             file.names())
      .over(file);
}
bool compressed_in_memory(const settings& all) {
  const cache_settings& of = all.caches.at("x");
  return config::for_tier(of.memory_compression, of.compression).value_or(false);
}
larder::duration memory_interval(const settings& all) {
  const cache_settings& of = all.caches.at("x");
  return config::for_tier(of.memory_cleanup_interval, of.cleanup_interval).value_or(larder::duration(0));
}

}  // namespace

TEST_CASE("what is said for a tier and what is said for both: the nearer source wins without a word") {
  settings by_code;
  by_code.caches["x"].memory_compression = false;
  const settings all = by_code.over(file_of(R"("size": "1MB", "compression": true)"));
  CHECK_NOTHROW(all.check());
  CHECK_FALSE(compressed_in_memory(all));

  const settings shorter =
      under_variables(file_of(R"("size": "1MB", "cleanup_interval": "60s")"), {{"X_MEMORY_CLEANUP_INTERVAL", "5s"}});
  CHECK_NOTHROW(shorter.check());
  CHECK(memory_interval(shorter) == 5s);

  // The other way round: what is said nearer for both tiers is over what the file says for one.
  const settings tier_in_file = file_of(R"("size": "1MB", "memory": {"compression": true, "cleanup_interval": "60s"})");
  settings plain;
  plain.caches["x"].compression = false;
  CHECK_NOTHROW(plain.over(tier_in_file).check());
  CHECK_FALSE(compressed_in_memory(plain.over(tier_in_file)));
  const settings by_variable = under_variables(tier_in_file, {{"X_CLEANUP_INTERVAL", "5s"}});
  CHECK_NOTHROW(by_variable.check());
  CHECK(memory_interval(by_variable) == 5s);
  CHECK(compressed_in_memory(by_variable));
}

TEST_CASE("two statements of one source of which one changes nothing are refused") {
  CHECK(says(refusal_of([] { file_of(R"("size": 5, "compression": true, "memory": {"compression": false})").check(); }),
             "compression of \"x\" changes nothing, as memory.compression"));
  settings by_code = file_of(R"("size": 5)");
  by_code.caches.at("x").compression = true;
  by_code.caches.at("x").memory_compression = false;
  CHECK(says(refusal_of([&] { by_code.check(); }), "code: compression of \"x\" changes nothing"));
  CHECK(says(refusal_of([] {
               under_variables(file_of(R"("size": 5)"), {{"X_COMPRESSION", "true"}, {"X_MEMORY_COMPRESSION", "false"}}).check();
             }),
             "X_COMPRESSION: compression of \"x\" changes nothing"));
}

TEST_CASE("what a nearer source makes moot is not refused, and what it says in vain is") {
  const settings mapped = file_of(R"("disk": {"size": 5, "use_mmap": true, "compression": true})");
  CHECK_NOTHROW(under_variables(mapped, {{"X_DISK_STORAGE", "directory"}}).check());
  settings in_vain;
  in_vain.caches["x"].disk_use_mmap = true;
  CHECK(says(refusal_of([&] { in_vain.over(file_of(R"("disk": {"size": 5, "storage": "directory"})")).check(); }),
             "code: disk.use_mmap of \"x\" changes nothing for directory"));
  const settings evicting = file_of(R"("size": 5, "eviction_threshold": 0.9)");
  CHECK_NOTHROW(under_variables(evicting, {{"X_POLICY", "epoch_pin"}}).check());
  const settings written = file_of(
      R"("size": 5, "remote": {"type": "webdav", "url": "https://host/a", "mode": "write_back", "queue_size": "1MB",
         "user": "team", "secret_variable": "A"})");
  CHECK_NOTHROW(under_variables(written, {{"X_REMOTE_MODE", "read_only"}}).check());
  CHECK_NOTHROW(under_variables(written, {{"X_REMOTE_CREDENTIAL", "none"}}).check());
  // No source says a disk, so that nothing can be meant by its path, whoever said it.
  CHECK(says(refusal_of([] {
               under_variables(file_of(R"("size": 5)"), {{"X_DISK_PATH", "/srv/x"}}).check();
             }),
             "X_DISK_PATH: disk.path of \"x\" changes nothing without a disk tier"));
}

TEST_CASE("settings of several sources as one text mean the same") {
  settings by_code;
  by_code.caches["x"].compression = false;
  const settings general = by_code.over(file_of(R"("size": "1MB", "disk_size": "1MB", "memory": {"compression": true})"));
  const settings again = settings::from_json(to_text(general, larder::settings_format::json));
  CHECK_NOTHROW(again.check());
  CHECK_FALSE(compressed_in_memory(again));
  by_code = {};
  by_code.caches["x"].memory_compression = false;
  const settings tier = by_code.over(file_of(R"("size": "1MB", "compression": true)"));
  CHECK_NOTHROW(settings::from_json(to_text(tier, larder::settings_format::json)).check());
}

TEST_CASE("a cache without a limit is told of where it was named") {
  CHECK(says(refusal_of([] { settings::from_json("{\"cache\":{\"max_age\":5,\n\"policy\":\"lru\"}}", "a.json").check(); }),
             "larder: a.json:1:21: the cache \"cache\" has no limit; give it memory.size"));
  const auto stray = refusal_of([] { under_variables(file_of(R"("size": 5)"), {{"CACHE_POLICY", "lru"}}).check(); });
  CHECK(says(stray, "larder: CACHE_POLICY: the cache \"cache\" has no limit; give it memory.size"));
  CHECK(says(stray, ", or unset CACHE_POLICY if it is not meant for such a cache"));
  settings by_code = settings::from_json(R"({"cache": {"policy": "lru"}})", "a.json");
  by_code.caches.at("cache").max_age = 5s;
  CHECK(says(refusal_of([&] { by_code.check(); }), "larder: a.json:1:22: the cache \"cache\" has no limit"));
}

TEST_CASE("a cache of which a file says nothing but its name is refused where that stands") {
  const settings nothing = settings::from_json("{\"b\": {\"size\": 5},\n \"cache\": {}}", "a.json");
  CHECK(says(refusal_of([&] { nothing.check(); }), "larder: a.json:2:2: the cache \"cache\" has no limit"));
  CHECK(says(refusal_of([&] { settings().over(nothing).check(); }), "larder: a.json:2:2: "));
  CHECK(says(refusal_of([&] { nothing.over(settings::from_json(R"({"b": {"policy": "lru"}})", "below.json")).check(); }), "larder: a.json:2:2: "));
  CHECK(says(refusal_of([&] { settings::from_json(R"({"cache": {}})", "above.json").over(nothing).check(); }), "larder: above.json:1:2: "));
  CHECK(says(refusal_of([] { settings::from_toml("[b]\nsize = 5\n[cache]\n", "a.toml").check(); }), "larder: a.toml:3:2: "));
  CHECK(says(refusal_of([] { settings::from_yaml("caches:\n  x: {}\n", "a.yaml").check(); }), "larder: a.yaml:2:3: the cache \"x\""));

  settings by_code = nothing;
  by_code.caches.at("cache").policy = "lru";
  CHECK(says(refusal_of([&] { by_code.check(); }), "larder: a.json:2:2: "));  // code says less of where it is than the file
  by_code.caches.at("cache").memory_max_entries = 5;
  CHECK_NOTHROW(by_code.check());

  settings elsewhere = settings::from_json("{\"cache\": {},\n \"b\": {\"size\": 5}}", "b.json");
  CHECK(elsewhere == nothing);
}

TEST_CASE("without a disk.path the name is a directory's, which leads out of .cache by no way") {
  for (const std::string& name : {std::string("../evil"), std::string("a/b"), std::string("/etc"), std::string("."),
                                  std::string(".."), std::string("a\nb"), std::string("a\0b", 3), std::string("\x7f")}) {
    CAPTURE(name);
    settings all;
    all.caches[name].disk_size = 1_MB;
    CHECK(says(refusal_of([&] { all.check(); }),
               "is of a directory that is called like the cache, and this name cannot be one; give it a disk.path of its own, or "
               "another name"));
    all.caches[name].disk_path = "/srv/elsewhere";
    CHECK_NOTHROW(all.check());
    settings in_memory;
    in_memory.caches[name].memory_size = 1_MB;
    CHECK_NOTHROW(in_memory.check());
  }
  for (const char* name : {"a", "a.b", "...", "model cache", "modèle", ".hidden", "a\\b"}) {
    CAPTURE(name);
    settings all;
    all.caches[name].disk_size = 1_MB;
    CHECK_NOTHROW(all.check());
  }
}

TEST_CASE("two caches in one directory are refused, one in the other's are warned of") {
  const auto both = [](const std::string& a, const std::string& b) {
    return settings::from_json("{\"caches\": {\"a\": {\"disk\": {\"size\": 5, \"path\": \"" + a +
                                   "\"}},\n\"b\": {\"disk\": {\"size\": 5, \"path\": \"" + b + "\"}}}}",
                               "a.json");
  };
  const std::string here = std::filesystem::current_path().string();
  for (const auto& paths : std::vector<std::pair<std::string, std::string>>{
           {"/srv/x", "/srv/x"}, {"/srv/x", "/srv/x/"}, {"/srv/x", "/srv/./y/../x"}, {"y", "./y"}, {"y", here + "/y"}}) {
    const std::string a = paths.first;
    const std::string b = paths.second;
    CAPTURE(a);
    CAPTURE(b);
    CHECK(says(refusal_of([&] { both(a, b).check(); }), "a.json:2:35: disk.path of \"b\" is that of \"a\", \""));
    CHECK(says(refusal_of([&] { both(a, b).check(); }), "so that each would find the other's values; give one of them another"));
  }
  settings by_default = file_of(R"("disk": {"size": 5, "path": ".cache/y"})");
  by_default.caches["y"].disk_size = 1_MB;
  CHECK(says(refusal_of([&] { by_default.check(); }), "a.json:1:47: disk.path of \"y\" is that of \"x\""));

  const settings nested = both("/srv/x", "/srv/x/inner");
  CHECK_NOTHROW(nested.check());
  REQUIRE(nested.warnings().size() == 1);
  CHECK(nested.warnings()[0] ==
        "a.json:2:35: disk.path of \"b\" lies in that of \"a\", so that who empties or moves the one takes the other along; give "
        "them directories beside each other");
  CHECK(both("/srv/x/inner", "/srv/x").warnings().size() == 1);
  CHECK(both("/srv/x", "/srv/xy").warnings().empty());
  CHECK(both("/srv/x", "/srv/y").warnings().empty());
  CHECK_NOTHROW(both("/srv/x", "/srv/xy").check());
}

TEST_CASE("a variable that is one of two caches is refused, when it is set") {
  settings two;
  two.caches["a-b"].memory_size = 1_MB;
  two.caches["a_b"].memory_size = 1_MB;
  CHECK(under_variables(two, {}) == two);
  CHECK(says(refusal_of([&] {
               under_variables(two, {{"A_B_MEMORY_SIZE", "5MB"}});
             }),
             "larder: A_B_MEMORY_SIZE: this variable is memory.size of \"a_b\", and one of \"a-b\" as well; call one of the two "
             "caches otherwise, or unset it"));
  settings keys;
  keys.caches["a"].disk_size = 1_MB;
  keys.caches["a_disk"].memory_size = 1_MB;
  CHECK(says(refusal_of([&] { under_variables(keys, {{"A_DISK_SIZE", "5MB"}}); }), "one of \"a\" as well"));
  // A usual cache that nobody named is not meant.
  const settings named = under_variables(file_of(R"("size": 5)", "model-cache"), {{"MODEL_CACHE_POLICY", "lru"}});
  CHECK(named.names() == std::vector<std::string>{"model-cache"});
  CHECK(*named.caches.at("model-cache").policy == "lru");
}

TEST_CASE("JSON with a byte order mark, and what follows the object") {
  const support::temporary_folder folder;
  support::write_file(folder / "a.json", "\xEF\xBB\xBF{\"cache\": {\"size\": \"4GB\"}}\r\n");
  const settings all = settings::from_file(folder / "a.json");
  CHECK(all.caches.at("cache").memory_size.origin().column == 20);
  const auto refused = [](const char* text) { return refusal_of([&] { settings::from_json(text, "a.json"); }); };
  CHECK(says(refused(R"({"cache":{"size":"4GB"}} x)"), "a.json:1:26: something follows the settings' object; a file has one"));
  CHECK(says(refused("{\"cache\":{\"size\":\"4GB\"}}\n\n  ,"), "a.json:3:3: something follows the settings' object"));
  CHECK(says(refused(R"({"cache":{"size":"4GB"}}})"), "a.json:1:25: something follows the settings' object"));
  CHECK(says(refused(R"({"cache":{"size":"4GB"}} {"cache":{}})"), "a.json:1:26: something follows the settings' object"));
  CHECK(says(refused(R"({"caches":{"}\"}":{"size":"4GB"}}} ")"), "a.json:1:36: something follows the settings' object"));
  CHECK(says(refused("\xEF\xBB\xBF[]"), "the settings are not an object"));
}
