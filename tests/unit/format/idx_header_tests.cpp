#include <larder/format/compression_mark.hpp>
#include <larder/format/idx_header.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/refusal.hpp"

namespace {

using larder::format::idx_header;
using larder::format::idx_type;

std::string begin(int type, const std::vector<std::uint32_t>& shape) {
  std::string text{'\0', '\0', static_cast<char>(type), static_cast<char>(shape.size())};
  for (const std::uint32_t dimension : shape)
    for (unsigned i = 0; i < 4; ++i) text += static_cast<char>(dimension >> (24 - 8 * i) & 0xffU);
  return text;
}
idx_header parse(const std::string& text, std::uint64_t file_size) {
  return larder::format::parse_idx_header(std::as_bytes(std::span(text)), file_size, "images");
}
support::refusal refused(const std::string& text, std::uint64_t file_size) {
  support::refusal why = support::refusal_of([&] { parse(text, file_size); });
  CHECK(why.cause == larder::error_cause::corruption);
  CHECK(says(why, "images: not a valid IDX file: "));
  return why;
}

}  // namespace

TEST_CASE("an IDX header gives type, shape and the size of a record") {
  const idx_header images = parse(begin(0x08, {10'000, 28, 28}), 16 + 7'840'000);
  CHECK(images.type == idx_type::u8);
  CHECK(images.shape == std::vector<std::uint32_t>{10'000, 28, 28});
  CHECK(images.data_begin == 16);
  CHECK(images.record_size == 784);
  CHECK(parse(begin(0x0e, {3}), 8 + 24).record_size == 8);
  CHECK(parse(begin(0x0b, {2, 5}), 12 + 20).record_size == 10);
  CHECK(parse(begin(0x0d, {0, 5}), 12 + 0).shape[0] == 0);
  CHECK(parse(begin(0x09, std::vector<std::uint32_t>(255, 1)), 1024 + 1).data_begin == larder::format::idx_header_limit);
  CHECK(size_of(idx_type::i8) == 1);
  CHECK(size_of(idx_type::i32) == 4);
  CHECK(size_of(idx_type::f32) == 4);
}

TEST_CASE("an IDX header that cannot be right is refused with the reason") {
  CHECK(says(refused("", 0), "it has 0 bytes"));
  CHECK(says(refused(std::string(3, '\0'), 3), "it has 3 bytes"));
  CHECK(says(refused("\1" + begin(8, {1}).substr(1), 9), "two zeros"));
  CHECK(says(refused("\x1f\x8b\x08\x08" "rest", 9), "compressed with gzip"));
  for (const int type : {0, 7, 0x0a, 0x0f, 255}) CHECK(says(refused(begin(type, {1}), 9), "the unknown type " + std::to_string(type)));
  CHECK(says(refused(begin(8, {}), 4), "no dimensions"));
  CHECK(says(refused(begin(8, {1, 1}).substr(0, 11), 11), "its 2 dimensions pass the end"));
  CHECK(says(refused(begin(8, {1, 0}), 12), "byte 8: a dimension is 0"));
  CHECK(says(refused(begin(8, {1, 100}), 99), "1 records of 100 bytes; 87 bytes follow"));
  CHECK(says(refused(begin(0x0e, std::vector<std::uint32_t>(255, 0xffffffffU)), 1024), "byte 12: a record passes 2^64 bytes"));
  CHECK(says(refused(begin(8, {2, 5}), 12 + 9), "2 records of 5 bytes; 9 bytes follow"));
  CHECK(says(refused(begin(8, {2, 5}), 12 + 15), "2 records of 5 bytes; 15 bytes follow"));
  CHECK(says(refused(begin(8, {0xffffffffU, 5}), 12 + 15), "4294967295 records"));
}

TEST_CASE("any bytes are refused or give records that fill the file") {
  std::uint64_t state = 1;
  int accepted = 0;
  for (int round = 0; round < 50'000; ++round) {
    std::string text = begin(8, {3, 2, 2});
    for (int edits = 0; edits < 2; ++edits) {
      state = state * 6364136223846793005U + 1442695040888963407U;
      text[(state >> 33U) % text.size()] = static_cast<char>((state >> 50U) % 16);
    }
    const std::uint64_t file_size = text.size() + (state >> 20U) % 64;
    try {
      const idx_header header = parse(text, file_size);
      REQUIRE(header.data_begin + header.record_size * header.shape[0] == file_size);
      ++accepted;
    } catch (const larder::error&) {
    }
  }
  CHECK(accepted > 10);
}
