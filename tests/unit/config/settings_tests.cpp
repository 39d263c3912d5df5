// What the three formats, the environment and code say, and where each says it was said.
#include <larder/config/settings.hpp>
#include <larder/config/settings_text.hpp>
#include <larder/config/toml.hpp>
#include <larder/config/yaml.hpp>

#include <doctest/doctest.h>

#include "support/folders.hpp"
#include "support/refusal.hpp"
#include "support/temporary_folder.hpp"
#include "support/variables.hpp"
#include "support/write_file.hpp"

#include <cstdlib>
#include <map>
#include <string>
#include <string_view>
#include <vector>

using namespace larder::literals;
using larder::cache_settings;
using larder::memory_amount;
using larder::setting_origin;
using larder::settings;
namespace config = larder::config;
using support::refusal_of;
using support::says;
using support::variables;

namespace {

const larder::settings_environment no_variables = variables({});

/// A value of the type as each format writes it.
std::string sample_of(const config::setting_key<cache_settings>& key) {
  switch (key.type) {
    case config::setting_type::memory_amount:
    case config::setting_type::size:
      return "\"4GB\"";
    case config::setting_type::count:
    case config::setting_type::count_or_zero:
      return "7";
    case config::setting_type::share:
      return "0.5";
    case config::setting_type::period:
      return "\"90s\"";
    case config::setting_type::flag:
      return "true";
    case config::setting_type::name:
      return "\"" + std::string(key.choices.front()) + "\"";
    case config::setting_type::address:
      return "\"https://host/path\"";
    case config::setting_type::variable:
      return "\"SOME_NAME\"";
    default:
      return "\"some text\"";
  }
}

/// One key of one cache in each format.
std::string json_of(std::string_view owner, std::string_view path, const std::string& value) {
  std::string text = "{\"" + std::string(owner) + "\": {";
  std::string end = "}}";
  if (const std::size_t dot = path.find('.'); dot != std::string_view::npos) {
    text += "\"" + std::string(path.substr(0, dot)) + "\": {";
    end += "}";
    path.remove_prefix(dot + 1);
  }
  return text + "\"" + std::string(path) + "\": " + value + end;
}
std::string toml_of(std::string_view owner, std::string_view path, const std::string& value) {
  return std::string(owner) + "." + std::string(path) + " = " + value + "\n";
}
std::string yaml_of(std::string_view owner, std::string_view path, const std::string& value) {
  std::string text = std::string(owner) + ":\n  ";
  if (const std::size_t dot = path.find('.'); dot != std::string_view::npos) {
    text += std::string(path.substr(0, dot)) + ":\n    ";
    path.remove_prefix(dot + 1);
  }
  return text + std::string(path) + ": " + value + "\n";
}

}  // namespace

TEST_CASE("every key and every spelling of it says the same in JSON, TOML, YAML and as a variable") {
  std::size_t spellings = 0;
  for (const auto& key : config::cache_keys) {
    const std::string owner = key.only_for.empty() ? "cache" : std::string(key.only_for);
    std::vector<std::string_view> paths{key.name};
    for (const std::string_view spelling : key.spellings)
      if (!spelling.empty()) paths.push_back(spelling);
    const std::string value = sample_of(key);
    std::string bare = value;
    if (bare.front() == '"') bare = bare.substr(1, bare.size() - 2);
    for (const std::string_view path : paths) {
      CAPTURE(std::string(path));
      ++spellings;
      const settings json = settings::from_json(json_of(owner, path, value));
      config::with_member(key, json.caches.at(owner), [](const auto& member) { CHECK(member.has_value()); });
      CHECK(settings::from_toml(toml_of(owner, path, value)) == json);
      CHECK(settings::from_yaml(yaml_of(owner, path, value)) == json);
      CHECK(settings::from_yaml(yaml_of(owner, path, bare)) == json);
      CHECK(settings::from_environment(variables({{config::variable_name(owner, path), bare}})) == json);
    }
  }
  CHECK(spellings == 54);  // a key more, a spelling more: a line more here and in docs/configuration.md
  for (const auto& key : config::manager_keys) {
    const std::string value = key.type == config::setting_type::period ? "\"90s\"" : "0.5";
    const settings json = settings::from_json(json_of("manager", key.name, value));
    config::with_member(key, json.manager, [](const auto& member) { CHECK(member.has_value()); });
    CHECK(settings::from_toml(toml_of("manager", key.name, value)) == json);
    CHECK(settings::from_yaml(yaml_of("manager", key.name, value)) == json);
    CHECK(settings::from_environment(variables({{config::variable_name("larder", key.name), value == "0.5" ? value : "90s"}})) ==
          json);
  }
}

TEST_CASE("values know where they were said") {
  const settings json = settings::from_json("{\n  \"cache\": {\n    \"memory\": {\"size\":   \"4GB\"}\n  }\n}", "a.json");
  CHECK(json.caches.at("cache").memory_size.origin().text() == "a.json:3:26");
  const settings toml = settings::from_toml("[cache]\nmemory_size = \"4GB\"\n", "a.toml");
  CHECK(toml.caches.at("cache").memory_size.origin().text() == "a.toml:2:15");
  const settings yaml = settings::from_yaml("cache:\n  memory:\n    size: 4GB\n", "a.yaml");
  CHECK(yaml.caches.at("cache").memory_size.origin().text() == "a.yaml:3:11");
  const settings environment = settings::from_environment(variables({{"CACHE_POLICY", "lru"}}));
  CHECK(environment.caches.at("cache").policy.origin().text() == "CACHE_POLICY");
  cache_settings code;
  CHECK(code.policy.origin().text() == "default");
  code.policy = "lru";
  CHECK(code.policy.origin().text() == "code");
}

TEST_CASE("an unknown key: file, line, column, and what it may have meant") {
  CHECK(says(refusal_of([] { settings::from_json("{\n  \"cache\": {\"memory\": {\"sise\": 1}}\n}", "a.json"); }),
             "larder: a.json:2:24: there is no key \"sise\" in cache.memory; did you mean \"size\"?"));
  CHECK(says(refusal_of([] { settings::from_toml("[cache]\npolicy = \"lru\"\nevicton_threshold = 0.9\n", "a.toml"); }),
             "larder: a.toml:3:1: there is no key \"evicton_threshold\" in cache; did you mean \"eviction_threshold\"?"));
  CHECK(says(refusal_of([] { settings::from_yaml("model_cache:\n  size: 5\n  cleanup_polcy: lru\n", "a.yaml"); }),
             "larder: a.yaml:3:3: there is no key \"cleanup_polcy\" in model_cache; did you mean \"cleanup_policy\"?"));
  CHECK(says(refusal_of([] { settings::from_yaml("modell_cache:\n  size: 5\n", "a.yaml"); }),
             "larder: a.yaml:1:1: there is no key \"modell_cache\" here; did you mean \"model_cache\"?"));
  CHECK(says(refusal_of([] { settings::from_json(R"({"manager": {"pressure_treshold": 0.1}})", "a.json"); }),
             "a.json:1:14: there is no key \"pressure_treshold\" in manager; did you mean \"pressure_threshold\"?"));
  CHECK(says(refusal_of([] { settings::from_json(R"({"memory_size": "4GB"})", "a.json"); }),
             "a.json:1:2: there is no key \"memory_size\" here"));
  CHECK(says(refusal_of([] { settings::from_json(R"({"cache": {"": 1}})", "a.json"); }),
             "a.json:1:12: there is no key \"\" in cache"));
}

TEST_CASE("a name is meant whatever its case, and with letters swapped") {
  const auto policy = [](const std::string& said) {
    return refusal_of([&] { settings::from_json(R"({"cache": {"policy": ")" + said + "\"}}"); });
  };
  CHECK(says(policy("lur"), "policy cannot be \"lur\"; did you mean \"lru\"?"));
  CHECK(says(policy("LRU"), "policy cannot be \"LRU\"; did you mean \"lru\"?"));
  CHECK(says(policy("S3-FIFO"), "did you mean \"s3_fifo\"?"));
  CHECK(says(refusal_of([] { settings::from_json(R"({"cache": {"Max_Age": 1}})"); }), "did you mean \"max_age\"?"));
  const auto age = [](const std::string& said) {
    return refusal_of([&] { settings::from_json(R"({"cache": {"max_age": ")" + said + "\"}}"); });
  };
  CHECK(says(age("10 minutes"), "\"10 minutes\" has the unknown unit \"minutes\", for which larder has min; write seconds"));
  for (const auto& [word, unit] : std::map<std::string, std::string>{{"Hours", "h"}, {"DAY", "d"}, {"secs", "s"}, {"MIN", "min"},
                                                                     {"mins", "min"}, {"milliseconds", "ms"}, {"S", "s"}})
    CHECK(says(age("1 " + word), "for which larder has " + unit + ";"));
  CHECK(says(age("1 weeks"), "has the unknown unit \"weeks\"; write seconds"));
}

TEST_CASE("a cache at the top has any name but one with a letter of a known one wrong, or two of a long one") {
  for (const char* name : {"cafe", "coach", "CACHE", "images", "man", "managed_by", "model", "training"}) {
    CAPTURE(name);
    CHECK(settings::from_toml(std::string("[") + name + "]\nsize = 1\n").caches.contains(name));
  }
  for (const char* name : {"cach", "cahce", "caceh", "cachs", "manger", "modle_cahce", "training_cahe", "system_cach"}) {
    CAPTURE(name);
    CHECK(says(refusal_of([&] { settings::from_toml(std::string("[") + name + "]\nsize = 1\n"); }),
               "there is no key \"" + std::string(name) + "\" here; did you mean "));
  }
  CHECK(settings::from_toml("[caches.cach]\nsize = 1\n").caches.contains("cach"));
}

TEST_CASE("a file may name its JSON Schema") {
  CHECK(settings::from_json(R"({"$schema": "config.schema.json", "cache": {"size": 5}})").caches.size() == 1);
  CHECK(settings::from_yaml("$schema: config.schema.json\ncache: {size: 5}\n").caches.size() == 1);
  CHECK(settings::from_toml("\"$schema\" = \"config.schema.json\"\n[cache]\nsize = 5\n").caches.size() == 1);
  CHECK(says(refusal_of([] { settings::from_json(R"({"$schema": 5})", "a.json"); }),
             "a.json:1:13: $schema is a number; it is to be a text"));
  CHECK(says(refusal_of([] { settings::from_json(R"({"cache": {"$schema": "x"}})"); }), "there is no key \"$schema\" in cache"));
}

TEST_CASE("a value of the wrong type or a wrong value: file, line and column of the value") {
  const auto json = [](const char* text) { return refusal_of([&] { settings::from_json(text, "a.json"); }); };
  CHECK(says(json(R"({"cache": {"compression": "yes"}})"),
             "a.json:1:27: compression is a text, \"yes\"; it is to be true or false"));
  CHECK(says(json(R"({"cache": {"compression": 1}})"), "a.json:1:27: compression is a number, \"1\"; it is to be true or false"));
  CHECK(says(json(R"({"cache": {"memory": 5}})"), "a.json:1:22: memory is a number; it is to be a table"));
  CHECK(says(json(R"({"cache": {"size": {"a": 1}}})"), "a.json:1:20: size is a table; it is to be a size or a share of memory"));
  CHECK(says(json(R"({"cache": {"size": [1]}})"), "a.json:1:20: size is a list"));
  CHECK(says(json(R"({"cache": {"size": null}})"), "a.json:1:20: size is nothing"));
  CHECK(says(json(R"({"cache": {"size": "4XB"}})"), "a.json:1:20: size: \"4XB\" has the unknown unit \"XB\""));
  CHECK(says(json(R"({"cache": {"disk_size": 0.3}})"),
             "a.json:1:25: disk_size: \"0.3\" is a share, and only memory is given out in shares"));
  CHECK(says(json(R"({"cache": {"policy": "lr"}})"), "a.json:1:22: policy cannot be \"lr\"; did you mean \"lru\"?"));
  CHECK(says(json(R"({"cache": {"policy": 5}})"), "a.json:1:22: policy is a number, \"5\"; it is to be a name"));
  CHECK(says(json(R"({"cache": {"max_items": 0}})"), "a.json:1:25: max_items: \"0\" is not a whole number from 1 on"));
  CHECK(says(json(R"({"cache": {"max_items": "7"}})"), "a.json:1:25: max_items is a text, \"7\"; it is to be a whole number"));
  CHECK(says(json(R"({"cache": {"max_age": "5 weeks"}})"), "a.json:1:23: max_age: \"5 weeks\" has the unknown unit \"weeks\""));
  CHECK(says(json(R"({"cache": {"eviction_threshold": 1.5}})"), "a.json:1:34: eviction_threshold: \"1.5\" is not a share"));
  CHECK(says(json(R"({"cache": {"disk_path": ""}})"), "a.json:1:25: disk_path is empty"));
  CHECK(says(json("{\"cache\": {\"disk_path\": \"a\\u0000b\"}}"), "a.json:1:25: disk_path has a NUL"));
  CHECK(says(json(R"({"cache": 5})"), "a.json:1:11: \"cache\" is a number; it is to be a table"));
  CHECK(says(json(R"({"caches": {"a": 5}})"), "a.json:1:18: \"a\" is a number; it is to be a table"));
  CHECK(says(json(R"({"caches": {"": {}}})"), "a.json:1:13: a cache has an empty name"));
  CHECK(says(refusal_of([] { settings::from_toml("[cache]\nmax_age = 1979-05-27\n", "a.toml"); }),
             "a.toml:2:11: max_age is a list"));
  CHECK(says(refusal_of([] { settings::from_yaml("cache:\n  size:\n", "a.yaml"); }), "a.yaml:2:3: size is nothing"));
  CHECK(says(refusal_of([] { settings::from_yaml("cache:\n  max_items: \"7\"\n", "a.yaml"); }),
             "a.yaml:2:14: max_items is a text"));
  CHECK(says(refusal_of([] { settings::from_yaml("cache: {compression: yes}\n", "a.yaml"); }),
             "a.yaml:1:22: compression is a text, \"yes\""));
}

TEST_CASE("one setting said twice, by one name or by two") {
  CHECK(says(refusal_of([] { settings::from_json(R"({"cache": {"policy": "lru", "cleanup_policy": "fifo"}})", "a.json"); }),
             "a.json:1:29: cleanup_policy is said twice; a.json:1:22 says policy already"));
  CHECK(says(refusal_of([] { settings::from_json(R"({"cache": {"policy": "lru", "policy": "fifo"}})", "a.json"); }),
             "a.json:1:29: the key \"policy\" is there twice"));
  CHECK(says(refusal_of([] { settings::from_yaml("cache:\n  size: 1\n  size: 2\n", "a.yaml"); }),
             "a.yaml:3:3: the key \"size\" is there twice"));
  CHECK(says(refusal_of([] { settings::from_toml("[cache]\nsize = 1\nsize = 2\n", "a.toml"); }),
             "a.toml:3:8: this is not TOML: Error while parsing key-value pair: cannot redefine"));
  CHECK(says(refusal_of([] { settings::from_json(R"({"cache": {}, "caches": {"cache": {}}})", "a.json"); }),
             "a.json:1:26: the cache \"cache\" is there twice"));
  CHECK(says(refusal_of([] {
               settings::from_environment(variables({{"CACHE_SIZE", "1GB"}, {"CACHE_MEMORY_SIZE", "2GB"}}));
             }),
             "CACHE_SIZE: memory.size is said twice; CACHE_MEMORY_SIZE says memory.size already"));
}

TEST_CASE("texts that are not of their format: file and place") {
  for (const char* text :
       {"", "{", "[]", "7", "{\"a\":}", "{\"a\": {}", "{\"a\": {}} x", "{\"cache\": {\"size\": 01}}", "{\"cache\": nul}",
        "{\"cache\": {\"compression\": tru}}", "{\"cache\": {\"size\": \"\xff\"}}", "{\"cache\": {\"size\": [1, {]}}}"}) {
    CAPTURE(text);
    const auto refused = refusal_of([&] { settings::from_json(text, "a.json"); });
    CHECK(refused.cause == larder::error_cause::invalid_argument);
    CHECK(says(refused, "larder: a.json:1:"));
  }
  CHECK(says(refusal_of([] { settings::from_toml("[cache]\nsize = \n", "a.toml"); }), "a.toml:2:8: this is not TOML"));
  CHECK(says(refusal_of([] { settings::from_yaml("cache:\n  size: [1\n", "a.yaml"); }), "a.yaml:"));
  CHECK(says(refusal_of([] { settings::from_yaml("cache:\n  size: 1\n---\nx: 1\n", "a.yaml"); }), "a second document begins"));
  CHECK(says(refusal_of([] { settings::from_yaml("- cache\n", "a.yaml"); }), "a.yaml:1:1: the settings are not a mapping"));
  CHECK(says(refusal_of([] { settings::from_yaml(std::string("a: \0b", 5), "a.yaml"); }),
             "a.yaml:1:4: this is not YAML: there is a NUL"));
  CHECK(says(refusal_of([] { settings::from_yaml("? [a]\n: 1\n", "a.yaml"); }), "a key is not a text"));
  const std::string deep_json = R"({"cache":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{"a":{}}}}}}}}}})";
  CHECK(says(refusal_of([&] { settings::from_json(deep_json, "a.json"); }), "nested deeper than 8"));
  CHECK(says(refusal_of([] { settings::from_toml("[a.b.c.d.e.f.g.h.i]\n", "a.toml"); }), "nested deeper than 8"));
  CHECK(says(refusal_of([] { settings::from_yaml("a: {a: {a: {a: {a: {a: {a: {a: {a: 1}}}}}}}}\n", "a.yaml"); }),
             "nested deeper than 8"));
  CHECK(says(refusal_of([] { settings::from_yaml("a: " + std::string(100'000, '['), "a.yaml"); }), "larder: a.yaml:1:"));
  CHECK(says(refusal_of([] { settings::from_json(std::string((1U << 20U) + 1, ' '), "a.json"); }),
             "a.json has 1048577 bytes; settings have at most 1 MiB"));
  CHECK(settings::from_yaml("# nothing\n") == settings{});
  CHECK(settings::from_toml("") == settings{});
  CHECK(settings::from_json("{}") == settings{});
}

TEST_CASE("TOML beyond ASCII: in strings and comments, and nowhere else") {
  const auto is_refused = [](const std::string& text, std::string_view where) {
    return says(refusal_of([&] { settings::from_toml(text, "a.toml"); }),
                std::string(where) + ": this is not TOML: a character beyond ASCII");
  };
  const std::string e_acute = "\xC3\xA9";
  CHECK(is_refused("[cache]\nsize " + e_acute + "= 1\n", "a.toml:2:6"));
  CHECK(is_refused(e_acute, "a.toml:1:1"));
  CHECK(is_refused("a = 'x' " + e_acute, "a.toml:1:9"));
  CHECK(is_refused("a = \"\\\"\" " + e_acute, "a.toml:1:10"));
  CHECK(is_refused("a = \"\"\"x\"\"\"\" " + e_acute, "a.toml:1:14"));
  CHECK(is_refused("# " + e_acute + "\n" + e_acute, "a.toml:2:1"));
  for (const std::string& value : {"\"" + e_acute + " # '\"", "'" + e_acute + " \"'",
                                   "\"\"\"\n" + e_acute + "\"\"" + e_acute + "\"\"\"", "'''" + e_acute + "'''"}) {
    CAPTURE(value);
    CHECK(settings::from_toml("\xEF\xBB\xBF# " + e_acute + "\n[cache.disk]\nsize = \"1GB\"\npath = " + value + " # " + e_acute +
                              "\n")
              .caches.size() == 1);
  }
}

TEST_CASE("aliases, which may stand for any number of keys, and texts with too many keys are refused") {
  CHECK(says(refusal_of([] { settings::from_yaml("a: &a {size: 1}\nb: *a\n", "a.yaml"); }),
             "a.yaml:2:4: settings take no aliases"));
  CHECK(settings::from_yaml("cache: &usual {size: 1}\n").caches.contains("cache"));
  std::string yaml = "cache:\n";
  std::string json = "{\"cache\": {";
  std::string toml = "[cache]\n";
  for (int i = 0; i < 30'000; ++i) {
    const std::string key = "k" + std::to_string(i);
    yaml += "  " + key + ": 1\n";
    json += "\"" + key + "\": 1, ";
    toml += key + " = 1\n";
  }
  json += "\"last\": 1}}";
  CHECK(says(refusal_of([&] { settings::from_yaml(yaml, "a.yaml"); }), "more than 10000 keys"));
  CHECK(says(refusal_of([&] { settings::from_json(json, "a.json"); }), "more than 10000 keys"));
  CHECK(says(refusal_of([&] { settings::from_toml(toml, "a.toml"); }), "more than 10000 keys"));
}

TEST_CASE("the explicit wins over the environment, that over the file, that over the default") {
  const support::temporary_folder folder;
  support::write_file(
      folder / "a.json",
      R"({"cache": {"memory_size": "1GB", "policy": "fifo", "max_age": 60}, "caches": {"own": {"size": "1GB"}}})");
  settings explicitly;
  explicitly.caches["cache"].memory_size = 3_GB;
  const settings all = settings::load(
      folder / "a.json", explicitly, variables({{"CACHE_MEMORY_SIZE", "2GB"}, {"CACHE_POLICY", "lru"}, {"OWN_POLICY", "sieve"}}));
  const cache_settings& of = all.caches.at("cache");
  CHECK(*of.memory_size == memory_amount(3_GB));
  CHECK(of.memory_size.origin().text() == "code");
  CHECK(*of.policy == "lru");
  CHECK(of.policy.origin().text() == "CACHE_POLICY");
  CHECK(*of.max_age == 60s);
  CHECK(of.max_age.origin().where == setting_origin::kind::file);
  CHECK_FALSE(of.max_idle);
  CHECK(*all.caches.at("own").policy == "sieve");
  CHECK(all.names() == std::vector<std::string>{"cache", "own"});
}

TEST_CASE("files are read by their extension; what cannot be read is said") {
  const support::temporary_folder folder;
  support::write_file(folder / "a.yml", "cache: {size: 5}\n");
  CHECK(*settings::load(folder / "a.yml", {}, no_variables).caches.at("cache").memory_size == memory_amount(5'000'000));
  CHECK(says(refusal_of([&] { settings::load(folder / "a.ini"); }), "files that end in .json, .toml, .yaml or .yml"));
  const auto absent = refusal_of([&] { settings::load(folder / "absent.json"); });
  CHECK(absent.cause == larder::error_cause::io);
  CHECK(says(absent, "absent.json: these settings cannot be read"));
  std::filesystem::create_directory(folder / "folder.json");
  CHECK(refusal_of([&] { settings::load(folder / "folder.json"); }).cause == larder::error_cause::io);
  support::write_file(folder / "bad.json", "{\n\"cache\": {\"sise\": 1}}");
  CHECK(says(refusal_of([&] { settings::load(folder / "bad.json"); }),
             (folder / "bad.json").string() + ":2:11: there is no key \"sise\""));
}

TEST_CASE("keys that mean nothing together, or change nothing, are refused where they were said") {
  const auto refused = [](const char* keys, const char* name = "cache") {
    return refusal_of([&] { settings::from_json("{\"" + std::string(name) + "\": {" + keys + "}}", "a.json").check(); });
  };
  CHECK(says(refused(""), "the cache \"cache\" has no limit"));
  CHECK(says(refused(R"("policy": "lru")"), "the cache \"cache\" has no limit"));
  for (const char* key :
       {"disk.path", "disk.storage", "disk.policy", "disk.use_mmap", "disk.compression", "disk.cleanup_interval"}) {
    CAPTURE(key);
    const std::string value = sample_of(*config::find_key<cache_settings>(key));
    CHECK(says(refused((R"("size": 5, "disk": {")" + std::string(key).substr(5) + "\": " + value + "}").c_str()),
               std::string(key) + " of \"cache\" changes nothing without a disk tier"));
  }
  for (const char* key : {"compression", "cleanup_interval", "shrink_under_pressure"}) {
    CAPTURE(key);
    const std::string value = std::string(key) == "cleanup_interval" ? "60" : "true";
    CHECK(says(refused((R"("disk_size": 5, "memory": {")" + std::string(key) + "\": " + value + "}").c_str()),
               "changes nothing without a memory tier"));
  }
  CHECK(says(refused(R"("size": 5, "compression": true, "memory": {"compression": false})"),
             "compression of \"cache\" changes nothing, as memory.compression"));
  CHECK(says(refused(R"("size": 5, "cleanup_interval": 5, "memory": {"cleanup_interval": 6})"),
             "cleanup_interval of \"cache\" changes nothing"));
  CHECK(says(refused(R"("disk": {"size": 5, "storage": "directory", "use_mmap": true})"),
             "disk.use_mmap of \"cache\" changes nothing for directory"));
  CHECK(says(refused(R"("disk": {"size": 5, "storage": "directory"}, "compression": true)"),
             "compression of \"cache\" is for memory and mmap_disk"));
  CHECK(says(refused(R"("disk": {"size": 5, "storage": "directory"}, "policy": "arc")"),
             "is arc, which directory has no caches of"));
  CHECK(says(refused(R"("size": 5, "policy": "time")"),
             "a.json:1:33: policy of \"cache\" is time, which is fifo with max_age; give it max_age"));
  CHECK(says(refused(R"("size": 5, "disk": {"size": 5, "policy": "size"})"), "disk.policy of \"cache\" cannot be size"));
  CHECK(says(refused(R"("disk": {"size": 5}, "policy": "size")"), "there is no memory tier"));
  CHECK(says(refused(R"("size": 5, "policy": "epoch_pin", "eviction_threshold": 0.9)"), "changes nothing under epoch_pin"));
  CHECK(says(refused(R"("size": 5, "eviction_threshold": 0.9)", "training_cache"), "changes nothing under epoch_pin"));
  CHECK(says(refusal_of([] { settings::from_json(R"({"cache": {"size": 5, "batch_buffer": 3}})", "a.json"); }),
             "a.json:1:23: batch_buffer changes nothing for \"cache\"; it is for training_cache"));
  CHECK_NOTHROW(
      settings::from_json(R"({"cache": {"size": 5, "disk_size": 5, "compression": true, "memory": {"compression": false}}})")
          .check());
}

TEST_CASE("a training's cache warns of orders that evict, and gives the options of its streams") {
  const settings all = settings::from_json(
      R"({"training_cache": {"size": "2GB", "batch_buffer": 8, "prefetch": 0, "cleanup_policy": "fifo"}})", "a.json");
  REQUIRE(all.warnings().size() == 1);
  CHECK(all.warnings()[0] ==
        "a.json:1:88: policy fifo of \"training_cache\" evicts each sample before its next epoch; epoch_pin is used, which hits "
        "size / size of the data");
  const larder::training_cache training = all.training();
  CHECK(training.size == 2_GB);
  CHECK(training.options().batch_size == 8);
  CHECK(training.options().prefetch == 0);
  CHECK(settings::from_json(
            R"({"training_cache": {"size": 5, "cleanup_policy": "epoch_pin"}, "cache": {"size": 5, "policy": "lru"}})")
            .warnings()
            .empty());
  CHECK(says(refusal_of([] { static_cast<void>(settings{}.training()); }), "the settings have no training_cache"));
}

TEST_CASE("settings explain themselves: each key, its value and where it was said") {
  settings all = settings::from_toml("[model_cache]\nsize = \"4GB\"\n", "larder.toml");
  all.caches["model_cache"].policy = "lru";
  const std::string text = explained(all);
  CHECK(text.find("model_cache.memory.size = \"4GB\"                         # larder.toml:2:8\n") != std::string::npos);
  CHECK(text.find("model_cache.policy = \"lru\"                              # code\n") != std::string::npos);
  CHECK(text.find("model_cache.cleanup_interval = 300s                     # default\n") != std::string::npos);
  CHECK(text.find("manager.pressure_floor = 0.25                           # default\n") != std::string::npos);
  CHECK(text.find("batch_buffer") == std::string::npos);
}

TEST_CASE("the environment of the process is looked at") {
  REQUIRE(::setenv("LARDER_TEST_OWN_SIZE", "4GB", 1) == 0);
  const settings all = settings::from_environment(larder::environment_of_process, {"larder-test own"});
  CHECK(*all.caches.at("larder-test own").memory_size == memory_amount(4_GB));
  REQUIRE(::unsetenv("LARDER_TEST_OWN_SIZE") == 0);
}
