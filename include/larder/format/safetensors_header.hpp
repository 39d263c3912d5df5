#pragma once

// The header of a safetensors file: 8 bytes little-endian length N, N bytes of JSON, then the tensors' bytes without a
// gap up to the end of the file. Every file is taken for hostile. What is refused beyond the format's own rules, because
// two readers could understand it differently or because a later program could be led astray by it:
//   * duplicate tensor names, duplicate and unknown fields of a tensor;
//   * names that are empty, that hold a control character (a NUL ends a name for C code) or a "." or ".." path component
//     ('/' or '\' as separators): names become file and object names elsewhere. A '/' alone is fine;
//   * numbers above 2^53 or written with a fraction or an exponent: not every JSON reader keeps them exact;
//   * more than 64 dimensions; nesting deeper than 8.
// Cost: one pass of simdjson and a sort of the tensors by offset.

#include <larder/core/error.hpp>
#include <larder/format/json_object.hpp>
#include <larder/format/tensor.hpp>
#include <larder/format/tensor_name.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <simdjson.h>

namespace larder::format {

/// What a valid header says. Tensors are in the order of their offsets, which count from `data_begin`.
struct safetensors_header {
  std::vector<tensor_info> tensors;
  std::map<std::string, std::string> metadata;
  std::uint64_t data_begin = 0;
};

inline constexpr std::uint64_t safetensors_prefix = 8;
inline constexpr std::uint64_t safetensors_header_limit = 100'000'000;
inline constexpr std::size_t safetensors_dimensions_limit = 64;

namespace safetensors_rules {

[[noreturn]] inline void refuse(std::string_view file, const std::string& why) {
  core::fail(error_cause::corruption, std::string(file) + ": not a valid safetensors file: " + why);
}

inline void check_name(std::string_view file, std::string_view name) {
  if (const std::string why = tensor_name_fault(name); !why.empty()) refuse(file, "tensor " + printable_name(name) + ": " + why);
}

inline std::uint64_t exact_integer(std::string_view file, const std::string& where, const simdjson::dom::element& value) {
  return exact_json_integer(value, where, [&](const std::string& why) { refuse(file, why); });
}

inline std::vector<std::uint64_t> read_shape(std::string_view file, const std::string& tensor, const simdjson::dom::element& value) {
  simdjson::dom::array array;
  if (value.get(array) != simdjson::SUCCESS) refuse(file, tensor + ": shape is not an array");
  std::vector<std::uint64_t> shape;
  for (const simdjson::dom::element dimension : array) {
    if (shape.size() == safetensors_dimensions_limit)
      refuse(file, tensor + ": shape has more than " + std::to_string(safetensors_dimensions_limit) + " dimensions");
    shape.push_back(exact_integer(file, tensor + ": shape[" + std::to_string(shape.size()) + "]", dimension));
  }
  return shape;
}

inline std::pair<std::uint64_t, std::uint64_t> read_offsets(std::string_view file, const std::string& tensor,
                                                            const simdjson::dom::element& value) {
  simdjson::dom::array array;
  if (value.get(array) != simdjson::SUCCESS) refuse(file, tensor + ": data_offsets is not an array");
  std::uint64_t numbers[2] = {0, 0};
  std::size_t count = 0;
  for (const simdjson::dom::element number : array) {
    if (count == 2) refuse(file, tensor + ": data_offsets has more than two numbers");
    numbers[count] = exact_integer(file, tensor + ": data_offsets[" + std::to_string(count) + "]", number);
    ++count;
  }
  if (count != 2) refuse(file, tensor + ": data_offsets has " + std::to_string(count) + " numbers, not two");
  return {numbers[0], numbers[1]};
}

/// The bytes that a shape needs, every step checked.
inline std::uint64_t size_of_shape(std::string_view file, const std::string& tensor, dtype type, const std::vector<std::uint64_t>& shape) {
  constexpr auto largest = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t elements = 1;
  for (const std::uint64_t dimension : shape) {
    if (dimension != 0 && elements > largest / dimension) refuse(file, tensor + ": the product of its shape passes 2^64");
    elements *= dimension;
  }
  const std::uint64_t bits = bits_of(type);
  if (elements > largest / bits) refuse(file, tensor + ": its shape times " + std::to_string(bits) + " bits passes 2^64");
  if (elements * bits % 8 != 0)
    refuse(file, tensor + ": " + std::to_string(elements) + " elements of " + std::to_string(bits) + " bits do not end on a whole byte");
  return elements * bits / 8;
}

inline std::string range_text(std::uint64_t begin, std::uint64_t end) {
  return "[" + std::to_string(begin) + ", " + std::to_string(end) + ")";
}

inline tensor_info read_tensor(std::string_view file, std::string_view name, const simdjson::dom::element& value) {
  check_name(file, name);
  const std::string tensor = "tensor " + printable_name(name);
  simdjson::dom::object object;
  if (value.get(object) != simdjson::SUCCESS) refuse(file, tensor + " is not described by an object");
  tensor_info info;
  info.name = std::string(name);
  bool has_dtype = false;
  bool has_shape = false;
  bool has_offsets = false;
  std::uint64_t end = 0;
  const auto once = [&](bool& seen, const char* field) {
    if (seen) refuse(file, tensor + " gives its " + field + " twice");
    seen = true;
  };
  for (const auto field : object) {
    if (field.key == "dtype") {
      once(has_dtype, "dtype");
      std::string_view text;
      if (field.value.get(text) != simdjson::SUCCESS) refuse(file, tensor + ": dtype is not a string");
      const auto type = dtype_named(text);
      if (!type || is_blocked(*type)) refuse(file, tensor + ": unknown dtype " + printable_name(text));
      info.dtype = *type;
    } else if (field.key == "shape") {
      once(has_shape, "shape");
      info.shape = read_shape(file, tensor, field.value);
    } else if (field.key == "data_offsets") {
      once(has_offsets, "data_offsets");
      std::tie(info.offset, end) = read_offsets(file, tensor, field.value);
    } else {
      refuse(file, tensor + " has the unknown field " + printable_name(field.key));
    }
  }
  if (!has_dtype) refuse(file, tensor + " has no dtype");
  if (!has_shape) refuse(file, tensor + " has no shape");
  if (!has_offsets) refuse(file, tensor + " has no data_offsets");
  if (end < info.offset) refuse(file, tensor + ": data_offsets " + range_text(info.offset, end) + " are reversed");
  info.size = end - info.offset;
  const std::uint64_t needed = size_of_shape(file, tensor, info.dtype, info.shape);
  if (needed != info.size)
    refuse(file, tensor + ": data_offsets " + range_text(info.offset, end) + " hold " + std::to_string(info.size) + " bytes, its shape of " +
                     std::string(to_string(info.dtype)) + " needs " + std::to_string(needed));
  return info;
}

inline std::map<std::string, std::string> read_metadata(std::string_view file, const simdjson::dom::element& value) {
  simdjson::dom::object object;
  if (value.get(object) != simdjson::SUCCESS) refuse(file, "__metadata__ is not an object");
  std::map<std::string, std::string> metadata;
  for (const auto field : object) {
    std::string_view text;
    if (field.value.get(text) != simdjson::SUCCESS) refuse(file, "__metadata__: the value of " + printable_name(field.key) + " is not a string");
    if (!metadata.emplace(std::string(field.key), std::string(text)).second)
      refuse(file, "__metadata__ gives " + printable_name(field.key) + " twice");
  }
  return metadata;
}

inline void check_layout(std::string_view file, std::vector<tensor_info>& tensors, std::uint64_t data_size) {
  if (const tensor_info* const twice = repeated_tensor(tensors)) refuse(file, "two tensors are named " + printable_name(twice->name));

  std::sort(tensors.begin(), tensors.end(), [](const tensor_info& a, const tensor_info& b) {
    if (a.offset != b.offset) return a.offset < b.offset;
    if (a.size != b.size) return a.size < b.size;
    return a.name < b.name;
  });
  std::uint64_t expected = 0;
  for (const tensor_info& t : tensors) {
    const std::string where = "tensor " + printable_name(t.name) + ": data_offsets " + range_text(t.offset, t.offset + t.size);
    if (t.offset > data_size || t.size > data_size - t.offset)
      refuse(file, where + " pass the end of the file's " + std::to_string(data_size) + " bytes of data");
    if (t.offset < expected) refuse(file, where + " overlap the tensor before, which ends at " + std::to_string(expected));
    if (t.offset > expected) refuse(file, where + " leave a hole from " + std::to_string(expected));
    expected = t.offset + t.size;
  }
  if (expected != data_size)
    refuse(file, std::to_string(data_size - expected) + " bytes follow the last tensor, which ends at offset " + std::to_string(expected));
}

}  // namespace safetensors_rules

/// The length of the JSON header, from the file's first 8 bytes; throws `larder::error` when it cannot be right.
inline std::uint64_t parse_safetensors_length(std::span<const std::byte> prefix, std::uint64_t file_size, std::string_view file) {
  if (prefix.size() < safetensors_prefix || file_size < safetensors_prefix)
    safetensors_rules::refuse(file, "it has " + std::to_string(file_size) + " bytes; the header's length alone takes 8");
  std::uint64_t length = 0;
  for (std::size_t i = 0; i < safetensors_prefix; ++i) length |= std::to_integer<std::uint64_t>(prefix[i]) << (8 * i);
  if (length > safetensors_header_limit)
    safetensors_rules::refuse(file, "the header's length is " + std::to_string(length) + " bytes, above the limit of " +
                                        std::to_string(safetensors_header_limit));
  if (length > file_size - safetensors_prefix)
    safetensors_rules::refuse(file, "the header's length is " + std::to_string(length) + " bytes, beyond the end of a file of " +
                                        std::to_string(file_size));
  if (length < 2) safetensors_rules::refuse(file, "the header's length is " + std::to_string(length) + "; an empty object alone takes 2 bytes");
  return length;
}

/// The tensors and metadata that `json` (the header without its length) describes in a file of `file_size` bytes. Every
/// tensor lies inside the file, they cover its data without a gap or an overlap, and each has the size of its shape;
/// anything else throws `larder::error` (corruption) that names `file`, the tensor and the offset.
inline safetensors_header parse_safetensors_header(std::span<const std::byte> json, std::uint64_t file_size,
                                                   std::string_view file = "safetensors") {
  using namespace safetensors_rules;
  if (json.size() > safetensors_header_limit || json.size() > file_size || file_size - json.size() < safetensors_prefix)
    refuse(file, "a header of " + std::to_string(json.size()) + " bytes does not fit a file of " + std::to_string(file_size));
  if (json.empty() || json[0] != std::byte{'{'}) refuse(file, "the header does not begin with '{'");

  simdjson::dom::parser parser;
  const simdjson::dom::object object =
      parse_json_object(parser, json, "the header", [&](const std::string& why) { refuse(file, why); });
  safetensors_header header;
  header.data_begin = safetensors_prefix + json.size();
  bool has_metadata = false;
  for (const auto field : object) {
    if (field.key == "__metadata__") {
      if (has_metadata) refuse(file, "__metadata__ is given twice");
      has_metadata = true;
      header.metadata = read_metadata(file, field.value);
    } else {
      header.tensors.push_back(read_tensor(file, field.key, field.value));
    }
  }
  check_layout(file, header.tensors, file_size - header.data_begin);
  return header;
}

}  // namespace larder::format
