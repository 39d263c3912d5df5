#include <larder/format/safetensors_header.hpp>

#include <cstdint>
#include <cstring>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

namespace {

using larder::format::parse_safetensors_header;
using larder::format::parse_safetensors_length;
using larder::format::safetensors_header;

std::span<const std::byte> as_bytes(std::string_view text) { return std::as_bytes(std::span(text.data(), text.size())); }

safetensors_header parse(std::string_view json, std::uint64_t data_size) {
  return parse_safetensors_header(as_bytes(json), 8 + json.size() + data_size, "model.safetensors");
}

/// What the error says; "" when there was none.
std::string refusal(std::string_view json, std::uint64_t data_size) {
  try {
    parse(json, data_size);
    return "";
  } catch (const larder::error& e) {
    CHECK(e.cause() == larder::error_cause::corruption);
    return e.what();
  }
}

std::string prefix(std::uint64_t length) {
  std::string text;
  for (unsigned i = 0; i < 8; ++i) text += static_cast<char>((length >> (8 * i)) & 0xffU);
  return text;
}

std::string one(std::string_view fields) { return "{\"t\":{" + std::string(fields) + "}}"; }

void require_in_bounds(const safetensors_header& header, std::uint64_t file_size) {
  std::uint64_t expected = header.data_begin;
  for (const larder::tensor_info& t : header.tensors) {
    REQUIRE(header.data_begin + t.offset == expected);
    REQUIRE(t.size <= file_size - expected);
    expected += t.size;
    REQUIRE_FALSE(t.name.empty());
    REQUIRE(static_cast<std::size_t>(t.dtype) < larder::dtype_count);
  }
  REQUIRE(expected == file_size);
}

}  // namespace

TEST_CASE("L18 a valid header gives its tensors in file order") {
  const auto header = parse(
      R"({"__metadata__":{"format":"pt"},"b":{"dtype":"F32","shape":[2,3],"data_offsets":[2,26]},"a":{"dtype":"BF16","shape":[],"data_offsets":[0,2]}})",
      26);
  REQUIRE(header.tensors.size() == 2);
  CHECK(header.tensors[0] == larder::tensor_info{"a", larder::dtype::bf16, {}, 0, 2});
  CHECK(header.tensors[1] == larder::tensor_info{"b", larder::dtype::f32, {2, 3}, 2, 24});
  CHECK(header.metadata.at("format") == "pt");
}

TEST_CASE("L18 what the format allows is not refused") {
  CHECK(parse("{}", 0).tensors.empty());
  CHECK(parse("{}      ", 0).tensors.empty());
  CHECK(parse(one(R"("dtype":"I64","shape":[0,4],"data_offsets":[0,0])"), 0).tensors[0].size == 0);
  CHECK(parse(one(R"("data_offsets":[0,3],"shape":[6],"dtype":"F4")"), 3).tensors[0].dtype == larder::dtype::f4);
  CHECK(parse(one(R"("dtype":"F6_E2M3","shape":[4],"data_offsets":[0,3])"), 3).tensors[0].size == 3);
  CHECK(parse(R"({"/bert/layer.0/kernel:0":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 1).tensors.size() == 1);
  CHECK(parse(R"({"a..b":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 1).tensors.size() == 1);
  CHECK(parse("{\"\xc3\xa9\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1).tensors[0].name == "\xc3\xa9");
  const std::string dimensions_64 = "[1" + [] {
    std::string s;
    for (int i = 0; i < 63; ++i) s += ",1";
    return s;
  }() + "]";
  CHECK(parse(one("\"dtype\":\"U8\",\"shape\":" + dimensions_64 + ",\"data_offsets\":[0,1]"), 1).tensors[0].shape.size() == 64);
  for (std::size_t i = 0; i < larder::dtype_count; ++i) {
    const auto type = static_cast<larder::dtype>(i);
    if (larder::is_blocked(type)) continue;  // safetensors has none of these
    const std::uint64_t size = larder::bits_of(type);  // eight elements
    const auto header =
        parse(one("\"dtype\":\"" + std::string(larder::to_string(type)) + "\",\"shape\":[8],\"data_offsets\":[0," + std::to_string(size) + "]"), size);
    CHECK(header.tensors[0].dtype == type);
  }
}

TEST_CASE("L18 malformed headers are refused with the reason") {
  struct bad {
    std::string json;
    std::uint64_t data_size;
    std::string_view reason;
  };
  const std::string ok = R"("dtype":"U8","shape":[4],"data_offsets":[0,4])";
  const std::string dimensions_65 = "[1" + [] {
    std::string s;
    for (int i = 0; i < 64; ++i) s += ",1";
    return s;
  }() + "]";
  const bad corpus[] = {
      {"", 0, "does not begin with '{'"},
      {" {}", 0, "does not begin with '{'"},
      {"[]", 0, "does not begin with '{'"},
      {"{", 0, "not JSON"},
      {"{}x", 0, "not JSON"},
      {"{}{}", 0, "not JSON"},
      {std::string("{}\0\0", 4), 0, "not JSON"},
      {"{\"t\":NaN}", 0, "not JSON"},
      {"{\"a\xff\":{" + ok + "}}", 4, "not UTF-8"},
      {"{\"\xed\xa0\x80\":{" + ok + "}}", 4, "not UTF-8"},
      {"{\"t\":" + std::string(100, '[') + std::string(100, ']') + "}", 0, "nested deeper"},
      {"{\"t\":" + std::string(5000, '[') + std::string(5000, ']') + "}", 0, "nested deeper"},
      {"{\"t\":4}", 0, "not described by an object"},
      {"{\"t\":null}", 0, "not described by an object"},
      {"{\"t\":{" + ok + "},\"t\":{" + ok + "}}", 4, "two tensors are named \"t\""},
      {"{\"t\":{" + ok + "},\"\\u0074\":{" + ok + "}}", 4, "two tensors are named \"t\""},
      {"{\"\":{" + ok + "}}", 4, "empty name"},
      {"{\"a\\u0000b\":{" + ok + "}}", 4, "control character"},
      {"{\"a\\nb\":{" + ok + "}}", 4, "control character"},
      {"{\"../x\":{" + ok + "}}", 4, "path component \"..\""},
      {"{\"a/../x\":{" + ok + "}}", 4, "path component \"..\""},
      {"{\"a\\\\..\":{" + ok + "}}", 4, "path component \"..\""},
      {"{\".\":{" + ok + "}}", 4, "path component \".\""},
      {one(R"("shape":[4],"data_offsets":[0,4])"), 4, "has no dtype"},
      {one(R"("dtype":"U8","data_offsets":[0,4])"), 4, "has no shape"},
      {one(R"("dtype":"U8","shape":[4])"), 4, "has no data_offsets"},
      {one(ok + ",\"extra\":1"), 4, "unknown field \"extra\""},
      {one(ok + ",\"dtype\":\"U8\""), 4, "its dtype twice"},
      {one(ok + ",\"shape\":[4]"), 4, "its shape twice"},
      {one(ok + ",\"data_offsets\":[0,4]"), 4, "its data_offsets twice"},
      {one(R"("dtype":"U128","shape":[4],"data_offsets":[0,4])"), 4, "unknown dtype \"U128\""},
      {one(R"("dtype":"u8","shape":[4],"data_offsets":[0,4])"), 4, "unknown dtype"},
      {one(R"("dtype":"Q4_K","shape":[256],"data_offsets":[0,144])"), 144, "unknown dtype \"Q4_K\""},
      {one(R"("dtype":8,"shape":[4],"data_offsets":[0,4])"), 4, "dtype is not a string"},
      {one(R"("dtype":"U8","shape":4,"data_offsets":[0,4])"), 4, "shape is not an array"},
      {one(R"("dtype":"U8","shape":[-4],"data_offsets":[0,4])"), 4, "negative"},
      {one(R"("dtype":"U8","shape":[4.0],"data_offsets":[0,4])"), 4, "not a plain integer"},
      {one(R"("dtype":"U8","shape":[4e0],"data_offsets":[0,4])"), 4, "not a plain integer"},
      {one(R"("dtype":"U8","shape":["4"],"data_offsets":[0,4])"), 4, "not a number"},
      {one(R"("dtype":"U8","shape":[[4]],"data_offsets":[0,4])"), 4, "not a number"},
      {one(R"("dtype":"U8","shape":[true],"data_offsets":[0,4])"), 4, "not a number"},
      {one(R"("dtype":"U8","shape":[9007199254740993],"data_offsets":[0,4])"), 4, "above 2^53"},
      {one(R"("dtype":"U8","shape":[18446744073709551615],"data_offsets":[0,4])"), 4, "above 2^53"},
      {one(R"("dtype":"U8","shape":[18446744073709551620],"data_offsets":[0,4])"), 4, ""},  // which rule of JSON numbers it breaks depends on the parser's version
      {one(R"("dtype":"U8","shape":[4294967296,4294967296],"data_offsets":[0,0])"), 0, "passes 2^64"},
      {one(R"("dtype":"F64","shape":[4503599627370496,1024],"data_offsets":[0,0])"), 0, "passes 2^64"},
      {one("\"dtype\":\"U8\",\"shape\":" + dimensions_65 + ",\"data_offsets\":[0,1]"), 1, "more than 64 dimensions"},
      {one(R"("dtype":"U8","shape":[4],"data_offsets":4)"), 4, "data_offsets is not an array"},
      {one(R"("dtype":"U8","shape":[4],"data_offsets":[0])"), 4, "has 1 numbers, not two"},
      {one(R"("dtype":"U8","shape":[4],"data_offsets":[0,4,8])"), 4, "more than two numbers"},
      {one(R"("dtype":"U8","shape":[4],"data_offsets":[0,-4])"), 4, "negative"},
      {one(R"("dtype":"U8","shape":[4],"data_offsets":[0,4.5])"), 4, "not a plain integer"},
      {one(R"("dtype":"U8","shape":[4],"data_offsets":[0,9007199254740994])"), 4, "above 2^53"},
      {one(R"("dtype":"U8","shape":[4],"data_offsets":[4,0])"), 4, "reversed"},
      {one(R"("dtype":"U8","shape":[4],"data_offsets":[0,3])"), 3, "hold 3 bytes, its shape of U8 needs 4"},
      {one(R"("dtype":"F32","shape":[2],"data_offsets":[0,4])"), 4, "needs 8"},
      {one(R"("dtype":"F4","shape":[3],"data_offsets":[0,2])"), 2, "do not end on a whole byte"},
      {one(R"("dtype":"F6_E3M2","shape":[2],"data_offsets":[0,2])"), 2, "do not end on a whole byte"},
      {one(R"("dtype":"U8","shape":[4],"data_offsets":[0,4])"), 3, "pass the end"},
      {one(R"("dtype":"U8","shape":[4],"data_offsets":[8,12])"), 4, "pass the end"},
      {one(R"("dtype":"U8","shape":[4],"data_offsets":[4,8])"), 8, "leave a hole from 0"},
      {one(R"("dtype":"U8","shape":[4],"data_offsets":[0,4])"), 5, "1 bytes follow the last tensor"},
      {"{}", 1, "1 bytes follow the last tensor"},
      {R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[3,7]}})", 7, "overlap"},
      {R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[0,4]}})", 4, "overlap"},
      {R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[4],"data_offsets":[5,9]}})", 9, "leave a hole from 4"},
      {R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[0],"data_offsets":[2,2]}})", 4, "overlap"},
      {R"({"__metadata__":[]})", 0, "__metadata__ is not an object"},
      {R"({"__metadata__":{"a":1}})", 0, "is not a string"},
      {R"({"__metadata__":{"a":{}}})", 0, "is not a string"},
      {R"({"__metadata__":{"a":"1","a":"2"}})", 0, "gives \"a\" twice"},
      {R"({"__metadata__":{},"__metadata__":{}})", 0, "__metadata__ is given twice"},
  };
  for (const bad& b : corpus) {
    const std::string said = refusal(b.json, b.data_size);
    CAPTURE(b.json.substr(0, 200));
    CAPTURE(said);
    CHECK_FALSE(said.empty());
    CHECK(said.find(b.reason) != std::string::npos);
    CHECK(said.find("model.safetensors") != std::string::npos);
  }
}

TEST_CASE("L18 an error names the tensor and the offset") {
  const std::string said = refusal(R"({"a.b":{"dtype":"U8","shape":[4],"data_offsets":[96,100]}})", 50);
  CHECK(said.find("tensor \"a.b\"") != std::string::npos);
  CHECK(said.find("[96, 100)") != std::string::npos);
}

TEST_CASE("L18 the header's length is checked before anything is read by it") {
  const auto length = [](std::uint64_t n, std::uint64_t file_size) {
    const std::string text = prefix(n);
    return parse_safetensors_length(as_bytes(text), file_size, "model.safetensors");
  };
  CHECK(length(2, 10) == 2);
  CHECK(length(100'000'000, 100'000'008) == 100'000'000);
  CHECK_THROWS_WITH_AS(length(100'000'001, 200'000'000), doctest::Contains("above the limit of 100000000"), larder::error);
  CHECK_THROWS_WITH_AS(length(3, 10), doctest::Contains("beyond the end"), larder::error);
  CHECK_THROWS_WITH_AS(length(~std::uint64_t{0}, 10), doctest::Contains("above the limit"), larder::error);
  CHECK_THROWS_WITH_AS(length(0, 8), doctest::Contains("2 bytes"), larder::error);
  CHECK_THROWS_WITH_AS(parse_safetensors_length(as_bytes("1234567"), 7, "f"), doctest::Contains("7 bytes"), larder::error);
  CHECK_THROWS_AS(parse_safetensors_header(as_bytes("{}"), 9, "f"), larder::error);
}

TEST_CASE("L18 a name that could harm a terminal is printed harmlessly") {
  const std::string said = refusal("{\"a\\u001b[2J\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", 1);
  CHECK(said.find('\x1b') == std::string::npos);
  CHECK(said.find("\\x1b") != std::string::npos);
}

TEST_CASE("L18 mutated headers are refused or describe tensors inside the file only") {
  const std::string valid =
      R"({"__metadata__":{"format":"pt"},"model.layers.0.w":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},)"
      R"("model.layers.1.w":{"dtype":"F16","shape":[4],"data_offsets":[24,32]},"x":{"dtype":"U8","shape":[8],"data_offsets":[32,40]}})";
  std::mt19937 random(20240601);
  constexpr std::string_view interesting = "{}[]\":,0123456789-.eE\\u\x00\xff\xc3 tFU";
  int accepted = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string mutant = valid;
    const auto edits = 1 + random() % 3;
    for (unsigned e = 0; e < edits; ++e) {
      const std::size_t at = random() % mutant.size();
      switch (random() % 4) {
        case 0: mutant[at] = static_cast<char>(random() & 0xffU); break;
        case 1: mutant[at] = interesting[random() % interesting.size()]; break;
        case 2: mutant.erase(at, 1 + random() % 8); break;
        default: mutant.insert(at, 1, interesting[random() % interesting.size()]);
      }
      if (mutant.empty()) mutant = "{";
    }
    const std::uint64_t file_size = 8 + mutant.size() + 40;
    try {
      require_in_bounds(parse_safetensors_header(as_bytes(mutant), file_size, "mutant"), file_size);
      ++accepted;
    } catch (const larder::error&) {
    }
  }
  CHECK(accepted > 0);  // a renamed tensor, for one, is still valid
  CHECK(accepted < 15'000);
}
