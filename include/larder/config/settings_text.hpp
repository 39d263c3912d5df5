#pragma once

// Settings as text: what was said in any of the three formats, and for people with the place where each was said.

#include <larder/config/address_text.hpp>
#include <larder/config/memory_amount.hpp>
#include <larder/config/period_text.hpp>
#include <larder/config/setting_table.hpp>
#include <larder/config/settings.hpp>
#include <larder/config/settings_check.hpp>
#include <larder/core/decimal_text.hpp>
#include <larder/core/error.hpp>
#include <larder/format/json_text.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace larder {

enum class settings_format : std::uint8_t { json, toml, yaml };

namespace config {

/// A text in quotation marks as all three formats read it.
inline std::string quoted_text(std::string_view text) {
  std::string out;
  format::append_json_text(out, text);
  for (std::size_t at = 0; (at = out.find('\x7f', at)) != std::string::npos;)
    out.replace(at, 1, "\\u007f");  // TOML takes it as no character
  return out;
}

/// A value as all three formats write it.
template <class T>
std::string scalar_text(const T& value, setting_type type) {
  if constexpr (std::is_same_v<T, bool>)
    return value ? "true" : "false";
  else if constexpr (std::is_same_v<T, double>)
    return core::decimal_text(value);
  else if constexpr (std::is_same_v<T, duration>)
    return quoted_text(period_text(value));
  else if constexpr (std::is_same_v<T, memory_amount>)
    return quoted_text(amount_text(value));
  else if constexpr (std::is_same_v<T, std::string>)
    return quoted_text(type == setting_type::address    ? shown_address(value)
                       : type == setting_type::variable ? shown_variable(value)
                                                        : value);
  else if (type == setting_type::size)
    return quoted_text(exact_size_text(value));
  else
    return std::to_string(value);
}

/// A table of settings on its way to a text: what it says itself, and the tables in it.
struct settings_block {
  std::string name;
  std::vector<std::pair<std::string, std::string>> values{};
  std::vector<settings_block> blocks{};

  settings_block& block(std::string_view of) {
    for (settings_block& one : blocks)
      if (one.name == of) return one;
    blocks.push_back({std::string(of)});
    return blocks.back();
  }
};

template <class Settings>
void fill_block(settings_block& into, const Settings& said) {
  for (const setting_key<Settings>& key : keys_of<Settings>())
    with_member(key, said, [&](const auto& member) {
      if (!member) return;
      const std::size_t dot = key.name.find('.');
      settings_block& owner = dot == std::string_view::npos ? into : into.block(key.name.substr(0, dot));
      owner.values.emplace_back(dot == std::string_view::npos ? key.name : key.name.substr(dot + 1),
                                scalar_text(*member, key.type));
    });
}

inline settings_block block_of(const settings& all) {
  settings_block root;
  for (const auto& [name, said] : all.caches) {
    const bool usual = std::find(usual_caches.begin(), usual_caches.end(), name) != usual_caches.end();
    settings_block one{name};
    fill_block(one, without_overruled(said));  // a file is one source, so that it could not say who wins
    (usual ? root : root.block(caches_section)).blocks.push_back(std::move(one));
  }
  if (all.manager != manager_settings{}) fill_block(root.block(manager_section), all.manager);
  return root;
}

inline void write_json(std::string& out, const settings_block& block, std::size_t depth) {
  const std::string indent(2 * (depth + 1), ' ');
  bool first = true;
  const auto begin = [&](std::string_view name) {
    out += first ? "\n" : ",\n";
    first = false;
    out += indent;
    out += quoted_text(name) + ": ";
  };
  out += '{';
  for (const auto& [name, value] : block.values) {
    begin(name);
    out += value;
  }
  for (const settings_block& one : block.blocks) {
    begin(one.name);
    write_json(out, one, depth + 1);
  }
  if (!first) out += "\n" + std::string(2 * depth, ' ');
  out += '}';
}

inline void write_toml(std::string& out, const settings_block& block, const std::string& path) {
  if (!path.empty()) out += (out.empty() ? "[" : "\n[") + path + "]\n";
  for (const auto& [name, value] : block.values) out += name + " = " + value + "\n";
  for (const settings_block& one : block.blocks) {
    write_toml(out, one, (path.empty() ? "" : path + ".") + quoted_text(one.name));
  }
}

inline void write_yaml(std::string& out, const settings_block& block, std::size_t depth) {
  const std::string indent(2 * depth, ' ');
  for (const auto& [name, value] : block.values) out += indent + name + ": " + value + "\n";
  for (const settings_block& one : block.blocks) {
    out += indent + quoted_text(one.name);
    out += one.values.empty() && one.blocks.empty() ? ": {}\n" : ":\n";
    write_yaml(out, one, depth + 1);
  }
}

}  // namespace config

/// What the settings say, as a file that says the same when it is read.
inline std::string to_text(const settings& all, settings_format format) {
  const config::settings_block root = config::block_of(all);
  std::string out;
  switch (format) {
    case settings_format::json:
      config::write_json(out, root, 0);
      out += '\n';
      break;
    case settings_format::toml:
      config::write_toml(out, root, "");
      break;
    case settings_format::yaml:
      config::write_yaml(out, root, 0);
      break;
  }
  return out;
}

/// Every key of every cache, a line each: `model_cache.memory.size = "4GB"   # larder.toml:3:8`; with `# default` what holds where nothing was said.
inline std::string explained(const settings& all) {
  std::string out;
  const auto lines = [&]<class Settings>(std::string_view owner, const Settings& of) {
    for (const config::setting_key<Settings>& key : config::keys_of<Settings>()) {
      if (!key.only_for.empty() && key.only_for != owner) continue;
      config::with_member(key, of, [&](const auto& member) {
        std::string line = std::string(owner) + "." + std::string(key.name) + " = ";
        line += member ? config::scalar_text(*member, key.type) : std::string(key.fallback);
        constexpr std::size_t column = 56;
        line.resize(std::max(line.size() + 2, column), ' ');
        out += line + "# " + member.origin().text() + "\n";
      });
    }
  };
  for (const auto& [name, of] : all.caches) lines(name, of);
  lines(config::manager_section, all.manager);
  return out;
}

}  // namespace larder
