#include <larder/format/json_field.hpp>

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include <doctest/doctest.h>

#include <simdjson.h>

using larder::format::find_json_field;
using larder::format::json_kind;
using larder::format::json_kind_of;
using larder::format::json_value_as;

namespace {

class document {
 public:
  explicit document(std::string_view text) : root_(parser_.parse(simdjson::padded_string(text)).value()) {}
  simdjson::dom::element root() const { return root_; }
  std::string at(std::string_view path) const {
    const auto found = find_json_field(root_, path);
    return found ? simdjson::minify(*found) : "nothing";
  }
  template <class T>
  std::optional<T> as(std::string_view path) const {
    return json_value_as<T>(find_json_field(root_, path).value());
  }

 private:
  simdjson::dom::parser parser_;
  simdjson::dom::element root_;
};

}  // namespace

TEST_CASE("a path goes through objects and arrays, and takes whole names first") {
  const document d(R"({"a":1,"b":{"c":[10,{"d":"e"}],"x.y":2,"":{"":3}},"b.c":4,"n":null,"a":5,"\u0061\"":6})");
  CHECK(d.at("a") == "1");
  CHECK(d.at("b.c") == "4");
  CHECK(d.at("b.c.0") == "10");
  CHECK(d.at("b.c.1.d") == R"("e")");
  CHECK(d.at("b.x.y") == "2");
  CHECK(d.at("b..") == "3");
  CHECK(d.at("n") == "null");
  CHECK(d.at("a\"") == "6");
  for (const char* path : {"", ".", "c", "a.b", "b.c.2", "b.c.-1", "b.c.1x", "b.c.", "b.c. 0", "b.c.99999999999999999999", "b.c.0.0", "n.x", "b.c.d"})
    CHECK(d.at(path) == "nothing");
  CHECK(document("[1,[2,3]]").at("1.0") == "2");
  CHECK(document("7").at("0") == "nothing");
}

TEST_CASE("a value is given as a type that holds it") {
  const document d(R"({"i":-7,"u":18446744073709551615,"f":1.5,"big":1e300,"s":"text","t":true,"n":null,"a":[],"w":256})");
  CHECK(d.as<std::int64_t>("i") == -7);
  CHECK(d.as<int>("i") == -7);
  CHECK(d.as<std::uint64_t>("i") == std::nullopt);
  CHECK(d.as<std::uint64_t>("u") == std::numeric_limits<std::uint64_t>::max());
  CHECK(d.as<std::int64_t>("u") == std::nullopt);
  CHECK(d.as<std::uint8_t>("w") == std::nullopt);
  CHECK(d.as<std::int16_t>("w") == std::int16_t{256});
  CHECK(d.as<double>("f") == 1.5);
  CHECK(d.as<double>("i") == -7.0);
  CHECK(d.as<float>("f") == 1.5F);
  CHECK(d.as<float>("big") == std::nullopt);
  CHECK(d.as<int>("f") == std::nullopt);
  CHECK(d.as<std::string_view>("s") == "text");
  CHECK(d.as<std::string>("s") == "text");
  CHECK(d.as<std::string>("i") == std::nullopt);
  CHECK(d.as<bool>("t") == true);
  CHECK(d.as<bool>("i") == std::nullopt);
  CHECK(d.as<double>("s") == std::nullopt);
  CHECK(d.as<double>("n") == std::nullopt);
  CHECK(json_kind(d.root()) == "an object");
  CHECK(json_kind(*find_json_field(d.root(), "a")) == "an array");
  CHECK(json_kind(*find_json_field(d.root(), "n")) == "null");
  CHECK(json_kind(*find_json_field(d.root(), "t")) == "true or false");
  CHECK(json_kind(*find_json_field(d.root(), "u")) == "a whole number");
  CHECK(json_kind_of<std::int8_t>() == "a whole number from -128 to 127");
  CHECK(json_kind_of<float>() == "a number");
  CHECK(json_kind_of<std::string_view>() == "a string");
  CHECK(json_kind_of<bool>() == "true or false");
}
