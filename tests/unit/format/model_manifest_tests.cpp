#include <larder/core/digest.hpp>
#include <larder/core/error.hpp>
#include <larder/format/model_manifest.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/refusal.hpp"

using larder::dtype;
using larder::format::bytes_of_shape;
using larder::format::is_model_name;
using larder::format::manifest_tensor;
using larder::format::model_manifest;

namespace {

model_manifest parse(std::string_view text) {
  return larder::format::parse_model_manifest(std::as_bytes(std::span(text)), "m.json");
}

support::refusal why(std::string_view text) {
  const support::refusal refused = support::refusal_of([&] { parse(text); });
  CHECK(refused.cause == larder::error_cause::corruption);
  CHECK(says(refused, "m.json: not a valid manifest of a model: "));
  return refused;
}

const std::string some_digest = "00112233445566778899aabbccddeeff";
const std::string other_digest = "ffeeddccbbaa99887766554433221100";

std::string tensor(std::string_view name = "w", std::string_view type = "F32", std::string_view shape = "[2,3]",
                   std::string_view offset = "0", std::string_view size = "24", std::string_view more = "") {
  return "{\"name\":\"" + std::string(name) + "\",\"dtype\":\"" + std::string(type) + "\",\"shape\":" + std::string(shape) +
         ",\"offset\":" + std::string(offset) + ",\"bytes\":" + std::string(size) + ",\"digest\":\"" + some_digest + "\"" +
         std::string(more) + "}";
}
std::string layer(std::string_view tensors, std::string_view size = "24", std::string_view name = "l.0") {
  return "{\"name\":\"" + std::string(name) + "\",\"bytes\":" + std::string(size) + ",\"tensors\":[" + std::string(tensors) +
         "]}";
}
std::string whole(std::string_view layers,
                  std::string_view begin = "\"format\":\"larder model manifest\",\"version\":1,\"model\":\"m\"") {
  return "{" + std::string(begin) + ",\"layers\":[" + std::string(layers) + "]}";
}
std::string of_tensors(std::string_view tensors, std::string_view size = "24") { return whole(layer(tensors, size)); }
std::string chunks(std::string_view list) { return ",\"chunks\":[" + std::string(list) + "]"; }
std::string chunk(std::string_view size, std::string_view id = other_digest) {
  return "{\"digest\":\"" + std::string(id) + "\",\"bytes\":" + std::string(size) + "}";
}

std::string replaced(std::string text, std::string_view from, std::string_view to) {
  const std::size_t at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

}  // namespace

TEST_CASE("a manifest says of each tensor what it is, where it is and what its digest is") {
  const model_manifest m = parse(of_tensors(tensor() + "," + tensor("b", "U8", "[3]", "24", "3"), "27"));
  CHECK(m.model == "m");
  CHECK_FALSE(m.is_split);
  REQUIRE(m.layers.size() == 1);
  CHECK(m.layers[0].name == "l.0");
  CHECK(m.layers[0].size == 27);
  REQUIRE(m.layers[0].tensors.size() == 2);
  const manifest_tensor& first = m.layers[0].tensors[0];
  CHECK(first.info == larder::tensor_info{"w", dtype::f32, {2, 3}, 0, 24});
  CHECK(first.id.hex() == some_digest);
  CHECK(first.chunks.empty());
  CHECK(m.layers[0].tensors[1].info.offset == 24);

  const model_manifest split =
      parse(of_tensors(tensor("w", "F32", "[2,3]", "0", "24", chunks(chunk("16") + "," + chunk("8", some_digest)))));
  CHECK(split.is_split);
  REQUIRE(split.layers[0].tensors[0].chunks.size() == 2);
  CHECK(split.layers[0].tensors[0].chunks[0].id.hex() == other_digest);
  CHECK(split.layers[0].tensors[0].chunks[1].size == 8);
}

TEST_CASE("what is written is read again, whatever the names are") {
  model_manifest m;
  m.model = "a \"model\\\" of \xc3\xa4";
  m.layers.push_back({"", 3, {{{"quote\" and back\\slash", dtype::u8, {3}, 0, 3}, larder::digest_of("abc"), {}}}});
  m.layers.push_back({"empty", 0, {{{"none", dtype::f64, {0, 7}, 0, 0}, larder::digest_of(""), {}}}});
  m.layers.push_back(
      {"scalar",
       12,
       {{{"one", dtype::f32, {}, 0, 4}, larder::digest_of("1234"), {}}, {{"two", dtype::f32, {1}, 8, 4}, {1, 2}, {}}}});
  m.layers.push_back({"nothing", 0, {}});
  CHECK(parse(larder::format::model_manifest_text(m)) == m);

  m.is_split = true;
  m.layers[0].tensors[0].chunks = {{{5, 6}, 2}, {{7, 8}, 1}};
  m.layers[2].tensors[0].chunks = {{larder::digest_of("1234"), 4}};
  m.layers[2].tensors[1].chunks = {{{1, 2}, 4}};
  CHECK(parse(larder::format::model_manifest_text(m)) == m);

  const model_manifest none{"no layers", true, {}};
  CHECK(parse(larder::format::model_manifest_text(none)) == none);
  std::string escaped;
  larder::format::append_json_text(escaped, "\x1f\n");
  CHECK(escaped == "\"\\u001f\\u000a\"");
}

TEST_CASE("another format and another version are told apart, with what to do") {
  CHECK(says(why(whole("", "\"version\":1,\"model\":\"m\"")), "its format is not \"larder model manifest\""));
  CHECK(says(why(whole("", "\"format\":\"other\",\"version\":1,\"model\":\"m\"")), "its format is not"));
  CHECK(says(why(whole("", "\"format\":7,\"version\":1,\"model\":\"m\"")), "its format is not a string"));
  CHECK(says(why(whole("", "\"format\":\"larder model manifest\",\"version\":2,\"model\":\"m\"")),
             "it is of version 2, and this larder reads version 1; write it anew (larder layers digest"));
  CHECK(says(why(whole("", "\"format\":\"larder model manifest\",\"model\":\"m\"")), "it has no version"));
  CHECK(says(why(whole("", "\"format\":\"larder model manifest\",\"version\":1")), "it has no model"));
  CHECK(says(why("{\"format\":\"larder model manifest\",\"version\":1,\"model\":\"m\"}"), "it has no layers"));
  CHECK(says(why("[]"), "it is not an object"));
  CHECK(says(why("{"), "it is not JSON"));
  CHECK(says(why(whole("", "\"format\":\"larder model manifest\",\"version\":1,\"version\":1,\"model\":\"m\"")),
             "it gives its version twice"));
  CHECK(parse(whole("", "\"format\":\"larder model manifest\",\"version\":1,\"model\":\"m\",\"later\":[{}]")).layers.empty());
}

TEST_CASE("members that are missing, of the wrong type or given twice are refused") {
  const std::string good = of_tensors(tensor());
  REQUIRE_NOTHROW(parse(good));
  for (const char* member : {"\"dtype\":\"F32\",", "\"shape\":[2,3],", "\"offset\":0,", "\"name\":\"w\","}) {
    CAPTURE(std::string(member));
    CHECK(says(why(replaced(good, member, "")), "has no "));
    CHECK(says(why(replaced(good, member, std::string(member) + member)), "twice"));
  }
  CHECK(says(why(replaced(good, ",\"digest\":\"" + some_digest + "\"", "")), "tensor \"w\" has no digest"));
  CHECK(says(why(replaced(good, "\"bytes\":24,\"tensors\"", "\"tensors\"")), "layer \"l.0\" has no bytes"));
  CHECK(says(why(replaced(good, ",\"bytes\":24,\"digest\"", ",\"digest\"")), "tensor \"w\" has no bytes"));
  CHECK(says(why(replaced(good, "\"name\":\"l.0\",", "")), "layers[0] has no name"));
  CHECK(says(why(whole("{\"name\":\"l\",\"bytes\":0}")), "layer \"l\" has no tensors"));
  CHECK(says(why(whole("7")), "layers[0] is not an object"));
  CHECK(says(why(whole(layer("7", "0"))), "layer \"l.0\": tensors[0] is not an object"));
  CHECK(says(why(whole("{\"name\":\"l\",\"bytes\":0,\"tensors\":{}}")), "tensors is not an array"));
  CHECK(says(why(replaced(good, "[2,3]", "6")), "shape is not an array"));
  CHECK(says(why(replaced(good, "\"F32\"", "4")), "dtype is not a string"));
  CHECK(says(why(replaced(good, "\"F32\"", "\"F33\"")), "unknown dtype \"F33\""));
  CHECK(says(why(replaced(good, "\"w\"", "1")), "name is not a string"));
  CHECK(says(why(of_tensors(tensor("w", "F32", "[2,3]", "0", "24", ",\"chunks\":{}"))), "tensor \"w\": chunks is not an array"));
  CHECK(says(why(of_tensors(tensor("w", "F32", "[2,3]", "0", "24", chunks("1")))), "chunks[0] is not an object"));
  CHECK(says(why(of_tensors(tensor("w", "F32", "[2,3]", "0", "24", chunks("{\"bytes\":24}")))), "chunks[0] has no digest"));
  CHECK(says(why(of_tensors(tensor("w", "F32", "[2,3]", "0", "24", chunks("{\"digest\":\"" + some_digest + "\"}")))),
             "chunks[0] has no bytes"));
}

TEST_CASE("numbers are whole, not negative and exact in every reader") {
  const std::string good = of_tensors(tensor());
  CHECK(says(why(replaced(good, "\"offset\":0", "\"offset\":-4")), "offset is negative"));
  CHECK(says(why(replaced(good, "\"offset\":0", "\"offset\":0.0")), "offset is not a plain integer"));
  CHECK(says(why(replaced(good, "\"bytes\":24,\"digest\"", "\"bytes\":9007199254740993,\"digest\"")), "above 2^53"));
  CHECK(says(why(replaced(good, "\"bytes\":24,\"tensors\"", "\"bytes\":18446744073709551615,\"tensors\"")), "above 2^53"));
  CHECK(says(why(replaced(good, "[2,3]", "[2,\"3\"]")), "shape[1] is not a number"));
}

TEST_CASE("a tensor has the bytes of its shape") {
  CHECK(says(why(of_tensors(tensor("w", "F32", "[2,3]", "0", "20"), "20")), "has 20 bytes, its shape of F32 needs 24"));
  CHECK(says(why(of_tensors(tensor("w", "F32", "[9007199254740992,9007199254740992]"))),
             "needs no whole number of bytes below 2^64"));
  CHECK(says(why(of_tensors(tensor("w", "Q4_0", "[31]", "0", "18"), "18")), "needs no whole number"));
  CHECK(bytes_of_shape(dtype::f32, {}) == 4);
  CHECK(bytes_of_shape(dtype::f4, std::vector<std::uint64_t>{3}) == std::nullopt);
  CHECK(bytes_of_shape(dtype::f4, std::vector<std::uint64_t>{2, 3}) == 3);  // safetensors counts all elements
  CHECK(bytes_of_shape(dtype::q4_0, std::vector<std::uint64_t>{2, 32}) == 36);
  CHECK(bytes_of_shape(dtype::q4_0, std::vector<std::uint64_t>{32, 2}) == std::nullopt);  // GGUF its rows
  CHECK(bytes_of_shape(dtype::f64, std::vector<std::uint64_t>{std::uint64_t{1} << 61}) == std::nullopt);
  CHECK(bytes_of_shape(dtype::f64, std::vector<std::uint64_t>{(std::uint64_t{1} << 61) - 1}) ==
        ((std::uint64_t{1} << 61) - 1) * 8);
  CHECK(bytes_of_shape(dtype::u8, std::vector<std::uint64_t>{0, std::uint64_t{1} << 63, 2}) == 0);
  CHECK(bytes_of_shape(dtype::u8, std::vector<std::uint64_t>{std::uint64_t{1} << 63, 2}) == std::nullopt);
  CHECK(bytes_of_shape(dtype::u8, std::vector<std::uint64_t>{std::uint64_t{1} << 63, 1}) == std::uint64_t{1} << 63);
}

TEST_CASE("tensors lie in their layer, aligned, one behind the other, up to its end") {
  CHECK(says(why(of_tensors(tensor("w", "F32", "[2,3]", "4", "24"))), "its 24 bytes pass the end of the layer's 24"));
  CHECK(says(why(of_tensors(tensor("w", "F32", "[2,3]", "9007199254740992", "24"))), "pass the end"));
  CHECK(says(why(of_tensors(tensor("w", "F32", "[2,3]", "2", "24"), "26")), "is not at a multiple of 4, as F32 needs"));
  CHECK(says(why(of_tensors(tensor("a", "U8", "[8]", "0", "8") + "," + tensor("b", "U8", "[8]", "7", "8"), "15")),
             "tensor \"b\" at offset 7 overlaps the tensor before, which ends at 8"));
  CHECK(says(why(of_tensors(tensor("a", "U8", "[8]", "8", "8") + "," + tensor("b", "U8", "[8]", "0", "8"), "16")), "overlaps"));
  CHECK(says(why(of_tensors(tensor(), "28")), "has 28 bytes, and its last tensor ends at 24"));
  CHECK(says(why(whole(layer("", "1"))), "its last tensor ends at 0"));
  CHECK_NOTHROW(parse(of_tensors(tensor("a", "U8", "[3]", "0", "3") + "," + tensor("b", "F64", "[1]", "8", "8"), "16")));
}

TEST_CASE("names are given once and lead nowhere") {
  CHECK(says(why(of_tensors(tensor("w", "U8", "[1]", "0", "1") + "," + tensor("w", "U8", "[1]", "1", "1"), "2")),
             "two tensors of layer \"l.0\" are named \"w\""));
  CHECK(says(why(whole(layer("", "0") + "," + layer("", "0"))), "two layers are named \"l.0\""));
  CHECK_NOTHROW(parse(whole(layer(tensor(), "24", "a") + "," + layer(tensor(), "24", "b"))));  // one name in two layers
  CHECK(says(why(whole(layer("", "0", "a/../b"))), "the path component \"..\""));
  CHECK(says(why(of_tensors(tensor("\\u0000"))), "control character"));
  CHECK(says(why(of_tensors(tensor(""))), "empty name"));
  CHECK(says(why(whole("", "\"format\":\"larder model manifest\",\"version\":1,\"model\":\"..\"")), "its model \"..\""));
  for (const std::string_view good : {"a", "Llama-3.1_8B", "7b", "a..b"}) CHECK(is_model_name(good));
  for (const std::string_view bad : {"", ".", "..", ".a", "-a", "a/b", "a b", "a\\b", "\xc3\xa4", "a%2f"})
    CHECK_FALSE(is_model_name(bad));
  CHECK(is_model_name(std::string(128, 'x')));
  CHECK_FALSE(is_model_name(std::string(129, 'x')));
  const support::refusal refused = support::refusal_of([] { larder::format::check_model_name("../x"); });
  CHECK(refused.cause == larder::error_cause::invalid_argument);
  CHECK(says(refused, "a model cannot be called \"../x\""));
}

TEST_CASE("chunks are whole, in order, and of all tensors or none") {
  const auto with = [](std::string_view list) { return of_tensors(tensor("w", "F32", "[2,3]", "0", "24", chunks(list))); };
  CHECK(says(why(with("")), "its chunks have 0 bytes in all, the tensor has 24"));
  CHECK(says(why(with(chunk("23"))), "its chunks have 23 bytes in all, the tensor has 24"));
  CHECK(says(why(with(chunk("25"))), "chunks[0] passes the end of the tensor's 24 bytes"));
  CHECK(says(why(with(chunk("24") + "," + chunk("9007199254740992"))), "chunks[1] passes the end"));
  CHECK(says(why(with(chunk("24") + "," + chunk("1"))), "chunks[1] passes the end"));
  CHECK(says(why(with(chunk("0") + "," + chunk("24"))), "chunks[0] is empty"));
  CHECK(says(why(with(chunk("24"))), "its only chunk has another digest than the tensor"));
  CHECK_NOTHROW(parse(with(chunk("24", some_digest))));
  CHECK(says(why(with(chunk("24", some_digest.substr(1)))), "is not 32 lower-case hexadecimal digits"));
  CHECK(says(why(with(chunk("24", "00112233445566778899AABBCCDDEEFF"))), "is not 32 lower-case hexadecimal digits"));
  const std::string mixed =
      tensor("a", "U8", "[1]", "0", "1", chunks(chunk("1", some_digest))) + "," + tensor("b", "U8", "[1]", "1", "1");
  CHECK(says(why(of_tensors(mixed, "2")), "of 2 tensors 1 have chunks; all have them or none"));
  const std::string empty =
      tensor("a", "U8", "[1]", "0", "1", chunks(chunk("1", some_digest))) + "," + tensor("b", "U8", "[0]", "1", "0", chunks(""));
  CHECK(parse(of_tensors(empty, "1")).is_split);
}

TEST_CASE("there is an end to depth, dimensions and size") {
  std::string deep = "1";
  for (int i = 0; i < 9; ++i) deep = "[" + deep + "]";
  CHECK(says(why(whole("", "\"deep\":" + deep)), "nested deeper than 8"));
  std::string shape = "[1";
  for (int i = 1; i < 64; ++i) shape += ",1";
  CHECK_NOTHROW(parse(of_tensors(tensor("w", "U8", shape + "]", "0", "1"), "1")));
  CHECK(says(why(of_tensors(tensor("w", "U8", shape + ",1]", "0", "1"), "1")), "more than 64 dimensions"));
  const std::vector<std::byte> vast(static_cast<std::size_t>(larder::format::manifest_limits::bytes) + 1);
  const support::refusal refused = support::refusal_of([&] { larder::format::parse_model_manifest(vast, "vast"); });
  CHECK(says(refused, "it has 256000001 bytes, more than 256000000"));
}

TEST_CASE("a manifest cut at any byte is refused") {
  const std::string text = of_tensors(tensor("w", "F32", "[2,3]", "0", "24", chunks(chunk("16") + "," + chunk("8"))));
  for (std::size_t n = 0; n < text.size(); ++n)
    CHECK(support::cause_of([&] { parse(text.substr(0, n)); }) == larder::error_cause::corruption);
}
