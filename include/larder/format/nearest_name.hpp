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

/// What to say behind "there is no ...": `; did you mean "species"? There are "island", "species"`. At most 16 of them are listed, of the
/// first 1000 the nearest is looked for.
inline std::string known_names(std::string_view asked, std::span<const std::string_view> names) {
  constexpr std::size_t listed = 16;
  if (names.empty()) return "; there are none";
  const auto looked_at = names.first(std::min<std::size_t>(names.size(), 1'000));
  std::string_view nearest;
  std::size_t distance = 1 + asked.size() / 3;  // further away it is another word
  bool found = false;
  for (const std::string_view name : looked_at)
    if (const std::size_t d = core::edit_distance(asked, name); d < distance || (d == distance && !found)) {
      nearest = name;
      distance = d;
      found = true;
    }
  std::string text = ";";
  if (found) text += " did you mean " + printable_name(nearest) + "?";
  text += found ? " There are " : " there are ";
  for (std::size_t i = 0; i < std::min(names.size(), listed); ++i) text += (i == 0 ? "" : ", ") + printable_name(names[i]);
  if (names.size() > listed) text += " and " + std::to_string(names.size() - listed) + " more";
  return text;
}

}  // namespace larder::format
