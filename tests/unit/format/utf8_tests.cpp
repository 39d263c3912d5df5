#include <larder/format/utf8.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

using larder::format::is_utf8;
using larder::format::take_code_point;

namespace {

/// By the table of RFC 3629, spelt out.
std::string encoded(char32_t c) {
  std::string out;
  if (c < 0x80) return {static_cast<char>(c)};
  const int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
  constexpr unsigned char leads[] = {0, 0xC0, 0xE0, 0xF0};
  out += static_cast<char>(leads[more] | (c >> (6 * more)));
  for (int i = more - 1; i >= 0; --i) out += static_cast<char>(0x80U | ((c >> (6 * i)) & 0x3FU));
  return out;
}

}  // namespace

TEST_CASE("every code point is read back, and no surrogate") {
  for (char32_t c = 0; c <= 0x10FFFF; ++c) {
    const std::string text = encoded(c) + "x";
    std::string_view rest = text;
    const std::optional<char32_t> read = take_code_point(rest);
    const bool surrogate = c >= 0xD800 && c < 0xE000;
    if (read.has_value() == surrogate || (read && *read != c) || rest != (surrogate ? std::string_view(text) : "x")) {
      CAPTURE(static_cast<unsigned>(c));
      REQUIRE(false);
    }
  }
}

TEST_CASE("what is cut off, overlong or beyond U+10FFFF is not UTF-8") {
  for (const std::string_view text :
       {"\x80", "\xBF", "\xC0\x80", "\xC1\xBF", "\xC3", "\xC3(", "\xE2\x82", "\xE0\x80\x80", "\xE0\x9F\xBF", "\xED\xA0\x80",
        "\xF0\x9F\x98", "\xF0\x8F\xBF\xBF", "\xF4\x90\x80\x80", "\xF5\x80\x80\x80", "\xFF", "a\xFEz"}) {
    CAPTURE(text.size());
    CHECK_FALSE(is_utf8(text));
  }
  CHECK(is_utf8(""));
  CHECK(is_utf8("h\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"));
  static_assert(is_utf8("plain") && !is_utf8("\xFF"));
}
