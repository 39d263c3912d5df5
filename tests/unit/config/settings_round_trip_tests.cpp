// Settings that are written in one of the formats read as the same settings.
#include <larder/config/settings.hpp>
#include <larder/config/settings_text.hpp>
#include <larder/config/toml.hpp>
#include <larder/config/yaml.hpp>

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

using larder::settings;
using larder::settings_format;
namespace config = larder::config;

namespace {

/// Texts that are awkward to write: quotation marks, backslashes, controls, what looks like a number, letters beyond ASCII.
std::string awkward_text() {
  static constexpr std::string_view pieces[] = {"a",  "Z",    "0", "1.5", "true", "null", " ",  "\"",   "'",    "\\",
                                                "#",  ":",    "-", ".",   "/",    "\n",   "\t", "\x01", "\x7f", "é",
                                                "日", "🙂", "{", "]",   "&",    "*",    "!",  "%",    "~"};
  std::string text;
  const auto count = *rc::gen::inRange<std::size_t>(1, 7);
  for (std::size_t i = 0; i < count; ++i) text += pieces[*rc::gen::inRange<std::size_t>(0, std::size(pieces))];
  return text;
}

template <class Settings>
Settings some_settings(std::string_view owner) {
  Settings made;
  for (const auto& key : config::keys_of<Settings>()) {
    if (!key.only_for.empty() && key.only_for != owner) continue;
    if (*rc::gen::inRange(0, 3) != 0) continue;
    config::with_member(key, made, [&]<class T>(larder::setting<T>& member) {
      if constexpr (std::is_same_v<T, bool>) {
        member = *rc::gen::arbitrary<bool>();
      } else if constexpr (std::is_same_v<T, double>) {
        member = static_cast<double>(*rc::gen::inRange<std::uint64_t>(1, 1'000'001)) / 1e6;
      } else if constexpr (std::is_same_v<T, larder::duration>) {
        member = larder::duration(*rc::gen::inRange<std::int64_t>(1, std::int64_t{1} << 62));
      } else if constexpr (std::is_same_v<T, larder::memory_amount>) {
        member = *rc::gen::arbitrary<bool>()
                     ? larder::memory_amount(*rc::gen::inRange<std::uint64_t>(1, std::uint64_t{1} << 62))
                     : larder::memory_amount::of_memory(static_cast<double>(*rc::gen::inRange(1, 1000)) / 1000);
      } else if constexpr (std::is_same_v<T, std::string>) {
        member = key.type == config::setting_type::address    ? "https://host-" + std::to_string(*rc::gen::inRange(0, 1000)) + "/a%20b"
                 : key.type == config::setting_type::variable ? "NAME_" + std::to_string(*rc::gen::inRange(0, 1000))
                 : key.choices.empty()                        ? awkward_text()
                                       : std::string(key.choices[*rc::gen::inRange<std::size_t>(0, key.choices.size())]);
      } else {
        member = *rc::gen::inRange<std::uint64_t>(1, std::uint64_t{1} << 62);
      }
    });
  }
  return made;
}

settings some_settings() {
  settings made;
  made.manager = some_settings<larder::manager_settings>("manager");
  for (const std::string_view usual : config::usual_caches)
    if (*rc::gen::arbitrary<bool>()) made.caches[std::string(usual)] = some_settings<larder::cache_settings>(usual);
  const auto own = *rc::gen::inRange(0, 3);
  for (int i = 0; i < own; ++i)
    if (const std::string name = awkward_text(); !made.caches.contains(name))
      made.caches[name] = some_settings<larder::cache_settings>(name);
  return made;
}

}  // namespace

TEST_CASE("settings as JSON, TOML and YAML read as the same settings") {
  CHECK(rc::check("round trip", [] {
    const settings made = some_settings();
    const std::string json = to_text(made, settings_format::json);
    const std::string toml = to_text(made, settings_format::toml);
    const std::string yaml = to_text(made, settings_format::yaml);
    RC_LOG() << json << toml << yaml;
    RC_ASSERT(settings::from_json(json) == made);
    RC_ASSERT(settings::from_toml(toml) == made);
    RC_ASSERT(settings::from_yaml(yaml) == made);
  }));
}

TEST_CASE("what one lays over another is what the upper says, and else the lower") {
  CHECK(rc::check("layers", [] {
    const settings upper = some_settings();
    const settings lower = some_settings();
    const settings all = upper.over(lower);
    for (const auto& [name, of] : all.caches) {
      const larder::cache_settings none;
      const auto above = upper.caches.find(name);
      const auto below = lower.caches.find(name);
      RC_ASSERT(above != upper.caches.end() || below != lower.caches.end());
      for (const auto& key : config::cache_keys)
        std::visit(
            [&, &one = of](auto member) {
              const auto& said = above != upper.caches.end() && above->second.*member ? above->second.*member
                                 : below != lower.caches.end()                        ? below->second.*member
                                                                                      : none.*member;
              RC_ASSERT((one.*member == said));
            },
            key.member);
    }
    RC_ASSERT(all.caches.size() >= upper.caches.size());
    RC_ASSERT(upper.over(settings{}) == upper);
    RC_ASSERT(settings{}.over(lower) == lower);
  }));
}
