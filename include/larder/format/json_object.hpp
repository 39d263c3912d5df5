#pragma once

#include <larder/core/error.hpp>

#include <cstddef>
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

}  // namespace larder::format
