#pragma once

// Settings from variables: the cache's name and the key in capitals, `CACHE_MEMORY_SIZE`, `MODEL_CACHE_POLICY`.

#include <larder/config/cache_settings.hpp>
#include <larder/config/setting_table.hpp>
#include <larder/config/settings_reader.hpp>
#include <larder/config/settings_tree.hpp>
#include <larder/core/error.hpp>
#include <larder/format/tensor_name.hpp>

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace larder {

/// Gives the value of a variable, or nothing when it is not set or empty; in tests and in programs that keep settings elsewhere any function.
using settings_environment = std::function<std::optional<std::string>(const std::string& name)>;

/// The environment of this process.
inline std::optional<std::string> environment_of_process(const std::string& name) {
  const char* const value =
      std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): a program that calls setenv beside threads has lost already
  if (value == nullptr || *value == '\0') return std::nullopt;
  return std::string(value);
}

namespace config {

/// `model_cache` and `memory.size` as `MODEL_CACHE_MEMORY_SIZE`.
inline std::string variable_name(std::string_view owner, std::string_view path) {
  std::string name(owner);
  name += '_';
  name += path;
  for (char& c : name) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    if (!((c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))) c = '_';
  }
  return name;
}

/// Which cache has read a variable, by the variable.
using variable_readers = std::map<std::string, std::string>;

/// Says what the variables of a cache, or of the manager, say; whether there was one. Throws `larder::error` for a variable that is another
/// cache's in `readers` as well: of `a-b` and `a_b`, for instance, all are.
template <class Settings>
bool read_variables(std::string_view owner, const settings_environment& environment, Settings& into, variable_readers& readers) {
  bool any = false;
  for (const setting_key<Settings>& key : keys_of<Settings>()) {
    if (!key.only_for.empty() && key.only_for != owner) continue;
    std::vector<std::string> names{variable_name(owner, key.name)};
    for (const std::string_view spelling : key.spellings)
      if (std::string name = variable_name(owner, spelling);
          !spelling.empty() && std::find(names.begin(), names.end(), name) == names.end())
        names.push_back(std::move(name));
    for (const std::string& name : names) {
      const std::optional<std::string> value = environment(name);
      if (!value) continue;
      if (const auto [at, fresh] = readers.try_emplace(name, owner); !fresh && at->second != owner)
        core::fail(error_cause::invalid_argument, name + ": this variable is " + std::string(key.name) + " of " +
                                                      format::printable_name(owner) + ", and one of " +
                                                      format::printable_name(at->second) +
                                                      " as well; call one of the two caches otherwise, or unset it");
      settings_node node;
      node.name = key.name;
      node.what = settings_node::kind::untyped;
      node.text = *value;
      node.name_at = node.value_at = {setting_origin::kind::variable, name, 0, 0};
      read_value(key, node, into, owner);
      any = true;
    }
  }
  return any;
}

}  // namespace config
}  // namespace larder
