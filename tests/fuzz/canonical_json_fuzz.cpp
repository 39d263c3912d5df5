// Any bytes as JSON: refused with larder::error, or one text that stays as it is, and in which simdjson finds what it finds in the bytes.

#include <larder/core/error.hpp>
#include <larder/format/canonical_json.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <simdjson.h>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  std::string first;
  bool good = true;
  try {
    first = larder::format::canonical_json(text, "fuzz");
  } catch (const larder::error&) {
    good = false;
  }
  simdjson::dom::parser parser, other;
  simdjson::dom::element read, again;
  const simdjson::error_code failed = parser.parse(simdjson::padded_string(text)).get(read);
  if (!good) return 0;  // simdjson takes what has no one text: names that stand twice, deeper nesting
  if (larder::format::canonical_json(first, "fuzz") != first) std::abort();
  for (const char c : first)
    if (static_cast<unsigned char>(c) >= 0x80 || static_cast<unsigned char>(c) < 0x20) std::abort();
  const simdjson::error_code failed_again = other.parse(simdjson::padded_string(first)).get(again);
  if (failed != failed_again) std::abort();  // whole numbers beyond 64 bits are refused by it in both, as are numbers alone
  return 0;
}
