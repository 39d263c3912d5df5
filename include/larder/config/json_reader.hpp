#pragma once

#include <larder/config/settings_tree.hpp>
#include <larder/core/error.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include <simdjson.h>

namespace larder::config {

/// JSON as a tree, each key and value with its place.
class json_reader {
 public:
  /// Throws `larder::error` for what is not one JSON object.
  static settings_node read(std::string_view text, const std::string& name) {
    check_settings_size(text, name);
    constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
    if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
    return json_reader(text, name).root();
  }

 private:
  json_reader(std::string_view text, const std::string& name) : name_(name), padded_(text), text_(padded_) {}

  settings_node root() {
    simdjson::ondemand::parser parser;
    simdjson::ondemand::document document;
    settings_node node;
    node.value_at = place_in(text_, 0, name_);
    check_end();
    if (const auto error = parser.iterate(padded_).get(document); error != simdjson::SUCCESS) refuse(error, 0);
    document_ = &document;
    simdjson::ondemand::object object;
    const auto error = document.get_object().get(object);
    if (error == simdjson::INCORRECT_TYPE) refuse_at(node.value_at, "the settings are not an object; write {\"cache\": {...}}");
    if (error != simdjson::SUCCESS) refuse(error, 0);
    read_members(object, node, 1);
    return node;
  }

  /// Looks for what follows the object, first: simdjson takes it for an object that does not end, and knows no place.
  void check_end() const {
    std::size_t depth = 0;
    bool in_text = false;
    std::size_t at = text_.find_first_not_of(blank);
    if (at == std::string_view::npos || text_[at] != '{') return;
    for (; at < text_.size(); ++at) {
      const char c = text_[at];
      if (in_text && c == '\\')
        ++at;
      else if (c == '"')
        in_text = !in_text;
      else if (!in_text && (c == '{' || c == '['))
        ++depth;
      else if (!in_text && (c == '}' || c == ']') && --depth == 0)
        break;
    }
    if (at >= text_.size()) return;
    if (const std::size_t more = text_.find_first_not_of(blank, at + 1); more != std::string_view::npos)
      refuse_at(place_in(text_, more, name_),
                "something follows the settings' object; a file has one, so leave out what is behind it");
  }

  void read_members(simdjson::ondemand::object& object, settings_node& into, std::size_t depth) {
    if (depth > deepest_settings) refuse_at(into.value_at, "tables are nested deeper than " + std::to_string(deepest_settings));
    for (auto found : object) {
      simdjson::ondemand::field field;
      if (const auto error = std::move(found).get(field); error != simdjson::SUCCESS) refuse(error);
      if (++nodes_ > most_settings) refuse_at(into.value_at, "there are more than " + std::to_string(most_settings) + " keys");
      settings_node node;
      node.name_at = at(field.key().raw() - 1);  // its quotation mark
      std::string_view key;
      if (const auto error = field.unescaped_key().get(key); error != simdjson::SUCCESS) refuse(error);
      node.name = key;
      if (into.find(node.name) != nullptr) refuse_at(node.name_at, "the key \"" + node.name + "\" is there twice");
      read_value(field.value(), node, depth);
      into.members.push_back(std::move(node));
    }
  }

  void read_value(simdjson::ondemand::value value, settings_node& node, std::size_t depth) {
    using type = simdjson::ondemand::json_type;
    std::string_view token = value.raw_json_token();
    node.value_at = at(token.data());
    type what{};
    if (const auto error = value.type().get(what); error != simdjson::SUCCESS) refuse(error);
    switch (what) {
      case type::object: {
        simdjson::ondemand::object object;
        if (const auto error = value.get_object().get(object); error != simdjson::SUCCESS) refuse(error);
        read_members(object, node, depth + 1);
        return;
      }
      case type::array: {
        node.what = settings_node::kind::list;
        std::string_view skipped;
        simdjson::ondemand::array array;
        if (const auto error = value.get_array().get(array); error != simdjson::SUCCESS) refuse(error);
        if (const auto error = array.raw_json().get(skipped); error != simdjson::SUCCESS) refuse(error);
        return;
      }
      case type::string: {
        node.what = settings_node::kind::text;
        std::string_view content;
        if (const auto error = value.get_string().get(content); error != simdjson::SUCCESS) refuse(error);
        node.text = content;
        return;
      }
      case type::number: {
        node.what = settings_node::kind::number;
        double checked = 0;
        if (const auto error = value.get_double().get(checked); error != simdjson::SUCCESS) refuse(error);
        node.text = token.substr(0, token.find_last_not_of(" \t\r\n") + 1);
        return;
      }
      case type::boolean: {
        node.what = settings_node::kind::flag;
        bool flag = false;
        if (const auto error = value.get_bool().get(flag); error != simdjson::SUCCESS) refuse(error);
        node.text = flag ? "true" : "false";
        return;
      }
      default:
        node.what = settings_node::kind::nothing;
        if (!token.starts_with("null")) refuse(simdjson::N_ATOM_ERROR, node.value_at);
        if (!value.is_null()) refuse(simdjson::N_ATOM_ERROR, node.value_at);
        return;
    }
  }

  /// Places are asked for from front to back, mostly: the lines before the last one are not counted again.
  setting_origin at(const char* where) const {
    const auto offset = static_cast<std::size_t>(where - text_.data());
    if (offset < counted_to_) {
      counted_to_ = 0;
      counted_ = place_in(text_, 0, name_);
    }
    const setting_origin more = place_in(text_.substr(counted_to_), offset - counted_to_, name_);
    counted_.column = more.line == 1 ? counted_.column + more.column - 1 : more.column;
    counted_.line += more.line - 1;
    counted_to_ = offset;
    return counted_;
  }
  setting_origin here() const {
    const char* where = nullptr;
    if (document_ != nullptr && document_->current_location().get(where) == simdjson::SUCCESS) return at(where);
    return place_in(text_, text_.size(), name_);
  }
  [[noreturn]] void refuse(simdjson::error_code error, const setting_origin& where) const {
    refuse_at(where, std::string("this is not JSON: ") + simdjson::error_message(error));
  }
  [[noreturn]] void refuse(simdjson::error_code error) const { refuse(error, here()); }
  [[noreturn]] void refuse(simdjson::error_code error, std::size_t offset) const {
    refuse(error, place_in(text_, offset, name_));
  }

  static constexpr std::string_view blank = " \t\r\n";

  std::string name_;
  simdjson::padded_string padded_;
  std::string_view text_;
  simdjson::ondemand::document* document_ = nullptr;
  std::size_t nodes_ = 0;
  mutable std::size_t counted_to_ = 0;
  mutable setting_origin counted_ = place_in(text_, 0, name_);
};

}  // namespace larder::config
