#pragma once

// YAML for settings, by yaml-cpp. Including this in one file of a program is what makes `settings::load("larder.yaml")` work in all of it.
//
// The parser's events are taken as they come, and no document is built: what is nested too deep or has too many keys ends it at once.
// Aliases are refused, since a few lines of them stand for any number of keys.

#include <larder/config/settings.hpp>  // first: it asks whether what is defined here is there
#include <larder/config/settings_formats.hpp>
#include <larder/config/settings_tree.hpp>
#include <larder/core/error.hpp>
#include <larder/format/utf8.hpp>

#include <cstddef>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

namespace larder::config {

/// YAML as a tree, each key and value with its place.
class yaml_reader final : private YAML::EventHandler {
 public:
  /// Throws `larder::error` for what is not one YAML document with a mapping.
  static settings_node read(std::string_view text, const std::string& name) {
    check_settings_size(text, name);
    if (const std::size_t nul = text.find('\0'); nul != std::string_view::npos)
      refuse_at(place_in(text, nul, name), "this is not YAML: there is a NUL in it");
    if (!format::is_utf8(text)) refuse_at(place_in(text, 0, name), "this is not UTF-8, in which settings are written");
    yaml_reader reader(name);
    reader.root_.value_at = place_in(text, 0, name);
    try {
      std::istringstream stream{std::string(text)};
      YAML::Parser parser(stream);
      while (parser.HandleNextDocument(reader)) {
      }
    } catch (const YAML::Exception& e) {
      refuse_at(reader.at(e.mark), "this is not YAML: " + e.msg);
    }
    return std::move(reader.root_);
  }

 private:
  explicit yaml_reader(const std::string& name) : name_(name) {}

  /// A map or list that has begun, and of a map the member whose key was read.
  struct level {
    settings_node node;
    settings_node member{};
    bool has_key = false;
  };

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (has_document_) refuse_at(at(mark), "a second document begins; settings are one");
    has_document_ = true;
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t) override {
    if (levels_.empty()) return;  // a document that says nothing
    settings_node node = begun(settings_node::kind::nothing, mark);
    if (levels_.back().has_key) node.value_at = levels_.back().member.name_at;  // the parser's is where it looked for one
    add(std::move(node));
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    refuse_at(at(mark), "settings take no aliases (*name); write the value itself");
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t, const std::string& value) override {
    settings_node node =
        begun(tag == "!" ? settings_node::kind::text : settings_node::kind::untyped, mark);  // "!": in quotation marks
    node.text = value;
    add(std::move(node));
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {
    enter(settings_node::kind::list, mark);
  }
  void OnSequenceEnd() override { leave(); }
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {
    enter(settings_node::kind::table, mark);
  }
  void OnMapEnd() override { leave(); }

  settings_node begun(settings_node::kind what, const YAML::Mark& mark) {
    settings_node node;
    node.what = what;
    node.value_at = at(mark);
    if (++nodes_ > 2 * most_settings) refuse_at(node.value_at, "there are more than " + std::to_string(most_settings) + " keys");
    return node;
  }
  void enter(settings_node::kind what, const YAML::Mark& mark) {
    settings_node node = begun(what, mark);
    if (levels_.empty() && what != settings_node::kind::table) refuse_root(node);
    if (!levels_.empty()) check_key(node);
    if (levels_.size() == deepest_settings)
      refuse_at(node.value_at, "tables are nested deeper than " + std::to_string(deepest_settings));
    levels_.push_back({std::move(node)});
  }
  void leave() {
    settings_node node = std::move(levels_.back().node);
    levels_.pop_back();
    if (levels_.empty()) {
      root_.members = std::move(node.members);
    } else {
      add(std::move(node));
    }
  }
  /// A value is whole, or a key is.
  void add(settings_node node) {
    if (levels_.empty()) refuse_root(node);
    level& of = levels_.back();
    if (of.node.what == settings_node::kind::list) return;  // no key takes what is in it
    check_key(node);
    if (!of.has_key) {
      if (of.node.find(node.text) != nullptr) refuse_at(node.value_at, "the key \"" + node.text + "\" is there twice");
      of.member = settings_node{};
      of.member.name = std::move(node.text);
      of.member.name_at = node.value_at;
    } else {
      node.name = std::move(of.member.name);
      node.name_at = std::move(of.member.name_at);
      of.node.members.push_back(std::move(node));
    }
    of.has_key = !of.has_key;
  }
  void check_key(const settings_node& node) const {
    const level& of = levels_.back();
    if (of.node.what == settings_node::kind::table && !of.has_key && node.what != settings_node::kind::untyped &&
        node.what != settings_node::kind::text)
      refuse_at(node.value_at, "a key is not a text");
  }
  [[noreturn]] static void refuse_root(const settings_node& node) {
    refuse_at(node.value_at, "the settings are not a mapping; write \"cache:\" and keys below it");
  }

  setting_origin at(const YAML::Mark& mark) const {
    return {setting_origin::kind::file, name_, static_cast<std::size_t>(mark.line + 1),
            static_cast<std::size_t>(mark.column + 1)};
  }

  std::string name_;
  settings_node root_;
  std::vector<level> levels_;
  std::size_t nodes_ = 0;
  bool has_document_ = false;
};

/// See `settings_formats.hpp`.
[[gnu::weak]] settings_node read_yaml(std::string_view text, const std::string& name) { return yaml_reader::read(text, name); }

}  // namespace larder::config
