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

namespace {

std::string integer(std::string_view number) {
  simdjson::dom::parser parser;
  const std::string text = "{\"a\":" + std::string(number) + "}";
  const auto refuse = [](const std::string& why) { throw std::runtime_error(why); };
  try {
    simdjson::dom::element value;
    const simdjson::dom::object object = larder::format::parse_json_object(parser, std::as_bytes(std::span(text)), "it", refuse);
    if (object["a"].get(value) != simdjson::SUCCESS) return "none";
    return std::to_string(larder::format::exact_json_integer(value, "a", refuse));
  } catch (const std::runtime_error& refused) {
    return refused.what();
  }
}

}  // namespace

TEST_CASE("a number is taken where every reader takes it for the same whole one") {
  CHECK(integer("0") == "0");
  CHECK(integer("9007199254740992") == "9007199254740992");
  CHECK(integer("9007199254740993") == "a is above 2^53 (9007199254740993)");
  CHECK(integer("18446744073709551615") == "a is above 2^53");
  CHECK(integer("-1") == "a is negative (-1)");
  CHECK(integer("1.0") == "a is not a plain integer");
  CHECK(integer("1e3") == "a is not a plain integer");
  CHECK(integer("\"1\"") == "a is not a number");
}

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
