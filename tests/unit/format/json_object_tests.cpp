#include <larder/format/json_object.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

#include <doctest/doctest.h>

namespace {

/// What is refused, or the number under "a".
std::string outcome(std::string_view text) {
  simdjson::dom::parser parser;
  try {
    const simdjson::dom::object object =
        larder::format::parse_json_object(parser, std::as_bytes(std::span(text.data(), text.size())), "the text",
                                          [](const std::string& why) { throw std::runtime_error(why); });
    std::int64_t number = 0;
    return object["a"].get(number) == simdjson::SUCCESS ? std::to_string(number) : "no a";
  } catch (const std::runtime_error& refused) {
    return refused.what();
  }
}

}  // namespace

TEST_CASE("a text that is one JSON object is taken") {
  CHECK(outcome(R"({"a":7})") == "7");
  CHECK(outcome(R"({"b":[[[[[[1]]]]]]})") == "no a");
  CHECK(outcome("  {}  ") == "no a");
}

TEST_CASE("any other text is refused with its subject and the reason") {
  CHECK(outcome("[]") == "the text is not an object");
  CHECK(outcome("7") == "the text is not an object");
  for (const std::string_view text :
       {std::string_view(""), std::string_view("{"), std::string_view("{}x"), std::string_view("{\"a\":NaN}")})
    CHECK(outcome(text).find("the text is not JSON: ") == 0);
  CHECK(outcome("{\"\xff\":1}") == "the text is not UTF-8");
  CHECK(outcome(R"({"a":)" + std::string(8, '[') + std::string(8, ']') + "}") == "the text is nested deeper than 8");
}
