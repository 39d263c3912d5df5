#include <larder/format/canonical_json.hpp>
#include <larder/remote/base64.hpp>
#include <larder/remote/message_digest.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <random>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "support/refusal.hpp"
#include "support/temporary_folder.hpp"
#include "support/write_file.hpp"

using larder::error_cause;
using larder::format::append_canonical_text;
using support::says;

namespace {

std::string canonical(std::string_view text) { return larder::format::canonical_json(text, "the value"); }

/// Texts of JSON of all shapes, spelt in all ways; a function of the seed.
class texts {
 public:
  explicit texts(std::uint64_t seed) : random_(seed) {}

  std::string value(int depth = 0) {
    switch (below(depth < 5 ? 9 : 6)) {
      case 0:
        return std::array<const char*, 3>{"null", "true", "false"}[below(3)];
      case 1:
        return string();
      case 2:
        return integer();
      case 3:
        return decimal();
      case 4:
        return any_double();
      case 5:
        return power_of_two();
      case 6:
      case 7:
        return object(depth);
      default:
        return array(depth);
    }
  }

 private:
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(random_() % n); }
  std::string space() { return std::array<const char*, 4>{"", " ", "\t", " \n "}[below(4)]; }
  std::string digits(std::size_t n) {
    std::string out;
    while (n-- != 0) out += static_cast<char>('0' + below(10));
    return out;
  }
  std::string sign() { return below(2) == 0 ? "" : "-"; }

  std::string integer() {
    if (below(4) == 0) return sign() + "0";
    return sign() + static_cast<char>('1' + below(9)) + digits(below(3) == 0 ? below(60) : below(6));
  }
  std::string decimal() {
    std::string out = integer();
    if (below(2) == 0) out += "." + digits(1 + below(25));
    if (below(2) == 0)
      out += std::array<const char*, 6>{"e", "E", "e+", "E+", "e-", "E-"}[below(6)] +
             std::to_string(below(below(2) == 0 ? 20 : 200));
    return out;
  }
  std::string any_double() {
    for (;;) {
      const double d = std::bit_cast<double>(static_cast<std::uint64_t>(random_()));
      if (!(d - d == 0)) continue;
      std::array<char, 40> text{};
      std::snprintf(text.data(), text.size(), "%.17e", d);
      return text.data();
    }
  }
  std::string power_of_two() {  // where shortest digits are hardest to get right
    const auto exponent = static_cast<std::uint64_t>(below(2046));
    const double d = std::bit_cast<double>((exponent << 52U) + below(3));
    std::array<char, 40> text{};
    std::snprintf(text.data(), text.size(), "%.17e", d);
    return sign() + text.data();
  }
  std::string string() {
    std::string out = "\"";
    for (std::size_t n = below(8); n != 0; --n) {
      switch (below(7)) {
        case 0:
          out += std::array<const char*, 8>{"\\\"", "\\\\", "\\/", "\\b", "\\f", "\\n", "\\r", "\\t"}[below(8)];
          break;
        case 1: {
          std::array<char, 8> unit{};
          const auto c = static_cast<unsigned>(below(0xD800));
          std::snprintf(unit.data(), unit.size(), below(2) == 0 ? "\\u%04x" : "\\u%04X", c);
          out += unit.data();
          break;
        }
        case 2:
          out += "\\ud83d\\uDE0" + std::string(1, "0123456789aBcDeF"[below(16)]);
          break;
        case 3:
          out += std::array<const char*, 5>{"\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x98\x80", "\x7F", "\xEF\xBF\xBF"}[below(5)];
          break;
        default:
          out += static_cast<char>(' ' + below(95));
          if (out.back() == '"' || out.back() == '\\') out.back() = 'a';
      }
    }
    return out + '"';
  }
  std::string object(int depth) {
    std::string out = "{" + space();
    std::vector<std::string> names;
    for (std::size_t n = below(5); n != 0; --n) {
      const std::string name = string();
      std::string decoded = canonical(name);
      if (std::find(names.begin(), names.end(), decoded) != names.end()) continue;
      out += (names.empty() ? "" : "," + space()) + name + space() + ":" + space() + value(depth + 1) + space();
      names.push_back(std::move(decoded));
    }
    return out + "}";
  }
  std::string array(int depth) {
    std::string out = "[" + space();
    for (std::size_t n = below(5); n != 0; --n) out += value(depth + 1) + space() + (n > 1 ? "," + space() : "");
    return out + "]";
  }

  std::mt19937_64 random_;
};

}  // namespace

TEST_CASE("P15: the vector of the scenarios has its digest") {
  const std::string text =
      canonical(R"({ "pass_name" : "onnxconversion", "pass_config":{"x":null,"target_opset":17,"name":"é😀","lr":1e-5,
                                          "l":[1,2.0,1e16],"flag":true},"input_model_id":"0a1b2c3d","accelerator_spec":null})");
  CHECK(
      text ==
      "{\"accelerator_spec\": null, \"input_model_id\": \"0a1b2c3d\", \"pass_config\": {\"flag\": true, \"l\": [1, 2.0, 1e+16], "
      "\"lr\": 1e-05, \"name\": \"\\u00e9\\ud83d\\ude00\", \"target_opset\": 17, \"x\": null}, \"pass_name\": "
      "\"onnxconversion\"}");
  CHECK(larder::remote::hex_of(larder::remote::sha256_of(text)) ==
        "a8102c749d4fb509bdac43e975740761551c2fd320bcf6ebba7aab3a8a6d9d4c");
}

TEST_CASE("numbers are printed as Python does") {
  const std::array<std::array<const char*, 2>, 28> cases{{
      {"1.0", "1.0"},
      {"1.50", "1.5"},
      {"1e-5", "1e-05"},
      {"0.0001", "0.0001"},
      {"0.00001", "1e-05"},
      {"1e16", "1e+16"},
      {"1e15", "1000000000000000.0"},
      {"9999999999999998.0", "9999999999999998.0"},
      {"1.5E300", "1.5e+300"},
      {"-0.0", "-0.0"},
      {"-0", "0"},
      {"0", "0"},
      {"0e5", "0.0"},
      {"-0e999999999999999999999", "-0.0"},
      {"123456789012345678901234567890", "123456789012345678901234567890"},
      {"-18446744073709551616", "-18446744073709551616"},
      {"5e-324", "5e-324"},
      {"1e-400", "0.0"},
      {"-1e-99999999999999999999", "-0.0"},
      {"0.000001e-330", "0.0"},
      {"1.7976931348623157e308", "1.7976931348623157e+308"},
      {"1E2", "100.0"},
      {"0.1", "0.1"},
      {"1e23", "1e+23"},
      {"5.684341886080802e-14", "5.684341886080802e-14"},
      {"100000000000000000000000000e-26", "1.0"},
      {"12.5e-1", "1.25"},
      {"2.0e-7", "2e-07"},
  }};
  for (const auto& [given, printed] : cases) CHECK(canonical(given) == printed);
}

TEST_CASE("members are ordered by code points, not by UTF-16 units or bytes as they are escaped") {
  CHECK(canonical(R"({"b":1,"a":2,"":3,"B":4,"é":5,"aa":6})") == R"({"": 3, "B": 4, "a": 2, "aa": 6, "b": 1, "\u00e9": 5})");
  CHECK(canonical("{\"\xF0\x9F\x98\x80\":1,\"\xEF\xBF\xBF\":2}") == R"({"\uffff": 2, "\ud83d\ude00": 1})");
  CHECK(canonical(R"({"b":{"d":[],"c":{}},"a":[ ]})") == R"({"a": [], "b": {"c": {}, "d": []}})");
}

TEST_CASE("text is escaped as Python does") {
  CHECK(canonical(R"("\/\u0007\u001f\u007f\b\f\n\r\t\"\\")") == "\"/\\u0007\\u001f\\u007f\\b\\f\\n\\r\\t\\\"\\\\\"");
  std::string out = "x";
  append_canonical_text(out, "h\xC3\xA9\n");
  CHECK(out == "x\"h\\u00e9\\n\"");
  CHECK(support::cause_of([&] { append_canonical_text(out, "a\xFF"); }) == error_cause::invalid_argument);
  CHECK(out == "x\"h\\u00e9\\n\"");
}

TEST_CASE("what is no JSON, and what has no one canonical text, is refused with its place") {
  const std::array<std::array<const char*, 2>, 42> cases{{
      {"", "there is no value"},
      {"  ", "there is no value"},
      {"{", "the name of a member"},
      {"[", "a value is expected"},
      {"[1", "comma or the end"},
      {"[1,", "a value is expected"},
      {"[1,]", "last comma"},
      {"{\"a\":1,}", "last comma"},
      {"{\"a\"}", "a colon"},
      {"{\"a\" 1}", "a colon"},
      {"{a:1}", "double quotes"},
      {"{'a':1}", "double quotes"},
      {"tru", "did you mean true"},
      {"nul", "did you mean null"},
      {"NaN", "NaN is no number"},
      {"[Infinity]", "Infinity is no number"},
      {"-Infinity", "-Infinity is no number"},
      {"-", "needs a digit"},
      {"+1", "a value is expected"},
      {"01", "begins with 0"},
      {"-012", "begins with 0"},
      {"1.", "behind its point"},
      {".5", "a value is expected"},
      {"1e", "in its exponent"},
      {"1e+", "in its exponent"},
      {"1 2", "behind the value"},
      {"{}x", "behind the value"},
      {"1e309", "beyond what a double holds"},
      {"-1e99999999999999999999", "beyond what a double holds"},
      {"10000e305", "beyond what a double holds"},
      {"\"abc", "no end"},
      {"\"a\nb\"", "control character"},
      {"\"\\x\"", "none of JSON's"},
      {"\"\\u12\"", "four hexadecimal digits"},
      {"\"\\u-123\"", "four hexadecimal digits"},
      {"\"\\ud800\"", "surrogates"},
      {"\"\\ud800\\u0041\"", "surrogates"},
      {"\"\\udc00\"", "surrogates"},
      {"\"\xFF\"", "not UTF-8"},
      {"{\"a\":1,\"b\":2,\"a\":3}", "\"a\" twice"},
      {"{\"a\":1,\"\\u0061\":3}", "\"a\" twice"},
      {"// x\n1", "a value is expected"},
  }};
  for (const auto& one : cases) {
    const char* const given = one[0];
    CAPTURE(given);
    const support::refusal refused = support::refusal_of([&] { canonical(given); });
    CHECK(refused.cause == error_cause::invalid_argument);
    CHECK(says(refused, one[1]));
    CHECK(says(refused, "the value, line "));
  }
  CHECK(says(support::refusal_of([] { canonical("{\n  \"a\": 1,\n  \"b\": x}"); }), "line 3, column 8"));
  CHECK(support::cause_of([] { canonical(std::string_view("1\0", 2)); }) == error_cause::invalid_argument);
  CHECK(support::cause_of([] { canonical(std::string_view("\"\0\"", 3)); }) == error_cause::invalid_argument);
}

TEST_CASE("nesting has a limit, and size has none") {
  const auto nested = [](std::size_t n) { return std::string(n, '[') + std::string(n, ']'); };
  CHECK(canonical(nested(larder::format::deepest_canonical_json)) == nested(larder::format::deepest_canonical_json));
  CHECK(says(support::refusal_of([&] { canonical(nested(larder::format::deepest_canonical_json + 1)); }), "deeper than 128"));
  CHECK(support::cause_of([&] { canonical(std::string(10'000'000, '[')); }) == error_cause::invalid_argument);
  const std::string digits(100'000, '7');
  CHECK(canonical("[" + digits + "]") == "[" + digits + "]");
  std::string many = "{";
  for (int i = 9999; i >= 0; --i)
    many += (many.size() > 1 ? "," : "") + ("\"" + std::to_string(10'000 + i)) + "\":" + std::to_string(i);
  CHECK(canonical(many + "}").substr(0, 24) == R"({"10000": 0, "10001": 1,)");
}

TEST_CASE("P15: whatever Python reads, it prints as we do; and what we print stays") {
  if (std::system("python3 -c '' 2>/dev/null") != 0) {
    MESSAGE("SKIPPED: there is no python3 to compare with");
    return;
  }
  constexpr std::size_t count = 4000;
  const support::temporary_folder folder;
  std::string given, ours;
  texts some(20240601);
  for (std::size_t i = 0; i < count; ++i) {
    const std::string text = some.value();
    std::string printed;
    try {
      printed = canonical(text);
      CHECK(canonical(printed) == printed);
    } catch (const larder::error& e) {  // beyond a double: Python makes it Infinity
      REQUIRE(std::string(e.what()).find("beyond what a double holds") != std::string::npos);
      continue;
    }
    given += larder::remote::base64(text) + '\n';
    ours += printed + '\n';
  }
  support::write_file(folder / "given", given);
  support::write_file(
      folder / "program.py",
      "import base64, json, sys\n"
      "for line in open(sys.argv[1]): print(json.dumps(json.loads(base64.b64decode(line).decode('utf-8')), sort_keys=True))\n");
  const std::string command =
      "python3 " + (folder / "program.py").string() + " " + (folder / "given").string() + " > " + (folder / "theirs").string();
  REQUIRE(std::system(command.c_str()) == 0);
  std::ifstream file(folder / "theirs", std::ios::binary);
  std::istringstream lines(ours);
  std::string one, other;
  std::size_t same = 0;
  while (std::getline(lines, one)) {
    REQUIRE(std::getline(file, other));
    REQUIRE(one == other);
    ++same;
  }
  CHECK_FALSE(std::getline(file, other));
  CHECK(same > count * 9 / 10);
}
