#pragma once

// TOML for settings, by toml++. Including this in one file of a program is what makes `settings::load("larder.toml")` work in all of it.

#include <larder/config/settings.hpp>  // first: it asks whether what is defined here is there
#include <larder/config/settings_formats.hpp>
#include <larder/config/settings_tree.hpp>
#include <larder/core/decimal_text.hpp>
#include <larder/core/error.hpp>

#include <algorithm>
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
    reader.check_characters(text);
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

  /// TOML has characters beyond ASCII in strings and comments alone; toml++ 3.3 does not know what it does when it meets others.
  void check_characters(std::string_view text) const {
    constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
    for (std::size_t at = text.starts_with(byte_order_mark) ? byte_order_mark.size() : 0; at < text.size();) {
      const char c = text[at];
      if (c == '#')
        at = std::min(text.find('\n', at), text.size());
      else if (c == '"' || c == '\'')
        at = end_of_string(text, at);
      else if (static_cast<unsigned char>(c) < 0x80)
        ++at;
      else
        refuse_at(place_of(text, at), "this is not TOML: a character beyond ASCII that is neither in quotes nor in a comment");
    }
  }
  /// Behind the string that begins at a place; one that does not end ends where the parser refuses it.
  static std::size_t end_of_string(std::string_view text, std::size_t begin) {
    const char quote = text[begin];
    const std::string three(3, quote);
    const bool is_long = text.substr(begin, 3) == three;
    for (std::size_t at = begin + (is_long ? 3 : 1); at < text.size(); ++at) {
      if (text[at] == '\\' && quote == '"')
        ++at;
      else if (is_long && text.substr(at, 3) == three)
        return std::min(text.find_first_not_of(quote, at), text.size());
      else if (!is_long && (text[at] == quote || text[at] == '\n'))
        return at + 1;
    }
    return text.size();
  }
  setting_origin place_of(std::string_view text, std::size_t at) const {
    const std::string_view before = text.substr(0, at);
    const std::size_t line = static_cast<std::size_t>(std::count(before.begin(), before.end(), '\n'));
    const std::size_t begin = before.find_last_of('\n') + 1;  // npos + 1 is 0
    return {setting_origin::kind::file, name_, line + 1, at - begin + 1};
  }

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
      node.text = core::decimal_text(real->get());
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
