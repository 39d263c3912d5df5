#pragma once

// An answer as it is kept: one line of JSON.
//
//   {"check": "<32 digits>", "created": <ns since 1970>, "key": "<canonical JSON>", "larder_resolution": 1, "value": "<base64>"}
//
// `key` is all of what was asked, so that an equal file name alone is no hit; `value` is null when the provider said that there is none; `check` is
// XXH3-128 of the line without it, so that what was damaged is not taken for an answer.

#include <larder/core/bytes.hpp>
#include <larder/core/digest.hpp>
#include <larder/core/error.hpp>
#include <larder/core/time.hpp>
#include <larder/format/canonical_json.hpp>
#include <larder/format/json_object.hpp>
#include <larder/remote/base64.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <simdjson.h>

namespace larder::artifacts {

struct resolution_entry {
  std::string key;
  instant created{};
  std::optional<bytes> value;  ///< encoded; nothing where there was none
};

namespace resolution_text {

inline std::string body(const resolution_entry& entry) {
  std::string out = "\"created\": " + std::to_string(entry.created.count()) + ", \"key\": ";
  format::append_canonical_text(out, entry.key);
  out += ", \"larder_resolution\": 1, \"value\": ";
  if (entry.value)
    out.append(1, '"').append(remote::base64(entry.value->text())).append(1, '"');
  else
    out += "null";
  return out;
}

}  // namespace resolution_text

inline std::string encode_resolution(const resolution_entry& entry) {
  const std::string body = resolution_text::body(entry);
  return "{\"check\": \"" + digest_of(body).hex() + "\", " + body + "}\n";
}

/// The answer that a text is; nothing when it is damaged, or from another version.
inline std::optional<resolution_entry> decode_resolution(std::string_view text) {
  const auto damaged = [](const std::string& why) { core::fail(error_cause::corruption, why); };
  try {
    simdjson::dom::parser parser;
    const simdjson::dom::object object = format::parse_json_object(parser, std::as_bytes(std::span(text)), "the entry", damaged);
    std::string_view check, key, value;
    std::int64_t created = 0, version = 0;
    simdjson::dom::element kept;
    if (object["check"].get(check) != simdjson::SUCCESS || object["created"].get(created) != simdjson::SUCCESS ||
        object["key"].get(key) != simdjson::SUCCESS || object["larder_resolution"].get(version) != simdjson::SUCCESS ||
        object["value"].get(kept) != simdjson::SUCCESS || version != 1)
      return std::nullopt;
    resolution_entry entry{std::string(key), instant(created), std::nullopt};
    if (!kept.is_null()) {
      if (kept.get(value) != simdjson::SUCCESS) return std::nullopt;
      const std::optional<std::string> decoded = remote::base64_decoded(value);
      if (!decoded) return std::nullopt;
      entry.value = bytes::copy_of(decoded->data(), decoded->size());
    }
    if (digest_of(resolution_text::body(entry)).hex() != check) return std::nullopt;
    return entry;
  } catch (const error& e) {
    if (e.cause() != error_cause::corruption) throw;
    return std::nullopt;
  }
}

}  // namespace larder::artifacts
