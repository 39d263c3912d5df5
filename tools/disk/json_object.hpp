#pragma once

#include "simulate/escaped_text.hpp"

#include <concepts>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace disk {

/// A JSON object that is written from its first member to its last.
class json_object {
 public:
  json_object& add(std::string_view name, std::string_view text) { return member(name, simulate::quoted_for_json(text)); }
  json_object& add(std::string_view name, const char* text) { return add(name, std::string_view(text)); }
  json_object& add(std::string_view name, const std::string& text) { return add(name, std::string_view(text)); }
  json_object& add(std::string_view name, std::same_as<bool> auto value) { return member(name, value ? "true" : "false"); }
  template <std::integral Number>
    requires(!std::same_as<Number, bool>)
  json_object& add(std::string_view name, Number value) { return member(name, std::to_string(value)); }
  /// An array of them.
  json_object& add(std::string_view name, const std::vector<std::string>& texts) {
    std::string array;
    for (const std::string& text : texts) array += (array.empty() ? "" : ", ") + simulate::quoted_for_json(text);
    return member(name, "[" + array + "]");
  }
  /// `null` when there is nothing.
  template <class T>
  json_object& add(std::string_view name, const std::optional<T>& value) {
    return value ? add(name, *value) : member(name, "null");
  }
  /// JSON as it is: a number with a point, an array, another object.
  json_object& member(std::string_view name, std::string_view json) {
    text_ += text_.empty() ? "{" : ", ";
    text_ += simulate::quoted_for_json(name) + ": ";
    text_ += json;
    return *this;
  }
  std::string text() const { return (text_.empty() ? "{" : text_) + "}"; }

 private:
  std::string text_;
};

}  // namespace disk
