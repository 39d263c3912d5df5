#pragma once

// The body of a pax extension of a tar archive: records "LENGTH KEY=VALUE\n" one behind the other, LENGTH of all of the record in decimal.

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

namespace larder::format {

/// What a pax extension says about how to read the member behind it; times, owners and the like do not matter here.
struct pax_records {
  std::optional<std::string> path;
  std::optional<std::uint64_t> size;
  bool sparse = false;  ///< the member holds a file with its holes left out
};

/// The last of two records with one key counts, an empty value takes one back, as pax has it. What is wrong goes to `refuse(why)`, which
/// throws.
template <class Refuse>
pax_records parse_pax_records(std::string_view body, Refuse refuse) {
  pax_records said;
  while (!body.empty()) {
    std::size_t length = 0;
    const auto [end, failed] = std::from_chars(body.data(), body.data() + body.size(), length);
    const auto digits = static_cast<std::size_t>(end - body.data());
    if (failed != std::errc{} || digits == body.size() || body[digits] != ' ')
      refuse("a pax record does not begin with its length");
    if (length > body.size() || length < digits + 2 || body[length - 1] != '\n')
      refuse("a pax record does not end where its length says");
    const std::string_view record = body.substr(digits + 1, length - digits - 2);
    body.remove_prefix(length);
    const std::size_t equals = record.find('=');
    if (equals == std::string_view::npos || equals == 0) refuse("a pax record is not KEY=VALUE");
    const std::string_view key = record.substr(0, equals);
    const std::string_view value = record.substr(equals + 1);
    if (key == "path") {
      if (value.find('\0') != std::string_view::npos) refuse("the pax record of a path holds a NUL");
      said.path.reset();
      if (!value.empty()) said.path = std::string(value);
    } else if (key == "size") {
      said.size.reset();
      if (value.empty()) continue;
      std::uint64_t number = 0;
      const auto [stop, wrong] = std::from_chars(value.data(), value.data() + value.size(), number);
      if (wrong != std::errc{} || stop != value.data() + value.size())
        refuse("the pax record of a size is not a number below 2^64");
      said.size = number;
    } else if (key.starts_with("GNU.sparse.") || key == "SCHILY.realsize") {
      said.sparse = true;
    }
  }
  return said;
}

}  // namespace larder::format
