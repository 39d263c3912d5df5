#pragma once

#include <larder/core/error.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <simdjson.h>

namespace larder::format {

/// The JSON object that a whole text is, at most 8 deep. What is wrong with it goes to `refuse(why)`, which throws, `subject` first:
/// "the header is not UTF-8". The parser owns what the object refers to.
template <class Refuse>
simdjson::dom::object parse_json_object(simdjson::dom::parser& parser, std::span<const std::byte> text,
                                        const std::string& subject, Refuse refuse) {
  constexpr std::size_t deepest = 8;
  if (parser.allocate(text.size(), deepest) != simdjson::SUCCESS)
    core::fail(error_cause::io, "no memory for " + std::to_string(text.size()) + " bytes of JSON");
  simdjson::dom::element root;
  const auto error = parser.parse(reinterpret_cast<const char*>(text.data()), text.size(), true).get(root);
  if (error == simdjson::DEPTH_ERROR) refuse(subject + " is nested deeper than " + std::to_string(deepest));
  if (error == simdjson::UTF8_ERROR) refuse(subject + " is not UTF-8");
  if (error != simdjson::SUCCESS) refuse(subject + " is not JSON: " + simdjson::error_message(error));
  simdjson::dom::object object;
  if (root.get(object) != simdjson::SUCCESS) refuse(subject + " is not an object");
  return object;
}

/// The largest integer up to which every JSON reader keeps all of them exact, those that read doubles too.
inline constexpr std::uint64_t largest_exact_json_integer = std::uint64_t{1} << 53;

/// A number that every JSON reader takes for the same non-negative integer; anything else goes to `refuse(why)`, `where` first.
template <class Refuse>
std::uint64_t exact_json_integer(const simdjson::dom::element& value, const std::string& where, Refuse refuse) {
  switch (value.type()) {
    case simdjson::dom::element_type::INT64: {
      std::int64_t number = 0;
      if (value.get(number) != simdjson::SUCCESS) refuse(where + " is not a number");
      if (number < 0) refuse(where + " is negative (" + std::to_string(number) + ")");
      if (static_cast<std::uint64_t>(number) > largest_exact_json_integer)
        refuse(where + " is above 2^53 (" + std::to_string(number) + ")");
      return static_cast<std::uint64_t>(number);
    }
    case simdjson::dom::element_type::UINT64: refuse(where + " is above 2^53"); break;
    case simdjson::dom::element_type::DOUBLE: refuse(where + " is not a plain integer"); break;
    default: refuse(where + " is not a number"); break;
  }
  return 0;  // `refuse` has thrown
}

}  // namespace larder::format
