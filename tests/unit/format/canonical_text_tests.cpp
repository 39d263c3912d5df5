#include <larder/format/canonical_text.hpp>

#include <larder/core/error.hpp>

#include <string>

#include <doctest/doctest.h>

TEST_CASE("a canonical text is escaped as Python escapes it, and what is no UTF-8 leaves nothing behind") {
  std::string out = "x";
  larder::format::append_canonical_text(out, "a\"\\\n\x01\x7f \xC3\xA9\xF0\x9F\x98\x80");
  CHECK(out == R"(x"a\"\\\n\u0001\u007f \u00e9\ud83d\ude00")");
  CHECK_THROWS_AS(larder::format::append_canonical_text(out, "b\xff"), larder::error);
  CHECK(out.back() == '"');
  CHECK(out.find('b') == std::string::npos);
}
