#pragma once

#include <larder/core/error.hpp>
#include <larder/format/json_field.hpp>
#include <larder/format/nearest_name.hpp>
#include <larder/format/tensor_name.hpp>

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <simdjson.h>

namespace larder::artifacts {

/// A JSON object of settings: a key that is none of the known ones, twice there or of the wrong type is an error that says so.
class settings_object {
 public:
  /// Throws `larder::error` (invalid_argument), as all members do. `subject` begins what it says: "cache_config".
  settings_object(simdjson::dom::object object, std::string subject, std::span<const std::string_view> known)
      : object_(object), subject_(std::move(subject)) {
    std::vector<std::string_view> seen;
    for (const simdjson::dom::key_value_pair member : object_) {
      if (std::find(known.begin(), known.end(), member.key) == known.end())
        core::fail(error_cause::invalid_argument,
                   subject_ + ": there is no key " + format::printable_name(member.key) + format::known_names(member.key, known));
      if (std::find(seen.begin(), seen.end(), member.key) != seen.end()) refuse(member.key, "is there twice; keep one of them");
      seen.push_back(member.key);
    }
  }

  [[noreturn]] void refuse(std::string_view key, const std::string& why) const {
    core::fail(error_cause::invalid_argument, subject_ + ": " + std::string(key) + " " + why);
  }

  bool has(std::string_view key) const noexcept {
    simdjson::dom::element found;
    return object_.at_key(key).get(found) == simdjson::SUCCESS;
  }
  bool is_null(std::string_view key) const noexcept {
    simdjson::dom::element found;
    return object_.at_key(key).get(found) == simdjson::SUCCESS && found.is_null();
  }
  /// Nothing when it is not there or null, as for all that follow.
  std::optional<std::string> text(std::string_view key) const { return value<std::string>(key, "a string"); }
  std::optional<bool> flag(std::string_view key) const { return value<bool>(key, "true or false"); }
  /// A string or a list of strings.
  std::vector<std::string> texts(std::string_view key) const {
    simdjson::dom::element found;
    if (object_.at_key(key).get(found) != simdjson::SUCCESS || found.is_null()) return {};
    if (const auto one = format::json_value_as<std::string>(found)) return {*one};
    simdjson::dom::array list;
    if (found.get(list) != simdjson::SUCCESS)
      refuse(key, "is " + std::string(format::json_kind(found)) + "; it can be a string or a list of strings");
    std::vector<std::string> all;
    for (const simdjson::dom::element item : list) {
      const auto one = format::json_value_as<std::string>(item);
      if (!one) refuse(key, "has " + std::string(format::json_kind(item)) + " in its list; each of them is a string");
      all.push_back(*one);
    }
    return all;
  }
  /// true or false; nothing when it is an object.
  std::optional<bool> flag_or_object(std::string_view key) const {
    simdjson::dom::object ignored;
    if (object_.at_key(key).get(ignored) == simdjson::SUCCESS) return std::nullopt;
    return value<bool>(key, "true, false or an object");
  }
  simdjson::dom::object object(std::string_view key) const {
    simdjson::dom::object found;
    if (object_.at_key(key).get(found) != simdjson::SUCCESS) refuse(key, "is no object");
    return found;
  }

 private:
  template <class T>
  std::optional<T> value(std::string_view key, const char* wanted) const {
    simdjson::dom::element found;
    if (object_.at_key(key).get(found) != simdjson::SUCCESS || found.is_null()) return std::nullopt;
    std::optional<T> read = format::json_value_as<T>(found);
    if (!read) refuse(key, "is " + std::string(format::json_kind(found)) + "; it can be " + wanted);
    return read;
  }

  simdjson::dom::object object_;
  std::string subject_;
};

}  // namespace larder::artifacts
