#pragma once

// What a cache knows of a data set that has a name: its source and version in words, and of each shard the beginning of its samples' keys and
// how many samples it has. An entry of the cache beside the samples, as JSON, so that `larder dataset` and people can read it. It may come from a
// shared store, so it is taken for hostile: another format or version, members that are missing or of the wrong type, numbers above 2^53, keys
// that are none, and counts that do not add up are refused.

#include <larder/core/error.hpp>
#include <larder/format/json_object.hpp>
#include <larder/format/json_text.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <simdjson.h>

namespace larder::format {

struct dataset_manifest {
  /// A shard: what the keys of its samples begin with (20 bytes), and how many they are.
  struct shard {
    std::string key;
    std::uint64_t samples = 0;

    friend bool operator==(const shard&, const shard&) = default;
  };

  std::string name;
  std::string source;   ///< what the source called itself
  std::string version;  ///< of the preprocessing; empty where records are the samples
  std::uint64_t samples = 0;
  std::uint64_t bytes = 0;  ///< of them, as they are cached
  std::vector<shard> shards;
  std::uint64_t quota = no_quota;  ///< bytes of samples that it may have in the cache

  friend bool operator==(const dataset_manifest&, const dataset_manifest&) = default;

  static constexpr std::string_view format = "larder data set";
  static constexpr std::uint64_t format_version = 1;
  static constexpr std::size_t key_size = 20;
  static constexpr std::uint64_t no_quota = ~std::uint64_t{0};

  std::string json() const;
  /// Throws `larder::error` (corruption) when the text is no manifest.
  static dataset_manifest parse(std::span<const std::byte> text);
};

namespace dataset_manifest_rules {

inline constexpr std::string_view hex_digits = "0123456789abcdef";

[[noreturn]] inline void refuse(const std::string& why) {
  core::fail(error_cause::corruption, "not a valid manifest of a data set: " + why);
}

inline simdjson::dom::element member(const simdjson::dom::object& of, std::string_view name, const std::string& where) {
  simdjson::dom::element found;
  if (of.at_key(name).get(found) != simdjson::SUCCESS) refuse(where + " has no " + std::string(name));
  return found;
}
inline std::string_view text_member(const simdjson::dom::object& of, std::string_view name, const std::string& where) {
  std::string_view text;
  if (member(of, name, where).get(text) != simdjson::SUCCESS) refuse("the " + std::string(name) + " of " + where + " is no text");
  return text;
}
inline std::uint64_t number_member(const simdjson::dom::object& of, std::string_view name, const std::string& where) {
  return exact_json_integer(member(of, name, where), "the " + std::string(name) + " of " + where, refuse);
}
inline std::string key_of_hex(std::string_view hex, const std::string& where) {
  std::string key;
  if (hex.size() != 2 * dataset_manifest::key_size)
    refuse("the key of " + where + " has not " + std::to_string(2 * dataset_manifest::key_size) + " digits");
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    const std::size_t high = hex_digits.find(hex[i]);
    const std::size_t low = hex_digits.find(hex[i + 1]);
    if (high == std::string_view::npos || low == std::string_view::npos)
      refuse("the key of " + where + " is not in hexadecimal digits");
    key += static_cast<char>(high << 4 | low);
  }
  return key;
}

}  // namespace dataset_manifest_rules

inline std::string dataset_manifest::json() const {
  std::string out = "{\"format\":";
  append_json_text(out, format);
  out += ",\"version\":" + std::to_string(format_version) + ",\"name\":";
  append_json_text(out, name);
  out += ",\"source\":";
  append_json_text(out, source);
  out += ",\"preprocess\":";
  append_json_text(out, version);
  out += ",\"samples\":" + std::to_string(samples) + ",\"bytes\":" + std::to_string(bytes);
  if (quota <= largest_exact_json_integer) out += ",\"quota\":" + std::to_string(quota);
  out += ",\"shards\":[";
  for (const shard& one : shards) {
    if (out.back() != '[') out += ',';
    out += "{\"key\":\"";
    for (const char c : one.key) {
      out += dataset_manifest_rules::hex_digits[static_cast<unsigned char>(c) >> 4];
      out += dataset_manifest_rules::hex_digits[static_cast<unsigned char>(c) & 15U];
    }
    out += "\",\"samples\":" + std::to_string(one.samples) + '}';
  }
  return out + "]}";
}

inline dataset_manifest dataset_manifest::parse(std::span<const std::byte> text) {
  using namespace dataset_manifest_rules;
  simdjson::dom::parser parser;
  const simdjson::dom::object root = parse_json_object(parser, text, "it", refuse);
  if (text_member(root, "format", "it") != format) refuse("its format is not \"" + std::string(format) + "\"");
  if (const std::uint64_t number = number_member(root, "version", "it"); number != format_version)
    refuse("it is of version " + std::to_string(number) + ", and this larder reads version " + std::to_string(format_version) +
           "; cache the data set anew");
  dataset_manifest made;
  made.name = text_member(root, "name", "it");
  made.source = text_member(root, "source", "it");
  made.version = text_member(root, "preprocess", "it");
  made.samples = number_member(root, "samples", "it");
  made.bytes = number_member(root, "bytes", "it");
  if (simdjson::dom::element quota; root.at_key("quota").get(quota) == simdjson::SUCCESS)  // only where there is one
    made.quota = exact_json_integer(quota, "the quota of it", refuse);
  simdjson::dom::array shards;
  if (member(root, "shards", "it").get(shards) != simdjson::SUCCESS) refuse("its shards are no list");
  std::uint64_t samples = 0;
  for (const simdjson::dom::element one : shards) {
    const std::string where = "shards[" + std::to_string(made.shards.size()) + "]";
    simdjson::dom::object fields;
    if (one.get(fields) != simdjson::SUCCESS) refuse(where + " is no object");
    made.shards.push_back({key_of_hex(text_member(fields, "key", where), where), number_member(fields, "samples", where)});
    samples += made.shards.back().samples;
    if (samples > made.samples) break;
  }
  if (samples != made.samples) refuse("its shards do not add up to its " + std::to_string(made.samples) + " samples");
  return made;
}

}  // namespace larder::format
