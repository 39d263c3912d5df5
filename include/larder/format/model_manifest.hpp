#pragma once

// A manifest of a model: its layers, the tensors in each, and of each tensor a digest of its bytes and, where the model was split, the
// chunks that these are in. It is read beside a model that is to be verified, from a directory of chunks and from a server, so every
// manifest is taken for hostile. docs/model_manifest.md describes it for people.
//
// What is refused: another format or version; members that are missing, of the wrong type or given twice; names that `tensor_name_fault`
// refuses; layers of one name, tensors of one name in a layer; numbers above 2^53 or written with a fraction; a tensor whose bytes are
// not those of its shape, that does not lie in its layer, at a multiple of its element's alignment and behind the tensor before; a layer
// that does not end with its last tensor; chunks that are empty or do not add up to their tensor, or that only some tensors have;
// nesting deeper than 8, and more of anything than `manifest_limits`. Members with other names are passed over.
// Cost: one pass of simdjson and a sort of the names.

#include <larder/core/digest.hpp>
#include <larder/core/error.hpp>
#include <larder/format/json_object.hpp>
#include <larder/format/json_text.hpp>
#include <larder/format/tensor.hpp>
#include <larder/format/tensor_name.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <simdjson.h>

namespace larder::format {

/// A run of a tensor's bytes that is stored by itself, under its digest.
struct manifest_chunk {
  larder::digest id;
  std::uint64_t size = 0;

  friend bool operator==(const manifest_chunk&, const manifest_chunk&) = default;
};

struct manifest_tensor {
  tensor_info info;  ///< the offset counts from the begin of the layer's memory
  larder::digest id;
  std::vector<manifest_chunk> chunks;  ///< in the order of its bytes, which they add up to; empty where the model was not split

  friend bool operator==(const manifest_tensor&, const manifest_tensor&) = default;
};

struct manifest_layer {
  std::string name;
  std::uint64_t size = 0;  ///< bytes in memory
  std::vector<manifest_tensor> tensors;

  friend bool operator==(const manifest_layer&, const manifest_layer&) = default;
};

struct model_manifest {
  std::string model;
  bool is_split = false;  ///< it says which chunks the tensors are in
  std::vector<manifest_layer> layers;

  friend bool operator==(const model_manifest&, const model_manifest&) = default;
};

namespace manifest_limits {
inline constexpr std::uint64_t bytes = 256'000'000;
inline constexpr std::size_t layers = 100'000;
inline constexpr std::size_t tensors = 1'000'000;  // in all layers
inline constexpr std::size_t chunks = 4'000'000;   // of all tensors
inline constexpr std::size_t dimensions = 64;
inline constexpr std::size_t model_name = 128;
}  // namespace manifest_limits

inline constexpr std::string_view manifest_format = "larder model manifest";
inline constexpr std::uint64_t manifest_version = 1;

/// Whether a model may be called so where its name is a part of paths and addresses: letters, digits, '.', '_' and '-', not beginning
/// with a '.' or '-', at most 128.
constexpr bool is_model_name(std::string_view name) noexcept {
  if (name.empty() || name.size() > manifest_limits::model_name || name.front() == '.' || name.front() == '-') return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
  });
}
/// Throws `larder::error` (invalid_argument) when it may not.
inline void check_model_name(std::string_view name) {
  if (!is_model_name(name))
    core::fail(error_cause::invalid_argument,
               "a model cannot be called " + printable_name(name) +
                   ": names are letters, digits, '.', '_' and '-', begin with none of '.' and '-', and have at most " +
                   std::to_string(manifest_limits::model_name) + " characters");
}

/// The bytes that a shape takes; nothing where they pass 2^64 or where its elements, or those of its rows, are no whole blocks.
constexpr std::optional<std::uint64_t> bytes_of_shape(dtype type, std::span<const std::uint64_t> shape) noexcept {
  constexpr auto largest = std::numeric_limits<std::uint64_t>::max();
  std::uint64_t elements = 1;
  for (const std::uint64_t dimension : shape) {
    if (dimension != 0 && elements > largest / dimension) return std::nullopt;
    elements *= dimension;
  }
  const dtype_block block = block_of(type);
  const std::uint64_t row = shape.empty() ? 1 : shape.back();
  if (elements % block.elements != 0 || (is_blocked(type) && row % block.elements != 0)) return std::nullopt;
  const std::uint64_t blocks = elements / block.elements;
  if (blocks > largest / block.bytes) return std::nullopt;
  return blocks * block.bytes;
}

namespace manifest_rules {

class reader {
 public:
  explicit reader(std::string_view file) : file_(file) {}

  [[noreturn]] void refuse(const std::string& why) const {
    core::fail(error_cause::corruption, std::string(file_) + ": not a valid manifest of a model: " + why);
  }

  model_manifest read(const simdjson::dom::object& root) {
    const auto [format, version, model, layers] = members(root, std::array{"format", "version", "model", "layers"}, "it");
    if (!format || text(*format, "its format") != manifest_format)
      refuse("its format is not \"" + std::string(manifest_format) + "\"");
    if (const std::uint64_t number = integer(needed(version, "it", "version"), "its version"); number != manifest_version)
      refuse("it is of version " + std::to_string(number) + ", and this larder reads version " +
             std::to_string(manifest_version) +
             "; write it anew (larder layers digest, larder layers split) or use the larder that wrote it");
    model_manifest manifest;
    manifest.model = name(needed(model, "it", "model"), "its model");
    for (const simdjson::dom::element one : array(needed(layers, "it", "layers"), "layers")) {
      if (manifest.layers.size() == manifest_limits::layers)
        refuse("it has more than " + std::to_string(manifest_limits::layers) + " layers");
      manifest.layers.push_back(read_layer(one, "layers[" + std::to_string(manifest.layers.size()) + "]"));
    }
    check_names(manifest.layers, "layers", [](const manifest_layer& layer) -> const std::string& { return layer.name; });
    manifest.is_split = split_ == tensors_;
    if (split_ != 0 && !manifest.is_split)
      refuse("of " + std::to_string(tensors_) + " tensors " + std::to_string(split_) + " have chunks; all have them or none");
    return manifest;
  }

 private:
  using element = simdjson::dom::element;
  using found = std::optional<element>;

  /// The members of these names, each given once at most.
  template <std::size_t N>
  std::array<found, N> members(const simdjson::dom::object& object, const std::array<const char*, N>& names,
                               const std::string& where) const {
    std::array<found, N> all{};
    for (const auto member : object)
      for (std::size_t i = 0; i < N; ++i)
        if (member.key == names[i]) {
          if (all[i]) refuse(where + " gives its " + names[i] + " twice");
          all[i] = member.value;
        }
    return all;
  }
  const element& needed(const found& member, const std::string& where, const char* what) const {
    if (!member) refuse(where + " has no " + what);
    return *member;
  }
  std::string_view text(const element& value, const std::string& what) const {
    std::string_view out;
    if (value.get(out) != simdjson::SUCCESS) refuse(what + " is not a string");
    return out;
  }
  std::uint64_t integer(const element& value, const std::string& what) const {
    return exact_json_integer(value, what, [this](const std::string& why) { refuse(why); });
  }
  simdjson::dom::array array(const element& value, const std::string& what) const {
    simdjson::dom::array out;
    if (value.get(out) != simdjson::SUCCESS) refuse(what + " is not an array");
    return out;
  }
  simdjson::dom::object object(const element& value, const std::string& what) const {
    simdjson::dom::object out;
    if (value.get(out) != simdjson::SUCCESS) refuse(what + " is not an object");
    return out;
  }
  std::string name(const element& value, const std::string& what) const {
    const std::string_view out = text(value, what + "'s name");
    if (const std::string why = tensor_name_fault(out); !why.empty()) refuse(what + " " + printable_name(out) + ": " + why);
    return std::string(out);
  }
  larder::digest digest(const element& value, const std::string& what) const {
    const std::string_view digits = text(value, what + ": its digest");
    const std::optional<larder::digest> out = larder::digest::parse(digits);
    if (!out) refuse(what + ": its digest " + printable_name(digits) + " is not 32 lower-case hexadecimal digits");
    return *out;
  }

  /// Throws when two are of one name.
  template <class T, class NameOf>
  void check_names(const std::vector<T>& all, const std::string& what, NameOf name_of) const {
    std::vector<std::string_view> names;
    names.reserve(all.size());
    for (const T& one : all) names.push_back(name_of(one));
    std::sort(names.begin(), names.end());
    const auto twice = std::adjacent_find(names.begin(), names.end());
    if (twice != names.end()) refuse("two " + what + " are named " + printable_name(*twice));
  }

  manifest_layer read_layer(const element& value, const std::string& place) {
    const auto [given_name, size, tensors] = members(object(value, place), std::array{"name", "bytes", "tensors"}, place);
    manifest_layer layer;
    // A tensor ".x" is in a layer without a name.
    if (const element& called = needed(given_name, place, "name"); !text(called, place + "'s name").empty())
      layer.name = name(called, place);
    const std::string where = "layer " + printable_name(layer.name);
    layer.size = integer(needed(size, where, "bytes"), where + ": bytes");
    std::uint64_t end = 0;
    for (const element one : array(needed(tensors, where, "tensors"), where + ": tensors")) {
      if (tensors_ == manifest_limits::tensors)
        refuse("it has more than " + std::to_string(manifest_limits::tensors) + " tensors");
      ++tensors_;
      manifest_tensor tensor = read_tensor(one, where + ": tensors[" + std::to_string(layer.tensors.size()) + "]");
      check_place(tensor.info, where, end, layer.size);
      end = tensor.info.offset + tensor.info.size;
      layer.tensors.push_back(std::move(tensor));
    }
    if (end != layer.size)
      refuse(where + " has " + std::to_string(layer.size) + " bytes, and its last tensor ends at " + std::to_string(end));
    check_names(layer.tensors, "tensors of " + where,
                [](const manifest_tensor& tensor) -> const std::string& { return tensor.info.name; });
    return layer;
  }

  void check_place(const tensor_info& info, const std::string& layer, std::uint64_t expected, std::uint64_t layer_size) const {
    const std::string where = layer + ": tensor " + printable_name(info.name) + " at offset " + std::to_string(info.offset);
    if (info.offset < expected) refuse(where + " overlaps the tensor before, which ends at " + std::to_string(expected));
    if (info.offset > layer_size || info.size > layer_size - info.offset)
      refuse(where + ": its " + std::to_string(info.size) + " bytes pass the end of the layer's " + std::to_string(layer_size));
    if (info.offset % alignment_of(info.dtype) != 0)
      refuse(where + " is not at a multiple of " + std::to_string(alignment_of(info.dtype)) + ", as " +
             std::string(to_string(info.dtype)) + " needs");
  }

  manifest_tensor read_tensor(const element& value, const std::string& place) {
    const auto [given_name, type, shape, offset, size, id, chunks] =
        members(object(value, place), std::array{"name", "dtype", "shape", "offset", "bytes", "digest", "chunks"}, place);
    manifest_tensor tensor;
    tensor_info& info = tensor.info;
    info.name = name(needed(given_name, place, "name"), place);
    const std::string where = "tensor " + printable_name(info.name);
    const std::string_view type_name = text(needed(type, where, "dtype"), where + ": dtype");
    const std::optional<dtype> known = dtype_named(type_name);
    if (!known) refuse(where + ": unknown dtype " + printable_name(type_name));
    info.dtype = *known;
    for (const element dimension : array(needed(shape, where, "shape"), where + ": shape")) {
      if (info.shape.size() == manifest_limits::dimensions)
        refuse(where + ": shape has more than " + std::to_string(manifest_limits::dimensions) + " dimensions");
      info.shape.push_back(integer(dimension, where + ": shape[" + std::to_string(info.shape.size()) + "]"));
    }
    info.offset = integer(needed(offset, where, "offset"), where + ": offset");
    info.size = integer(needed(size, where, "bytes"), where + ": bytes");
    if (const auto wanted = bytes_of_shape(info.dtype, info.shape); wanted != info.size)
      refuse(where + " has " + std::to_string(info.size) + " bytes, its shape of " + std::string(type_name) + " needs " +
             (wanted ? std::to_string(*wanted) : "no whole number of bytes below 2^64"));
    tensor.id = digest(needed(id, where, "digest"), where);
    if (chunks) {
      ++split_;
      tensor.chunks = read_chunks(*chunks, where, tensor);
    }
    return tensor;
  }

  std::vector<manifest_chunk> read_chunks(const element& value, const std::string& where, const manifest_tensor& tensor) {
    std::vector<manifest_chunk> out;
    std::uint64_t sum = 0;
    for (const element one : array(value, where + ": chunks")) {
      if (chunks_ == manifest_limits::chunks) refuse("it has more than " + std::to_string(manifest_limits::chunks) + " chunks");
      ++chunks_;
      const std::string place = where + ": chunks[" + std::to_string(out.size()) + "]";
      const auto [id, size] = members(object(one, place), std::array{"digest", "bytes"}, place);
      const manifest_chunk chunk{digest(needed(id, place, "digest"), place),
                                 integer(needed(size, place, "bytes"), place + ": bytes")};
      if (chunk.size == 0) refuse(place + " is empty");
      if (chunk.size > tensor.info.size - sum)
        refuse(place + " passes the end of the tensor's " + std::to_string(tensor.info.size) + " bytes");
      sum += chunk.size;
      out.push_back(chunk);
    }
    if (sum != tensor.info.size)
      refuse(where + ": its chunks have " + std::to_string(sum) + " bytes in all, the tensor has " +
             std::to_string(tensor.info.size));
    if (out.size() == 1 && out.front().id != tensor.id) refuse(where + ": its only chunk has another digest than the tensor");
    return out;
  }

  std::string_view file_;
  std::size_t tensors_ = 0;
  std::size_t split_ = 0;  // of the tensors, those with chunks
  std::size_t chunks_ = 0;
};

inline void append_tensor(std::string& out, const manifest_tensor& tensor, bool is_split) {
  out += "{\"name\": ";
  append_json_text(out, tensor.info.name);
  out += ", \"dtype\": \"" + std::string(to_string(tensor.info.dtype)) + "\", \"shape\": [";
  for (std::size_t i = 0; i < tensor.info.shape.size(); ++i) out += (i == 0 ? "" : ", ") + std::to_string(tensor.info.shape[i]);
  out += "], \"offset\": " + std::to_string(tensor.info.offset) + ", \"bytes\": " + std::to_string(tensor.info.size) +
         ", \"digest\": \"" + tensor.id.hex() + "\"";
  if (is_split) {
    out += ", \"chunks\": [";
    for (std::size_t i = 0; i < tensor.chunks.size(); ++i)
      out += (i == 0 ? "{\"digest\": \"" : ", {\"digest\": \"") + tensor.chunks[i].id.hex() +
             "\", \"bytes\": " + std::to_string(tensor.chunks[i].size) + "}";
    out += ']';
  }
  out += '}';
}

}  // namespace manifest_rules

/// Throws `larder::error` (corruption) that names `file` and what is wrong.
inline model_manifest parse_model_manifest(std::span<const std::byte> json, std::string_view file = "manifest") {
  manifest_rules::reader rules(file);
  if (json.size() > manifest_limits::bytes)
    rules.refuse("it has " + std::to_string(json.size()) + " bytes, more than " + std::to_string(manifest_limits::bytes));
  simdjson::dom::parser parser;
  return rules.read(parse_json_object(parser, json, "it", [&](const std::string& why) { rules.refuse(why); }));
}

/// The manifest as JSON, a tensor a line; the same for equal manifests.
inline std::string model_manifest_text(const model_manifest& manifest) {
  std::string out =
      "{\"format\": \"" + std::string(manifest_format) + "\", \"version\": " + std::to_string(manifest_version) + ", \"model\": ";
  append_json_text(out, manifest.model);
  out += ", \"layers\": [";
  for (std::size_t i = 0; i < manifest.layers.size(); ++i) {
    const manifest_layer& layer = manifest.layers[i];
    out += i == 0 ? "\n {\"name\": " : ",\n {\"name\": ";
    append_json_text(out, layer.name);
    out += ", \"bytes\": " + std::to_string(layer.size) + ", \"tensors\": [";
    for (std::size_t k = 0; k < layer.tensors.size(); ++k) {
      out += k == 0 ? "\n  " : ",\n  ";
      manifest_rules::append_tensor(out, layer.tensors[k], manifest.is_split);
    }
    out += "]}";
  }
  return out + "]}\n";
}

}  // namespace larder::format
