#pragma once

// TOML for settings, by toml++. Including this in one file of a program is what makes `settings::load("larder.toml")` work in all of it.

#include <larder/config/number_text.hpp>
#include <larder/config/settings_formats.hpp>
#include <larder/config/settings_tree.hpp>
#include <larder/core/error.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include <toml++/toml.h>

namespace larder::config {

/// TOML as a tree, each key and value with its place.
class toml_reader {
 public:
  /// Throws `larder::error` for what is not TOML.
  static settings_node read(std::string_view text, const std::string& name) {
    check_settings_size(text, name);
    toml_reader reader(name);
    settings_node root;
    root.value_at = reader.at({1, 1});
    try {
      const toml::table table = toml::parse(text);
      reader.read_members(table, root, 1);
    } catch (const toml::parse_error& e) {
      refuse_at(reader.at(e.source().begin), "this is not TOML: " + std::string(e.description()));
    }
    return root;
  }

 private:
  explicit toml_reader(const std::string& name) : name_(name) {}

  void read_members(const toml::table& table, settings_node& into, std::size_t depth) {
    if (depth > deepest_settings) refuse_at(into.value_at, "tables are nested deeper than " + std::to_string(deepest_settings));
    for (const auto& [key, value] : table) {
      if (++nodes_ > most_settings) refuse_at(into.value_at, "there are more than " + std::to_string(most_settings) + " keys");
      settings_node node;
      node.name = key.str();
      node.name_at = at(key.source().begin);
      node.value_at = at(value.source().begin);
      read_value(value, node, depth);
      into.members.push_back(std::move(node));
    }
  }

  void read_value(const toml::node& value, settings_node& node, std::size_t depth) {
    using kind = settings_node::kind;
    if (const toml::table* const table = value.as_table()) {
      read_members(*table, node, depth + 1);
    } else if (const auto* const text = value.as_string()) {
      node.what = kind::text;
      node.text = text->get();
    } else if (const auto* const whole = value.as_integer()) {
      node.what = kind::number;
      node.text = std::to_string(whole->get());
    } else if (const auto* const real = value.as_floating_point()) {
      node.what = kind::number;
      node.text = number_text(real->get());
    } else if (const auto* const flag = value.as_boolean()) {
      node.what = kind::flag;
      node.text = flag->get() ? "true" : "false";
    } else {
      node.what = kind::list;  // and dates, which no key takes either
    }
  }

  setting_origin at(const toml::source_position& where) const {
    return {setting_origin::kind::file, name_, static_cast<std::size_t>(where.line), static_cast<std::size_t>(where.column)};
  }

  std::string name_;
  std::size_t nodes_ = 0;
};

/// See `settings_formats.hpp`.
[[gnu::weak]] settings_node read_toml(std::string_view text, const std::string& name) { return toml_reader::read(text, name); }

}  // namespace larder::config
