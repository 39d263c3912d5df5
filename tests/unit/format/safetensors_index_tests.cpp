#include <larder/format/safetensors_index.hpp>

#include <larder/core/error.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include <doctest/doctest.h>

namespace {

using larder::format::safetensors_index;

safetensors_index parse(std::string_view json) {
  return larder::format::parse_safetensors_index(std::as_bytes(std::span(json.data(), json.size())), "model.index.json");
}
bool says(std::string_view json, std::string_view reason) {
  try {
    parse(json);
  } catch (const larder::error& e) {
    CHECK(e.cause() == larder::error_cause::corruption);
    const std::string_view said = e.what();
    CHECK(said.find("model.index.json: not a valid index of safetensors files: ") != std::string_view::npos);
    if (said.find(reason) == std::string_view::npos) MESSAGE(std::string(said));
    return said.find(reason) != std::string_view::npos;
  }
  return false;
}

}  // namespace

TEST_CASE("an index names the file of each tensor, and its other members do not matter") {
  const safetensors_index index = parse(
      R"({"metadata":{"total_size":1,"deep":[[{}]]},"weight_map":{"a.b":"one.safetensors","c":"two.safetensors"},"more":null})");
  CHECK(index == safetensors_index{{"a.b", "one.safetensors"}, {"c", "two.safetensors"}});
  CHECK(parse(R"({"weight_map":{}})").empty());
}

TEST_CASE("an index that cannot be right is refused with the reason") {
  CHECK(says("", "not JSON"));
  CHECK(says("{", "not JSON"));
  CHECK(says("[]", "not an object"));
  CHECK(says("{}", "it has no weight_map"));
  CHECK(says(R"({"weight_map":[]})", "weight_map is not an object"));
  CHECK(says(R"({"weight_map":{},"weight_map":{}})", "weight_map is given twice"));
  CHECK(says(R"({"weight_map":{"a":1}})", "tensor \"a\": its file is not a string"));
  CHECK(says(R"({"weight_map":{"a":"x","a":"x"}})", "tensor \"a\" is given twice"));
  CHECK(says(R"({"weight_map":{"":"x"}})", "empty name"));
  CHECK(says(R"({"weight_map":{"../a":"x"}})", "path component"));
  for (const char* file : {"", ".", "..", "../x", "/etc/passwd", "a/b", "a\\\\b", "a\\u0000b"})
    CHECK(says(R"({"weight_map":{"a":")" + std::string(file) + "\"}}", "is not a plain name in the folder of the index"));
  CHECK(says(R"({"weight_map":)" + std::string(100, '[') + std::string(100, ']') + "}", "nested deeper"));
}
