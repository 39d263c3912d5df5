#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include <simdjson.h>

namespace larder::artifacts {

/// In what two requests differ.
struct request_difference {
  std::size_t parts = 0;
  std::string text{};  ///< for people: `"batch_size" (1 there, 2 here), "api_key" (another secret)`
};

namespace difference {

inline std::string shown(const std::string& value) {
  constexpr std::size_t longest = 60;
  return value.size() <= longest ? value : value.substr(0, longest) + "...";
}

/// The members of an object in a key, as texts.
inline std::map<std::string, std::string> members_of(simdjson::dom::element key, std::string_view title) {
  std::map<std::string, std::string> members;
  simdjson::dom::object parts;
  if (key[title].get(parts) != simdjson::SUCCESS) return members;
  for (const auto member : parts) members.emplace(std::string(member.key), simdjson::to_string(member.value));
  return members;
}

inline void compare(request_difference& found, simdjson::dom::element there, simdjson::dom::element here,
                    std::string_view title) {
  const std::map<std::string, std::string> one = members_of(there, title), other = members_of(here, title);
  std::set<std::string> names;
  for (const auto& row : one) names.insert(row.first);
  for (const auto& row : other) names.insert(row.first);
  for (const std::string& name : names) {
    const auto a = one.find(name), b = other.find(name);
    if (a != one.end() && b != other.end() && a->second == b->second) continue;
    if (found.parts++ != 0) found.text += ", ";
    found.text.append(1, '"').append(shown(name)).append("\" (");
    if (title == "secrets" && a != one.end() && b != other.end())
      found.text += "another secret)";
    else if (title == "secrets")
      found.text += a == one.end() ? "not there, a secret here)" : "a secret there, not here)";
    else
      found.text.append(a == one.end() ? "not" : shown(a->second))
          .append(" there, ")
          .append(b == other.end() ? "not" : shown(b->second))
          .append(" here)");
  }
}

}  // namespace difference

/// What differs between two keys of requests; nothing when one of them is none.
inline std::optional<request_difference> difference_of(const std::string& there, const std::string& here) {
  constexpr std::size_t deepest = 256;  // of a field 128, within two objects
  simdjson::dom::parser one(there.size()), other(here.size());
  simdjson::dom::element a, b;
  if (one.allocate(there.size(), deepest) != simdjson::SUCCESS || other.allocate(here.size(), deepest) != simdjson::SUCCESS ||
      one.parse(there).get(a) != simdjson::SUCCESS || other.parse(here).get(b) != simdjson::SUCCESS)
    return std::nullopt;
  request_difference found;
  for (const std::string_view title : {"fields", "sets", "secrets"}) difference::compare(found, a, b, title);
  std::string_view version_there, version_here;
  if (a["version"].get(version_there) != simdjson::SUCCESS || b["version"].get(version_here) != simdjson::SUCCESS)
    return std::nullopt;
  if (version_there != version_here) {
    found.text.append(found.parts++ != 0 ? ", " : "").append("the version of the answers (\"");
    found.text.append(difference::shown(std::string(version_there)))
        .append("\" there, \"")
        .append(difference::shown(std::string(version_here)))
        .append("\" here)");
  }
  return found;
}

}  // namespace larder::artifacts
