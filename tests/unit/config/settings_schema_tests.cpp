// What others read of the table of keys is up to date: the schema, and the page.
#include <larder/config/number_text.hpp>
#include <larder/config/period_text.hpp>
#include <larder/config/setting_table.hpp>
#include <larder/config/settings_schema.hpp>
#include <larder/config/settings.hpp>
#include <larder/config/usual_settings.hpp>
#include <larder/config/value_patterns.hpp>
#include <larder/dataset/training_cache.hpp>
#include <larder/format/json_text.hpp>

#include <doctest/doctest.h>

#include "support/folders.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <string>
#include <string_view>
#include <vector>

namespace config = larder::config;

namespace {

std::string content_of(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
std::filesystem::path docs() { return support::script_folder() / "../../docs"; }

/// Whether the key `name` of a cache takes a text in a file.
bool takes(const std::string& name, const std::string& text) {
  std::string json = R"({"training_cache": {")" + name + "\": ";
  larder::format::append_json_text(json, text);
  try {
    static_cast<void>(larder::settings::from_json(json + "}}"));
    return true;
  } catch (const larder::error&) {
    return false;
  }
}
/// Numbers, written in ways that are good or bad.
const std::vector<std::string> numbers{"",   "0",   "1",     "4",    "99",    "100",  "100.0", "100.1", "101",  "512", "0.3", ".5",
                                       "5.", "1.5", "0.05",  "00.3", "007",   "1.0",  "1.",    "01",    "0.0",  "0.",  ".",   "..5",
                                       "1.2.3", "-1", "+1", "1e3",  "0x10",  "1_000", "1,5",   "inf",   "nan",  "x",   "1 0", "10.50"};
void check_pattern(const std::string& key, const std::string& pattern, const std::vector<std::string>& ends) {
  const std::regex matches(pattern, std::regex::ECMAScript);
  for (const std::string& number : numbers)
    for (const std::string& end : ends)
      for (const std::string& text : {number + end, number + " " + end, " \t" + number + end + " ", number + end + "\n"}) {
        CAPTURE(key);
        CAPTURE(text);
        CHECK(std::regex_search(text, matches) == takes(key, text));
      }
}

}  // namespace

TEST_CASE("an editor takes the texts of sizes, periods and shares that the reader takes") {
  std::vector<std::string> ends{"", "XB", "ki", "bk", "%", " % of memory", "of memory", "of  memory", "memory", "%%", "KiBs"};
  for (const larder::core::size_unit& unit : larder::core::size_units) {
    ends.emplace_back(unit.name);
    std::string upper(unit.name);
    for (char& c : upper)
      if (c != 'i') c = static_cast<char>(c - 'a' + 'A');
    ends.push_back(upper);
  }
  check_pattern("disk_size", config::patterns::size(), ends);
  check_pattern("memory_size", config::patterns::memory_amount(), ends);
  check_pattern("eviction_threshold", config::patterns::share(), ends);
  ends = {"", "m", "minutes", "D", "MS", "sec", "w", "%", "us.", "µs"};
  for (const config::period_unit& unit : config::period_units) ends.emplace_back(unit.name);
  check_pattern("max_age", config::patterns::period(), ends);
}

TEST_CASE("the schema names what a file may name its schema by") {
  CHECK(larder::settings_schema().find("\"$schema\": {\n      \"description\"") != std::string::npos);
}

TEST_CASE("docs/config.schema.json is what the table says: larder config schema > docs/config.schema.json") {
  CHECK(content_of(docs() / "config.schema.json") == larder::settings_schema());
}

TEST_CASE("docs/configuration.md has the table of keys as it is: larder config keys") {
  CHECK(content_of(docs() / "configuration.md").find(larder::settings_keys()) != std::string::npos);
}

TEST_CASE("no two keys have a name in common, and none is the name of a section") {
  std::vector<std::string_view> names;
  for (const auto& key : config::cache_keys) {
    names.push_back(key.name);
    for (const std::string_view spelling : key.spellings)
      if (!spelling.empty()) names.push_back(spelling);
  }
  std::vector<std::string_view> sorted = names;
  std::sort(sorted.begin(), sorted.end());
  CHECK(std::adjacent_find(sorted.begin(), sorted.end()) == sorted.end());
  for (const std::string_view name : names) {
    CAPTURE(std::string(name));
    CHECK_FALSE(config::is_section<larder::cache_settings>(std::string(name) + "."));
    CHECK(std::count(name.begin(), name.end(), '.') <= 1);  // the writers know sections, not sections of them
  }
}

TEST_CASE("the defaults that the table names are those that hold") {
  const auto fallback = [](std::string_view name) {
    return std::string(config::find_key<larder::cache_settings>(name)->fallback);
  };
  const auto of_manager = [](std::string_view name) {
    return std::string(config::find_key<larder::manager_settings>(name)->fallback);
  };
  CHECK(config::parse_period(fallback("cleanup_interval"), "") == config::usual_cleanup_interval);
  CHECK(config::parse_period(of_manager("pressure_interval"), "") == config::usual_pressure_interval);
  CHECK(config::parse_share(of_manager("pressure_threshold"), "") == config::usual_pressure_threshold);
  CHECK(config::parse_share(of_manager("pressure_floor"), "") == config::usual_pressure_floor);
  CHECK(fallback("format") == config::usual_format);
  CHECK(fallback("batch_buffer") == std::to_string(larder::training_cache{}.batch_buffer));
  CHECK(fallback("prefetch") == std::to_string(larder::training_cache{}.prefetch));
}
