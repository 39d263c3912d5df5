#pragma once

// From a tree of any format to settings, by the table of keys.

#include <larder/config/cache_settings.hpp>
#include <larder/config/memory_amount.hpp>
#include <larder/config/number_text.hpp>
#include <larder/config/period_text.hpp>
#include <larder/config/setting_table.hpp>
#include <larder/config/settings_error.hpp>
#include <larder/config/settings_tree.hpp>
#include <larder/config/value_rules.hpp>
#include <larder/core/edit_distance.hpp>
#include <larder/format/nearest_name.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace larder::config {

/// The value that a scalar has for a key. Throws `larder::error`, whose message begins with `subject`.
template <class T>
T value_of(const settings_node& node, setting_type type, std::span<const std::string_view> choices, const std::string& subject) {
  using kind = settings_node::kind;
  const auto refuse = [&](const std::string& why) { core::fail(error_cause::invalid_argument, subject + why); };
  const auto expect = [&](bool fits) {
    if (!fits)
      refuse(" is " + std::string(kind_text(node.what)) +
             (node.text.empty() || type == setting_type::variable ? "" : ", " + format::printable_name(node.text)) +
             "; it is to be " + std::string(type_text(type)));
  };
  const bool untyped = node.what == kind::untyped;
  if constexpr (std::is_same_v<T, bool>) {
    expect(node.what == kind::flag || (untyped && (node.text == "true" || node.text == "false")));
    return node.text == "true";
  } else if constexpr (std::is_same_v<T, std::string>) {
    expect(untyped || node.what == kind::text);
    if (const std::string fault = text_fault(node.text, type, choices); !fault.empty()) refuse(" " + fault);
    return node.text;
  } else if constexpr (std::is_same_v<T, duration>) {
    expect(untyped || node.what == kind::number || node.what == kind::text);
    return parse_period(node.text, subject);
  } else if constexpr (std::is_same_v<T, memory_amount>) {
    expect(untyped || node.what == kind::number || node.what == kind::text);
    return parse_memory_amount(node.text, bare_size_unit, subject);
  } else if constexpr (std::is_same_v<T, double>) {
    expect(untyped || node.what == kind::number || (node.what == kind::text && node.text.ends_with('%')));
    return parse_share(node.text, subject);
  } else {
    expect(untyped || node.what == kind::number || (node.what == kind::text && type == setting_type::size));
    if (type == setting_type::size) return parse_bytes(node.text, bare_size_unit, subject);
    return parse_count(node.text, type == setting_type::count ? 1 : 0, subject);
  }
}

/// What an error says, without what all of larder's begin with.
inline std::string message_of(const error& e) {
  constexpr std::string_view prefix = "larder: ";
  const std::string_view all = e.what();
  return std::string(all.substr(all.starts_with(prefix) ? prefix.size() : 0));
}

[[noreturn]] inline void refuse_key(const settings_node& node, const std::string& where, std::span<const std::string_view> known) {
  refuse_at(node.name_at,
            "there is no key " + format::printable_name(node.name) + " " + where + format::known_names(node.name, known),
            format::nearest_name(node.name, known));
}

/// Says a key's setting by a scalar.
template <class Settings>
void read_value(const setting_key<Settings>& key, const settings_node& node, Settings& into, std::string_view owner) {
  if (!key.only_for.empty() && key.only_for != owner)
    refuse_at(node.name_at, std::string(node.name) + " changes nothing for " + format::printable_name(owner) + "; it is for " +
                                std::string(key.only_for));
  with_member(key, into, [&]<class T>(setting<T>& member) {
    if (member)
      refuse_at(node.name_at, std::string(node.name) + " is said twice; " + member.origin().text() + " says " +
                                  std::string(key.name) + " already");
    try {
      member.set(value_of<T>(node, key.type, key.choices, node.name), node.value_at);
    } catch (const error& wrong) {
      refuse_at(node.value_at, message_of(wrong),
                key.type == setting_type::name ? format::nearest_name(node.text, key.choices) : std::string_view());
    }
  });
}

/// Reads a part of settings; its mistake is added to those `gathered`, or thrown where none are.
template <class Read>
void read_part(std::vector<settings_mistake>* gathered, Read&& read) {
  try {
    read();
  } catch (const settings_error& wrong) {
    if (gathered == nullptr) throw;
    gathered->push_back(wrong.mistake());
  }
}

/// Says all that a table says. `title` is what the table is called in messages: `cache`; `section` is empty, or ends with a dot.
template <class Settings>
void read_table(const settings_node& table, const std::string& title, const std::string& section, Settings& into,
                std::string_view owner, std::vector<settings_mistake>* gathered) {
  const auto read_member = [&](const settings_node& node) {
    const std::string path = section + node.name;
    if (const setting_key<Settings>* const key = find_key<Settings>(path)) {
      if (node.what == settings_node::kind::table || node.what == settings_node::kind::list ||
          node.what == settings_node::kind::nothing)
        refuse_at(node.value_at,
                  node.name + " is " + std::string(kind_text(node.what)) + "; it is to be " + std::string(type_text(key->type)));
      read_value(*key, node, into, owner);
    } else if (!node.name.empty() && is_section<Settings>(path + ".")) {
      if (node.what != settings_node::kind::table)
        refuse_at(node.value_at, node.name + " is " + std::string(kind_text(node.what)) + "; it is to be a table" +
                                     format::known_names("", names_in_section<Settings>(path + ".")));
      read_table(node, title + "." + node.name, path + ".", into, owner, gathered);
    } else {
      refuse_key(node, "in " + title, names_in_section<Settings>(section));
    }
  };
  for (const settings_node& node : table.members) read_part(gathered, [&] { read_member(node); });
}

/// Whether a name at the top is one of the usual ones with a letter wrong, or with two where it is a long one.
inline bool is_mistyped(std::string_view name, std::span<const std::string_view> known) {
  return std::any_of(known.begin(), known.end(),
                     [&](std::string_view k) { return core::edit_distance(name, k) <= (k.size() < 8 ? 1 : 2); });
}

/// Says all that a text says. The first mistake is thrown; where mistakes are `gathered`, the rest is said in spite of them.
inline void read_settings(const settings_node& root, std::map<std::string, cache_settings, std::less<>>& caches,
                          manager_settings& manager, std::vector<settings_mistake>* gathered = nullptr) {
  std::vector<std::string_view> known(usual_caches.begin(), usual_caches.end());
  known.push_back(caches_section);
  known.push_back(manager_section);
  const auto expect_table = [](const settings_node& node) {
    if (node.what != settings_node::kind::table)
      refuse_at(node.value_at, format::printable_name(node.name) + " is " + std::string(kind_text(node.what)) +
                                   "; it is to be a table of settings");
  };
  const auto read_owned = [&](const settings_node& node, auto& into) {
    const std::size_t before = gathered == nullptr ? 0 : gathered->size();
    read_table(node, node.name, "", into, node.name, gathered);
    for (std::size_t i = before; gathered != nullptr && i < gathered->size(); ++i) (*gathered)[i].owner = node.name;
  };
  const auto read_cache = [&](const settings_node& node) {
    expect_table(node);
    if (node.name.empty()) refuse_at(node.name_at, "a cache has an empty name");
    const auto [at, fresh] = caches.try_emplace(node.name);
    if (!fresh) refuse_at(node.name_at, "the cache " + format::printable_name(node.name) + " is there twice");
    at->second.named = {node.name_at};
    read_owned(node, at->second);
  };
  const auto read_member = [&](const settings_node& node) {
    if (node.name == manager_section) {
      expect_table(node);
      read_owned(node, manager);
    } else if (node.name == caches_section) {
      expect_table(node);
      for (const settings_node& each : node.members) read_part(gathered, [&] { read_cache(each); });
    } else if (node.name == schema_name) {
      if (node.what != settings_node::kind::text && node.what != settings_node::kind::untyped)
        refuse_at(node.value_at, std::string(schema_name) + " is " + std::string(kind_text(node.what)) +
                                     "; it is to be a text, where editors find the JSON Schema");
    } else if (std::find(known.begin(), known.end(), node.name) != known.end() ||
               (node.what == settings_node::kind::table && !is_mistyped(node.name, known))) {
      read_cache(node);
    } else {
      refuse_key(node, "here", known);
    }
  };
  for (const settings_node& node : root.members) read_part(gathered, [&] { read_member(node); });
}

}  // namespace larder::config
