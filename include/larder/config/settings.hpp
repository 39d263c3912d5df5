#pragma once

// Settings of named caches, from code, the environment and files. What is said nearer to the program wins: explicit, environment, file,
// default. The keys are in setting_table.hpp; docs/configuration.md explains them.

#include <larder/config/cache_settings.hpp>
#include <larder/config/environment_settings.hpp>
#include <larder/config/json_reader.hpp>
#include <larder/config/setting_table.hpp>
#include <larder/config/settings_check.hpp>
#include <larder/config/settings_error.hpp>
#include <larder/config/settings_formats.hpp>
#include <larder/config/settings_reader.hpp>
#include <larder/config/settings_tree.hpp>
#include <larder/config/value_rules.hpp>
#include <larder/core/error.hpp>
#include <larder/core/units.hpp>
#include <larder/dataset/training_cache.hpp>

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace larder {

/// Named caches and what holds for all of them, as far as it is said. All members throw `larder::error` (invalid_argument) with the place
/// (`larder.toml:3:8`, `CACHE_POLICY`) for what cannot be meant.
struct settings {
  std::map<std::string, cache_settings, std::less<>> caches{};
  manager_settings manager{};

  /// The file's settings, by its extension (.json, .toml, .yaml, .yml), under what the environment says and that under what the program
  /// says; checked. TOML and YAML need larder/config/toml.hpp and larder/config/yaml.hpp in the program.
  static settings load(const std::filesystem::path& path) { return load(path, settings(), environment_of_process); }
  static settings load(const std::filesystem::path& path, const settings& explicitly,
                       const settings_environment& environment = environment_of_process) {
    const settings file = from_file(path);
    settings all = explicitly.over(from_environment(environment, explicitly.over(file).names()).over(file));
    all.check();
    return all;
  }
  /// What a file says, alone.
  static settings from_file(const std::filesystem::path& path) { return from_tree(tree_of_file(path)); }
  /// The same where a file is right; each mistake of a key, a value or a table in it is added to `mistakes`.
  static settings from_file(const std::filesystem::path& path, std::vector<settings_mistake>& mistakes) {
    return from_tree(tree_of_file(path), &mistakes);
  }
  /// `name` stands for the file in messages.
  static settings from_json(std::string_view text, const std::string& name = "settings.json") {
    return from_tree(config::json_reader::read(text, name));
  }
  static settings from_toml(std::string_view text, const std::string& name = "settings.toml") {
    return from_tree(toml_tree(text, name));
  }
  static settings from_yaml(std::string_view text, const std::string& name = "settings.yaml") {
    return from_tree(yaml_tree(text, name));
  }
  /// What variables say of the manager (`LARDER_PRESSURE_FLOOR`), of the usual caches (`CACHE_MEMORY_SIZE`, `MODEL_CACHE_POLICY`) and of
  /// those named here. Variables of other names are not larder's, and not looked at.
  static settings from_environment(const settings_environment& environment = environment_of_process,
                                   const std::vector<std::string>& names = {}) {
    settings said;
    config::variable_readers readers;
    config::variable_readers of_manager;
    config::read_variables("larder", environment, said.manager, of_manager);
    const auto read = [&](const std::string& name, const settings_environment& from) {
      if (cache_settings one; !said.caches.contains(name) && config::read_variables(name, from, one, readers))
        said.caches.emplace(name, std::move(one));
    };
    for (const std::string& name : names) read(name, environment);
    // A usual cache that nobody has named does not take the variables of one that is named.
    const config::variable_readers taken = readers;
    for (const std::string_view name : config::usual_caches)
      read(std::string(name),
           [&](const std::string& variable) { return taken.contains(variable) ? std::nullopt : environment(variable); });
    return said;
  }

  /// These settings, and where they say nothing those `below`.
  settings over(const settings& below) const {
    settings all = below;
    lay(manager, all.manager);
    for (const auto& [name, one] : caches) {
      cache_settings& onto = all.caches[name];
      lay(one, onto);
      if (one.named.where != setting_origin::kind::nowhere) onto.named = one.named;
    }
    return all;
  }

  /// Throws for values that their keys cannot have, for caches that cannot work, and for keys that change nothing.
  void check() const {
    config::check_values(config::manager_section, "the " + std::string(config::manager_section), manager);
    for (const auto& [name, one] : caches) config::check_cache(name, one);
    static_cast<void>(config::directories_of(caches));  // each has its own
  }
  /// What to tell the user once: settings that are accepted and unwise.
  std::vector<std::string> warnings() const {
    std::vector<std::string> all;
    for (const auto& [name, one] : caches)
      if (auto warning = config::warning_of(name, one)) all.push_back(*std::move(warning));
    for (auto a = caches.begin(); a != caches.end(); ++a)
      for (auto b = std::next(a); b != caches.end(); ++b)
        if (auto warning = config::warning_of_both(a->first, a->second, b->first, b->second)) all.push_back(*std::move(warning));
    for (std::string& warning : config::warnings_of_nesting(caches)) all.push_back(std::move(warning));
    return all;
  }
  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const auto& one : caches) all.push_back(one.first);
    return all;
  }

  /// The training's cache for `dataset_cache`, and the options of its streams.
  training_cache training() const {
    const auto found = caches.find(config::training_name);
    if (found == caches.end()) core::fail(error_cause::invalid_argument, "the settings have no training_cache");
    const cache_settings& of = found->second;
    training_cache out;
    if (of.disk_size)
      out.size = *of.disk_size;
    else if (of.memory_size && of.memory_size->share == 0)
      out.size = of.memory_size->bytes;
    if (of.batch_buffer) out.batch_buffer = static_cast<std::size_t>(*of.batch_buffer);
    if (of.prefetch) out.prefetch = static_cast<std::size_t>(*of.prefetch);
    if (of.policy) out.cleanup_policy = *of.policy;
    out.validate();
    return out;
  }

  /// The same settings, wherever they were said.
  friend bool operator==(const settings&, const settings&) = default;

 private:
  static settings from_tree(const config::settings_node& root, std::vector<settings_mistake>* mistakes = nullptr) {
    settings said;
    config::read_settings(root, said.caches, said.manager, mistakes);
    return said;
  }
  static config::settings_node tree_of_file(const std::filesystem::path& path) {
    const std::string name = path.string();
    const std::string extension = path.extension().string();
    const auto reader = extension == ".json"                          ? &config::json_reader::read
                        : extension == ".toml"                        ? &toml_tree
                        : extension == ".yaml" || extension == ".yml" ? &yaml_tree
                                                                      : nullptr;
    if (reader == nullptr)
      core::fail(error_cause::invalid_argument, name + ": settings are files that end in .json, .toml, .yaml or .yml");
    std::ifstream file(path, std::ios::binary);
    std::string text(config::largest_settings + 1, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (!file.is_open() || file.bad() || (file.gcount() == 0 && !file.eof()))
      core::fail(error_cause::io, name + ": these settings cannot be read; is the file there, and may this process read it?");
    text.resize(static_cast<std::size_t>(file.gcount()));
    return reader(text, name);
  }
  static config::settings_node toml_tree(std::string_view text, const std::string& name) {
    if (&config::read_toml == nullptr) refuse_format(name, "TOML", "toml");
    return config::read_toml(text, name);
  }
  static config::settings_node yaml_tree(std::string_view text, const std::string& name) {
    if (&config::read_yaml == nullptr) refuse_format(name, "YAML", "yaml");
    return config::read_yaml(text, name);
  }
  [[noreturn]] static void refuse_format(const std::string& name, const std::string& format, const std::string& component) {
    core::fail(error_cause::invalid_argument, name + ": this program cannot read " + format + "; include <larder/config/" +
                                                  component + ".hpp> in one of its files and link larder::" + component +
                                                  ", or write JSON");
  }
  template <class Settings>
  static void lay(const Settings& above, Settings& onto) {
    for (const config::setting_key<Settings>& key : config::keys_of<Settings>())
      std::visit(
          [&](auto member) {
            if (above.*member) onto.*member = above.*member;
          },
          key.member);
  }
};

}  // namespace larder
