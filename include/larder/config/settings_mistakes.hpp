#pragma once

// All that is wrong with a file of settings at once, for programs that check files; `settings::load` stops at the first.

#include <larder/config/environment_settings.hpp>
#include <larder/config/setting_table.hpp>
#include <larder/config/settings.hpp>
#include <larder/config/settings_check.hpp>
#include <larder/config/settings_error.hpp>
#include <larder/config/settings_reader.hpp>
#include <larder/config/value_rules.hpp>
#include <larder/core/error.hpp>

#include <algorithm>
#include <filesystem>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

namespace larder {

/// Everything for which `settings::load` would refuse a file, from its front to its back, and then what has no place in it; empty when
/// it would load it. What a cache's settings mean together is looked at where each of them is right alone; a text that is not of its format has one mistake.
inline std::vector<settings_mistake> mistakes_in(const std::filesystem::path& path,
                                                 const settings_environment& environment = environment_of_process) {
  std::vector<settings_mistake> all;
  const auto gather = [&](std::string_view owner, auto&& part) {
    settings_mistake found;
    try {
      part();
      return;
    } catch (const settings_error& wrong) {
      found = wrong.mistake();
    } catch (const error& wrong) {
      found.why = config::message_of(wrong);
    }
    found.owner = owner;
    all.push_back(std::move(found));
  };
  const auto is_right = [&](std::string_view owner) {
    return std::none_of(all.begin(), all.end(), [&](const settings_mistake& one) { return one.owner == owner; });
  };
  settings said;
  gather("", [&] {
    const settings file = settings::from_file(path, all);
    said = settings::from_environment(environment, file.names()).over(file);
  });
  if (is_right(config::manager_section))
    gather(config::manager_section, [&] {
      config::check_values(config::manager_section, "the " + std::string(config::manager_section), said.manager);
    });
  for (const auto& [name, one] : said.caches)
    if (is_right(name)) gather(name, [&name = name, &one = one] { config::check_cache(name, one); });
  if (all.empty()) gather("", [&] { static_cast<void>(config::directories_of(said.caches)); });  // each has its own
  const auto place = [](const settings_mistake& one) {
    return std::tuple(one.where.where != setting_origin::kind::file, one.where.line, one.where.column);
  };
  std::stable_sort(all.begin(), all.end(), [&](const auto& a, const auto& b) { return place(a) < place(b); });  // TOML's keys are sorted
  return all;
}

}  // namespace larder
