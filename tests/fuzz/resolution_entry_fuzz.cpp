// Any bytes as an answer that is kept, then changes to one that is right, with the check that it would have: damaged, or an answer whose text is
// read as the same. What is written from any key and value comes back.

#include <larder/artifact/resolution_entry.hpp>
#include <larder/format/utf8.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "support/changed_text.hpp"

namespace {

using larder::artifacts::decode_resolution;
using larder::artifacts::encode_resolution;
using larder::artifacts::resolution_entry;

void must(bool holds) {
  if (!holds) std::abort();
}

bool same(const resolution_entry& a, const resolution_entry& b) {
  return a.key == b.key && a.created == b.created && a.value.has_value() == b.value.has_value() &&
         (!a.value || a.value->text() == b.value->text());
}

void read(std::string_view text) {
  const std::optional<resolution_entry> entry = decode_resolution(text);
  if (!entry) return;
  const std::optional<resolution_entry> again = decode_resolution(encode_resolution(*entry));
  must(again && same(*entry, *again));
}

/// With the check of what the text says, where it says something.
std::string checked(std::string text) {
  constexpr std::size_t at = 11;  // behind `{"check": "`
  try {
    simdjson::dom::parser parser;
    std::string_view key, value;
    std::int64_t created = 0;
    const simdjson::padded_string padded(text);
    simdjson::dom::object object;
    if (parser.parse(padded).get(object) != simdjson::SUCCESS || object["key"].get(key) != simdjson::SUCCESS ||
        object["created"].get(created) != simdjson::SUCCESS)
      return text;
    resolution_entry entry{std::string(key), larder::instant(created), std::nullopt};
    if (object["value"].get(value) == simdjson::SUCCESS) {
      const std::optional<std::string> decoded = larder::remote::base64_decoded(value);
      if (!decoded) return text;
      entry.value = larder::bytes::copy_of(decoded->data(), decoded->size());
    }
    if (text.size() >= at + 32) text.replace(at, 32, encode_resolution(entry).substr(at, 32));
  } catch (const larder::error&) {
  }
  return text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string given(reinterpret_cast<const char*>(data), size);
  read(given);
  static const std::string right =
      encode_resolution({"{\"backends\": [\"onnx\"], \"model_id\": \"a/b\"}", larder::instant(1'700'000'000'000'000'000),
                         larder::bytes::copy_of(std::string("an answer"))});
  const std::string changed = support::changed_text(right, {data, size});
  read(changed);
  read(checked(changed));

  const std::size_t half = size / 2;
  std::int64_t created = 0;
  std::memcpy(&created, data, size < sizeof created ? size : sizeof created);
  const std::string key = given.substr(0, half);
  if (!larder::format::is_utf8(key)) return 0;  // keys are canonical JSON
  const resolution_entry entry{key, larder::instant(created), larder::bytes::copy_of(given.substr(half))};
  const std::optional<resolution_entry> back = decode_resolution(encode_resolution(entry));
  must(back && same(entry, *back));
  return 0;
}
