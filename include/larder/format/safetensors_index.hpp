#pragma once

// The index of a model that is split over several safetensors files (`model.safetensors.index.json`): a JSON object whose `weight_map`
// names the file of each tensor. Every index is taken for hostile: files are plain names in the index's own folder, tensors are named
// once, by names that `tensor_name` allows. Other members ("metadata") are not looked at.
// Cost: one pass of simdjson and a tree of the tensors' names.

#include <larder/core/error.hpp>
#include <larder/format/json_object.hpp>
#include <larder/format/tensor_name.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include <simdjson.h>

namespace larder::format {

inline constexpr std::uint64_t safetensors_index_limit = 100'000'000;

/// Which file each tensor is in.
using safetensors_index = std::map<std::string, std::string, std::less<>>;

/// Throws `larder::error` (corruption) that names `file` and what is wrong.
inline safetensors_index parse_safetensors_index(std::span<const std::byte> json, std::string_view file = "index") {
  const auto refuse = [&](const std::string& why) {
    core::fail(error_cause::corruption, std::string(file) + ": not a valid index of safetensors files: " + why);
  };
  if (json.size() > safetensors_index_limit)
    refuse("it has " + std::to_string(json.size()) + " bytes, more than " + std::to_string(safetensors_index_limit));
  simdjson::dom::parser parser;
  const simdjson::dom::object object = parse_json_object(parser, json, "it", refuse);
  safetensors_index index;
  bool has_map = false;
  for (const auto member : object) {
    if (member.key != "weight_map") continue;
    if (has_map) refuse("weight_map is given twice");
    has_map = true;
    simdjson::dom::object map;
    if (member.value.get(map) != simdjson::SUCCESS) refuse("weight_map is not an object");
    for (const auto tensor : map) {
      const std::string name = "tensor " + printable_name(tensor.key);
      if (const std::string why = tensor_name_fault(tensor.key); !why.empty()) refuse(name + ": " + why);
      std::string_view where;
      if (tensor.value.get(where) != simdjson::SUCCESS) refuse(name + ": its file is not a string");
      if (!tensor_name_fault(where).empty() || where.find_first_of("/\\") != std::string_view::npos)
        refuse(name + ": its file " + printable_name(where) + " is not a plain name in the folder of the index");
      if (!index.emplace(std::string(tensor.key), std::string(where)).second) refuse(name + " is given twice");
    }
  }
  if (!has_map) refuse("it has no weight_map");
  return index;
}

}  // namespace larder::format
