#include <larder/format/json_text.hpp>

#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>
#include <rapidcheck.h>
#include <simdjson.h>

namespace {

std::string json_of(std::string_view text) {
  std::string out;
  larder::format::append_json_text(out, text);
  return out;
}

}  // namespace

TEST_CASE("a text is quoted as JSON has it") {
  CHECK(json_of("") == R"("")");
  CHECK(json_of("plain") == R"("plain")");
  CHECK(json_of(R"(a "b" \c)") == R"("a \"b\" \\c")");
  CHECK(json_of(std::string_view("\0\n\x1f", 3)) == R"("\u0000\u000a\u001f")");
  CHECK(json_of("\xc3\xa4") == "\"\xc3\xa4\"");
}

TEST_CASE("whatever is quoted is read back as it was") {
  const bool held = rc::check([] {
    std::string text;
    for (const int c : *rc::gen::container<std::vector<int>>(rc::gen::inRange(0, 128))) text += static_cast<char>(c);
    simdjson::dom::parser parser;
    const std::string json = "[" + json_of(text) + "]";
    std::string_view read;
    RC_ASSERT(parser.parse(json).at(0).get(read) == simdjson::SUCCESS);
    RC_ASSERT(read == text);
  });
  CHECK(held);
}
