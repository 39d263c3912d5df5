#include <larder/format/gguf_header.hpp>

#include <larder/core/error.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "support/gguf_file.hpp"
#include "support/folders.hpp"

namespace {

using larder::dtype;
using larder::format::gguf_array;
using larder::format::gguf_header;
using larder::format::gguf_type;
using support::gguf_file;
using support::gguf_text;
using support::little;

gguf_header parse(std::string_view file) {
  const auto read = [file](std::uint64_t offset, std::span<std::byte> out) {
    REQUIRE(offset + out.size() <= file.size());
    std::memcpy(out.data(), file.data() + offset, out.size());
  };
  return larder::format::parse_gguf_header(read, file.size(), "model.gguf");
}

/// What the error says; "" when there was none.
std::string refusal(std::string_view file) {
  try {
    parse(file);
    return "";
  } catch (const larder::error& e) {
    CHECK(e.cause() == larder::error_cause::corruption);
    CHECK(std::string_view(e.what()).find("model.gguf: not a valid GGUF file: ") != std::string_view::npos);
    return e.what();
  }
}
bool says(std::string_view file, std::string_view reason) {
  const std::string said = refusal(file);
  const bool found = said.find(reason) != std::string::npos;
  if (!found) MESSAGE("expected \"" << std::string(reason) << "\", got \"" << said << '"');
  return found;
}

/// Three tensors with gaps for their alignment.
gguf_file small_model() {
  gguf_file file;
  file.entries = {gguf_file::entry("general.architecture", 8, gguf_text("llama")),
                  gguf_file::entry("llama.block_count", 4, little(std::uint32_t{1}))};
  file.tensors = {
      {"token_embd.weight", {5, 2}, 1, 0}, {"blk.0.attn_q.weight", {256, 3}, 12, 32}, {"blk.0.bias", {7}, 0, 32 + 448}};
  file.data_size = 32 + 448 + 28;
  return file;
}

}  // namespace

TEST_CASE("a header gives the tensors with their types, row-major shapes and sizes") {
  const std::string text = small_model().text();
  const gguf_header header = parse(text);
  CHECK(header.version == 3);
  CHECK(header.alignment == 32);
  CHECK(header.data_begin == text.size() - small_model().data_size);
  REQUIRE(header.tensors.size() == 3);
  CHECK(header.tensors[0] == larder::tensor_info{"token_embd.weight", dtype::f16, {2, 5}, 0, 20});
  CHECK(header.tensors[1] == larder::tensor_info{"blk.0.attn_q.weight", dtype::q4_k, {3, 256}, 32, 432});
  CHECK(header.tensors[2] == larder::tensor_info{"blk.0.bias", dtype::f32, {7}, 480, 28});
}

TEST_CASE("the metadata keep single values of every type, and of arrays what they hold") {
  gguf_file file;
  file.version = 2;
  file.entries = {
      gguf_file::entry("u8", 0, little(std::uint8_t{200})),
      gguf_file::entry("i8", 1, little(std::int8_t{-100})),
      gguf_file::entry("u16", 2, little(std::uint16_t{60'000})),
      gguf_file::entry("i16", 3, little(std::int16_t{-30'000})),
      gguf_file::entry("u32", 4, little(std::uint32_t{4'000'000'000})),
      gguf_file::entry("i32", 5, little(std::int32_t{-2'000'000'000})),
      gguf_file::entry("f32", 6, little(std::bit_cast<std::uint32_t>(1.5F))),
      gguf_file::entry("yes", 7, little(std::uint8_t{1})),
      gguf_file::entry("no", 7, little(std::uint8_t{0})),
      gguf_file::entry("text", 8, gguf_text("hällo")),
      gguf_file::entry("words", 9, little(std::uint32_t{8}) + little(std::uint64_t{2}) + gguf_text("a") + gguf_text("")),
      gguf_file::entry("numbers", 9, little(std::uint32_t{2}) + little(std::uint64_t{3}) + std::string(6, 'x')),
      gguf_file::entry("nothing", 9, little(std::uint32_t{12}) + little(std::uint64_t{0})),
      gguf_file::entry("u64", 10, little(~std::uint64_t{0})),
      gguf_file::entry("i64", 11, little(std::int64_t{-5})),
      gguf_file::entry("f64", 12, little(std::bit_cast<std::uint64_t>(-0.25)))};
  const gguf_header header = parse(file.text());
  CHECK(header.version == 2);
  const auto at = [&](const char* key) { return header.metadata.at(key); };
  CHECK(std::get<std::uint64_t>(at("u8")) == 200);
  CHECK(std::get<std::int64_t>(at("i8")) == -100);
  CHECK(std::get<std::uint64_t>(at("u16")) == 60'000);
  CHECK(std::get<std::int64_t>(at("i16")) == -30'000);
  CHECK(std::get<std::uint64_t>(at("u32")) == 4'000'000'000);
  CHECK(std::get<std::int64_t>(at("i32")) == -2'000'000'000);
  CHECK(std::get<double>(at("f32")) == 1.5);
  CHECK(std::get<bool>(at("yes")));
  CHECK_FALSE(std::get<bool>(at("no")));
  CHECK(std::get<std::string>(at("text")) == "hällo");
  CHECK(std::get<gguf_array>(at("words")) == gguf_array{gguf_type::text, 2});
  CHECK(std::get<gguf_array>(at("numbers")) == gguf_array{gguf_type::u16, 3});
  CHECK(std::get<gguf_array>(at("nothing")) == gguf_array{gguf_type::f64, 0});
  CHECK(std::get<std::uint64_t>(at("u64")) == ~std::uint64_t{0});
  CHECK(std::get<std::int64_t>(at("i64")) == -5);
  CHECK(std::get<double>(at("f64")) == -0.25);
}

TEST_CASE("every tensor type has the size of its blocks") {
  struct row {
    std::uint32_t number;
    dtype type;
    std::uint64_t bytes;  // of 256 elements
  };
  const std::vector<row> rows{
      {0, dtype::f32, 1024},    {1, dtype::f16, 512},     {2, dtype::q4_0, 144},   {3, dtype::q4_1, 160},
      {6, dtype::q5_0, 176},    {7, dtype::q5_1, 192},    {8, dtype::q8_0, 272},   {10, dtype::q2_k, 84},
      {11, dtype::q3_k, 110},   {12, dtype::q4_k, 144},   {13, dtype::q5_k, 176},  {14, dtype::q6_k, 210},
      {15, dtype::q8_k, 292},   {16, dtype::iq2_xxs, 66}, {17, dtype::iq2_xs, 74}, {18, dtype::iq3_xxs, 98},
      {19, dtype::iq1_s, 50},   {20, dtype::iq4_nl, 144}, {21, dtype::iq3_s, 110}, {22, dtype::iq2_s, 82},
      {23, dtype::iq4_xs, 136}, {24, dtype::i8, 256},     {25, dtype::i16, 512},   {26, dtype::i32, 1024},
      {27, dtype::i64, 2048},   {28, dtype::f64, 2048},   {29, dtype::iq1_m, 56},  {30, dtype::bf16, 512},
      {34, dtype::tq1_0, 54},   {35, dtype::tq2_0, 66},   {39, dtype::mxfp4, 136}, {40, dtype::nvfp4, 144},
      {41, dtype::q1_0, 36}};
  for (const row& r : rows) {
    gguf_file file;
    file.tensors = {{"t", {256}, r.number, 0}};
    file.data_size = r.bytes;
    const gguf_header header = parse(file.text());
    CHECK(header.tensors[0].dtype == r.type);
    CHECK(header.tensors[0].size == r.bytes);
    --file.data_size;
    CHECK(says(file.text(), "pass the end of the file's"));
  }
  for (const std::uint32_t number : {4U, 5U, 9U, 31U, 32U, 33U, 36U, 37U, 38U, 42U, 1000U}) {
    gguf_file file;
    file.tensors = {{"t", {256}, number, 0}};
    file.data_size = 4096;
    CHECK(says(file.text(), "tensor \"t\" has the type " + std::to_string(number)));
  }
}

TEST_CASE("what the format allows is not refused") {
  CHECK(parse(gguf_file{}.text()).tensors.empty());
  CHECK(parse(gguf_file{}.header()).tensors.empty());  // without the padding that nothing comes after
  gguf_file scalar;
  scalar.tensors = {{"number", {}, 0, 0}};
  scalar.data_size = 4;
  CHECK(parse(scalar.text()).tensors[0].size == 4);
  gguf_file empty = small_model();
  empty.tensors.insert(empty.tensors.begin(), {"none", {0, 4}, 0, 0});
  CHECK(parse(empty.text()).tensors[0].size == 0);
  CHECK(parse(small_model().text() + std::string(77, 'x')).tensors.size() == 3);  // padding, and what others keep behind
  gguf_file wide = small_model();
  wide.alignment = 256;
  wide.entries.push_back(gguf_file::entry("general.alignment", 4, little(std::uint32_t{256})));
  wide.tensors[1].offset = 256;
  wide.tensors[2].offset = 256 + 512;
  wide.data_size = 256 + 512 + 28;
  CHECK(parse(wide.text()).data_begin % 256 == 0);
}

TEST_CASE("malformed files are refused with the reason and the place") {
  const auto with = [](auto change) {
    gguf_file file = small_model();
    change(file);
    return file.text();
  };
  CHECK(says(with([](gguf_file& f) { f.mark = "GGML"; }), "does not begin with \"GGUF\""));
  CHECK(says(with([](gguf_file& f) { f.version = 1; }), "its version is 1; versions 2 and 3"));
  CHECK(says(with([](gguf_file& f) { f.version = 4; }), "its version is 4"));
  CHECK(says(with([](gguf_file& f) { f.version = 0; }), "its version is 0"));
  CHECK(says(with([](gguf_file& f) { f.version = 0x03000000; }), "big-endian"));
  CHECK(says(with([](gguf_file& f) { f.entries[1] = gguf_file::entry("x", 13, ""); }),
             "metadata entry \"x\" has the unknown type 13"));
  CHECK(says(with([](gguf_file& f) { f.entries[1] = gguf_file::entry("x", 7, little(std::uint8_t{2})); }),
             "neither true nor false but 2"));
  CHECK(says(with([](gguf_file& f) { f.entries[1] = f.entries[0]; }), "metadata entry \"general.architecture\" is given twice"));
  CHECK(says(with([](gguf_file& f) { f.entries[1] = gguf_file::entry("x", 8, little(~std::uint64_t{0})); }),
             "metadata entry \"x\" has"));
  CHECK(says(with([](gguf_file& f) { f.entries[1] = gguf_file::entry("x", 8, little(std::uint64_t{100'000})); }),
             "passes the end of the file's"));
  CHECK(says(
      with([](gguf_file& f) { f.entries[1] = gguf_file::entry("x", 9, little(std::uint32_t{9}) + little(std::uint64_t{0})); }),
      "array of arrays"));
  CHECK(says(
      with([](gguf_file& f) { f.entries[1] = gguf_file::entry("x", 9, little(std::uint32_t{10}) + little(~std::uint64_t{0})); }),
      "metadata entry \"x\" at offset"));
  CHECK(says(with([](gguf_file& f) {
               f.entries[1] =
                   gguf_file::entry("x", 9, little(std::uint32_t{8}) + little(std::uint64_t{1}) + little(~std::uint64_t{0}));
             }),
             "an element of metadata entry \"x\""));
  CHECK(says(with([](gguf_file& f) { f.entries[1] = little(std::uint64_t{70'000}) + std::string(80'000, 'k'); }),
             "more than the 65535"));
  for (const std::uint32_t alignment : {0U, 3U, 48U, 0x80000000U})
    CHECK(says(with([&](gguf_file& f) { f.entries[1] = gguf_file::entry("general.alignment", 4, little(alignment)); }),
               "general.alignment"));
  CHECK(says(with([](gguf_file& f) { f.entries[1] = gguf_file::entry("general.alignment", 8, gguf_text("32")); }),
             "general.alignment"));

  CHECK(says(with([](gguf_file& f) { f.tensors[1].name = ""; }), "empty name"));
  CHECK(says(with([](gguf_file& f) { f.tensors[1].name = "../x"; }), "path component \"..\""));
  CHECK(says(with([](gguf_file& f) { f.tensors[1].name = std::string("a\0b", 3); }),
             "tensor \"a\\x00b\": the name holds a control character"));
  CHECK(says(with([](gguf_file& f) { f.tensors[1].name = f.tensors[0].name; }), "two tensors are named \"token_embd.weight\""));
  CHECK(says(with([](gguf_file& f) { f.tensors[2].shape = {1, 1, 1, 1, 7}; }), "has 5 dimensions"));
  CHECK(says(with([](gguf_file& f) {
               f.tensors[1].shape = {255, 3};
             }),
             "rows of 255 elements are no whole blocks of Q4_K, which has 256"));
  CHECK(says(with([](gguf_file& f) { f.tensors[1].shape = {}; }), "rows of 1 elements are no whole blocks"));
  CHECK(says(with([](gguf_file& f) { f.tensors[2].shape = {~std::uint64_t{0}}; }), "a dimension is negative"));
  CHECK(says(with([](gguf_file& f) {
               f.tensors[2].shape = {std::uint64_t{1} << 32U, std::uint64_t{1} << 32U};
             }),
             "product of its shape passes 2^63"));
  CHECK(says(with([](gguf_file& f) { f.tensors[2].shape = {std::uint64_t{1} << 62U}; }), "its size passes 2^63"));
  CHECK(says(with([](gguf_file& f) { f.tensors[2].shape = {8}; }),
             "tensor \"blk.0.bias\" at offset 480 of the data: its 32 bytes pass the end"));
  CHECK(says(with([](gguf_file& f) { f.tensors[2].offset += 32; }), "should begin at 480"));  // a hole
  CHECK(says(with([](gguf_file& f) { f.tensors[2].offset -= 32; }), "should begin at 480"));  // an overlap
  CHECK(says(with([](gguf_file& f) { f.tensors[2].offset = ~std::uint64_t{31}; }), "should begin at 480"));
  CHECK(says(with([](gguf_file& f) { std::swap(f.tensors[0], f.tensors[1]); }), "should begin at 0"));

  std::string counts = small_model().text();
  counts.replace(8, 8, little(std::uint64_t{1} << 40U));
  CHECK(says(counts, "1099511627776 tensors"));
  counts = small_model().text();
  counts.replace(16, 8, little(~std::uint64_t{0}));
  CHECK(says(counts, "metadata entries; at most 1048576"));
}

TEST_CASE("a file cut anywhere in its header or data is refused") {
  const std::string whole = small_model().text();
  for (std::size_t size = 0; size < whole.size(); ++size) CHECK_FALSE(refusal(std::string_view(whole).substr(0, size)).empty());
}

TEST_CASE("changed bytes are refused, or give tensors inside the file") {
  const std::string whole = small_model().text();
  std::mt19937_64 random(7);
  for (int round = 0; round < 20'000; ++round) {
    std::string file = whole;
    for (std::uint64_t changes = random() % 3 + 1; changes != 0; --changes)
      file[random() % (whole.size() - small_model().data_size)] = static_cast<char>(random());
    try {
      const gguf_header header = parse(file);
      std::uint64_t before = 0;
      for (const larder::tensor_info& t : header.tensors) {
        REQUIRE(t.offset >= before);
        REQUIRE(header.data_begin + t.offset + t.size <= file.size());
        before = t.offset + t.size;
      }
    } catch (const larder::error&) {
    }
  }
}

TEST_CASE("a real file is read, and refused where bytes of it went through a text conversion") {
  const std::filesystem::path folder = support::shared_folder() / "real" / "gguf";
  if (!std::filesystem::is_directory(folder)) {
    MESSAGE("skipped: the real inputs are not here");
    return;
  }
  std::ifstream in(folder / "ggml-vocab-bert-bge.gguf", std::ios::binary);
  std::string text(std::istreambuf_iterator<char>(in), {});
  // The copy at hand has two bytes above 127 as the three of U+FFFD each; what they were the numbers tell (384 and 1e-12F).
  const std::string_view lost = "\xef\xbf\xbd";
  for (const char right : {'\x80', '\x8c'}) {
    const std::size_t at = text.find(lost);
    if (at == std::string::npos) break;
    CHECK_FALSE(refusal(text).empty());
    text.replace(at, lost.size(), 1, right);
  }
  const gguf_header bert = parse(text);
  CHECK(bert.tensors.empty());
  CHECK(bert.metadata.size() == 20);
  CHECK(std::get<std::string>(bert.metadata.at("general.architecture")) == "bert");
  CHECK(std::get<std::uint64_t>(bert.metadata.at("bert.embedding_length")) == 384);
  CHECK(std::get<double>(bert.metadata.at("bert.attention.layer_norm_epsilon")) == 1e-12F);
  CHECK(std::get<gguf_array>(bert.metadata.at("tokenizer.ggml.tokens")) == gguf_array{gguf_type::text, 30'522});
}
