#pragma once

// In what two keys differ, field by field.

#include <larder/core/error.hpp>
#include <larder/format/json_field.hpp>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <simdjson.h>

namespace larder::artifacts {

/// A field that two keys have differently, or that one of them has alone.
struct key_difference {
  std::string field;                ///< "pass_config.target_opset"
  std::optional<std::string> ours;  ///< as JSON
  std::optional<std::string> theirs;
};

/// Appends the fields in which two JSON values differ; objects are compared member by member, everything else as a whole.
inline void append_differences(std::vector<key_difference>& out, const std::string& path, simdjson::dom::element ours,
                               simdjson::dom::element theirs) {
  simdjson::dom::object our_members, their_members;
  if (ours.get(our_members) == simdjson::SUCCESS && theirs.get(their_members) == simdjson::SUCCESS) {
    std::set<std::string_view> names;
    for (const auto member : our_members) names.insert(member.key);
    for (const auto member : their_members) names.insert(member.key);
    for (const std::string_view name : names) {
      const std::string below = path.empty() ? std::string(name) : path + '.' + std::string(name);
      simdjson::dom::element our_value, their_value;
      const bool is_ours = our_members.at_key(name).get(our_value) == simdjson::SUCCESS;
      const bool is_theirs = their_members.at_key(name).get(their_value) == simdjson::SUCCESS;
      if (is_ours && is_theirs)
        append_differences(out, below, our_value, their_value);
      else
        out.push_back({below, is_ours ? std::optional<std::string>(simdjson::minify(our_value)) : std::nullopt,
                       is_theirs ? std::optional<std::string>(simdjson::minify(their_value)) : std::nullopt});
    }
    return;
  }
  std::string our_text = simdjson::minify(ours);
  std::string their_text = simdjson::minify(theirs);
  if (our_text != their_text) out.push_back({path, std::move(our_text), std::move(their_text)});
}

/// In what two keys differ; nothing when one of the texts is no JSON.
inline std::optional<std::vector<key_difference>> differences_of_keys(std::string_view ours, std::string_view theirs) {
  simdjson::dom::parser our_parser, their_parser;
  simdjson::dom::element our_root, their_root;
  if (our_parser.parse(ours.data(), ours.size(), true).get(our_root) != simdjson::SUCCESS ||
      their_parser.parse(theirs.data(), theirs.size(), true).get(their_root) != simdjson::SUCCESS)
    return std::nullopt;
  std::vector<key_difference> out;
  append_differences(out, {}, our_root, their_root);
  return out;
}

/// How far two keys are apart: another pass is further than any configuration of the same one.
inline std::size_t distance_of(const std::vector<key_difference>& differences) {
  std::size_t distance = 0;
  for (const key_difference& one : differences)
    distance += one.field == "pass_name" ? 1000 : one.field == "input_model_id" ? 2 : 1;
  return distance;
}

/// A value as people are shown it.
inline std::string shown_value(const std::optional<std::string>& value) {
  constexpr std::size_t longest = 80;
  if (!value) return "absent";
  if (value->size() <= longest) return *value;
  std::size_t end = longest;
  while (end > 0 && (static_cast<unsigned char>((*value)[end]) & 0xC0U) == 0x80U) --end;
  return value->substr(0, end) + "...";
}

}  // namespace larder::artifacts
