#pragma once

// What a name could have meant, and what there is: for errors.

#include <larder/core/edit_distance.hpp>
#include <larder/format/tensor_name.hpp>

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace larder::format {

/// A name without what people mix up in it: upper and lower case, `_` and `-`.
inline std::string compared_name(std::string_view name) {
  std::string out;
  for (const char c : name)
    if (c != '_' && c != '-') out += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

/// The name that was most likely meant, of the first 1000; empty when each of them is another word.
inline std::string_view nearest_name(std::string_view asked, std::span<const std::string_view> names) {
  const std::string said = compared_name(asked);
  std::string_view nearest;
  std::size_t closer_than = said.empty() ? 0 : 2 + said.size() / 3;
  for (const std::string_view name : names.first(std::min<std::size_t>(names.size(), 1'000)))
    if (const std::size_t d = core::edit_distance(said, compared_name(name)); d < closer_than) {
      nearest = name;
      closer_than = d;
    }
  return nearest;
}

/// What to say behind "there is no ...": `; did you mean "species"? There are "island", "species"`. At most 16 of them are listed.
inline std::string known_names(std::string_view asked, std::span<const std::string_view> names) {
  constexpr std::size_t listed = 16;
  if (names.empty()) return "; there are none";
  const std::string_view nearest = nearest_name(asked, names);
  std::string text = ";";
  if (!nearest.empty()) text += " did you mean " + printable_name(nearest) + "?";
  text += nearest.empty() ? " there are " : " There are ";
  for (std::size_t i = 0; i < std::min(names.size(), listed); ++i) text += (i == 0 ? "" : ", ") + printable_name(names[i]);
  if (names.size() > listed) text += " and " + std::to_string(names.size() - listed) + " more";
  return text;
}

}  // namespace larder::format
