// What others read of the table of keys is up to date: the schema, and the page.
#include <larder/config/number_text.hpp>
#include <larder/config/period_text.hpp>
#include <larder/config/setting_table.hpp>
#include <larder/config/settings_schema.hpp>
#include <larder/config/usual_settings.hpp>
#include <larder/dataset/training_cache.hpp>

#include <doctest/doctest.h>

#include "support/folders.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
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

}  // namespace

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
