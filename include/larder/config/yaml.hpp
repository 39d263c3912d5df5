#pragma once

// YAML for settings, by yaml-cpp. Including this in one file of a program is what makes `settings::load("larder.yaml")` work in all of it.

#include <larder/config/settings_formats.hpp>
#include <larder/config/settings_tree.hpp>
#include <larder/core/error.hpp>
#include <larder/format/utf8.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <yaml-cpp/yaml.h>

namespace larder::config {

/// YAML as a tree, each key and value with its place.
class yaml_reader {
 public:
  /// Throws `larder::error` for what is not one YAML document with a mapping.
  static settings_node read(std::string_view text, const std::string& name) {
    check_settings_size(text, name);
    if (text.find('\0') != std::string_view::npos)
      refuse_at(place_in(text, text.find('\0'), name), "this is not YAML: there is a NUL in it");
    if (!format::is_utf8(text))
      refuse_at({setting_origin::kind::file, name, 1, 1}, "this is not UTF-8, in which settings are written");
    yaml_reader reader(name);
    settings_node root;
    root.value_at = {setting_origin::kind::file, name, 1, 1};
    try {
      const std::vector<YAML::Node> documents = YAML::LoadAll(std::string(text));
      if (documents.size() > 1) refuse_at(reader.at(documents[1].Mark()), "a second document begins; settings are one");
      if (documents.empty() || documents[0].IsNull()) return root;
      if (!documents[0].IsMap())
        refuse_at(reader.at(documents[0].Mark()), "the settings are not a mapping; write \"cache:\" and keys below it");
      reader.read_members(documents[0], root, 1);
    } catch (const YAML::Exception& e) {
      refuse_at(reader.at(e.mark), "this is not YAML: " + e.msg);
    }
    return root;
  }

 private:
  explicit yaml_reader(const std::string& name) : name_(name) {}

  void read_members(const YAML::Node& map, settings_node& into, std::size_t depth) {
    if (depth > deepest_settings) refuse_at(into.value_at, "tables are nested deeper than " + std::to_string(deepest_settings));
    for (const auto& member : map) {
      if (++nodes_ > most_settings) refuse_at(into.value_at, "there are more than " + std::to_string(most_settings) + " keys");
      settings_node node;
      node.name_at = at(member.first.Mark());
      if (!member.first.IsScalar()) refuse_at(node.name_at, "a key is not a text");
      node.name = member.first.Scalar();
      if (into.find(node.name) != nullptr) refuse_at(node.name_at, "the key \"" + node.name + "\" is there twice");
      node.value_at = at(member.second.Mark());
      read_value(member.second, node, depth);
      into.members.push_back(std::move(node));
    }
  }

  void read_value(const YAML::Node& value, settings_node& node, std::size_t depth) {
    using kind = settings_node::kind;
    if (value.IsMap()) {
      read_members(value, node, depth + 1);
    } else if (value.IsScalar()) {
      node.what = value.Tag() == "!" ? kind::text : kind::untyped;  // "!": in quotation marks
      node.text = value.Scalar();
    } else {
      node.what = value.IsSequence() ? kind::list : kind::nothing;
      if (value.IsNull()) node.value_at = node.name_at;  // the parser's is where it looked for one
    }
  }

  setting_origin at(const YAML::Mark& mark) const {
    return {setting_origin::kind::file, name_, static_cast<std::size_t>(mark.line + 1),
            static_cast<std::size_t>(mark.column + 1)};
  }

  std::string name_;
  std::size_t nodes_ = 0;
};

/// See `settings_formats.hpp`.
[[gnu::weak]] settings_node read_yaml(std::string_view text, const std::string& name) { return yaml_reader::read(text, name); }

}  // namespace larder::config
