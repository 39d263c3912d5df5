// Records of compressed values, their heads, and what a footer says of them.
#include <larder/format/compressed_head.hpp>
#include <larder/format/segment_footer.hpp>
#include <larder/format/segment_record.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

using namespace larder::format;

namespace {

constexpr record_place here{3, 5};

std::vector<std::byte> record_of(record_kind kind, std::string_view payload) {
  segment_record record;
  record.kind = kind;
  record.key_size = 3;
  record.payload_size = payload.size();
  record.payload_offset = static_cast<std::uint32_t>(segment_record::payload_offset_for(here.offset(), 3, payload.size()));
  record.payload_checksum = payload_checksum(payload.data(), payload.size(), record.id);
  std::vector<std::byte> memory(record.payload_offset + payload.size());
  encode_record_head(record, std::as_bytes(std::span("key", 3)), here, memory.data());
  if (!payload.empty()) std::memcpy(memory.data() + record.payload_offset, payload.data(), payload.size());
  return memory;
}
std::string headed(std::uint64_t size, std::string_view content) {
  std::array<std::byte, compressed_head::encoded_size> head{};
  compressed_head::encode({{'z', 's', 't', 'd'}, size}, head.data());
  return std::string(reinterpret_cast<const char*>(head.data()), head.size()).append(content);
}
std::string_view text_of(std::span<const std::byte> part) { return {reinterpret_cast<const char*>(part.data()), part.size()}; }

}  // namespace

TEST_CASE("a compressed record says its form and what the policy made; another one is its payload") {
  const std::vector<std::byte> made = record_of(record_kind::compressed, headed(5000, "frame"));
  const auto record = decode_record(made, here);
  REQUIRE(record.has_value());
  const auto form = record_form(made, *record);
  REQUIRE(form.has_value());
  CHECK(std::string_view(form->name.data(), 4) == "zstd");
  CHECK(form->name[4] == '\0');
  CHECK(form->size == 5000);
  CHECK(text_of(record_content(made, *record)) == "frame");
  CHECK(record->payload_size == 21);

  const std::vector<std::byte> plain = record_of(record_kind::value, headed(5000, "frame"));
  const auto value = decode_record(plain, here);
  REQUIRE(value.has_value());
  CHECK_FALSE(record_form(plain, *value).has_value());
  CHECK(text_of(record_content(plain, *value)) == headed(5000, "frame"));
}

TEST_CASE("a compressed record without a whole head is none") {
  for (const record_kind kind : {record_kind::compressed, record_kind::compressed_file}) {
    for (const std::size_t size : {0U, 1U, 15U}) CHECK_FALSE(decode_record(record_of(kind, std::string(size, 'x')), here).has_value());
    const std::vector<std::byte> least = record_of(kind, headed(1, ""));
    const auto record = decode_record(least, here);
    REQUIRE(record.has_value());
    CHECK(record_content(least, *record).empty());
  }
  CHECK_FALSE(decode_record(record_of(static_cast<record_kind>(7), headed(1, "x")), here).has_value());
  CHECK_FALSE(decode_record(record_of(static_cast<record_kind>(0), headed(1, "x")), here).has_value());
}

TEST_CASE("a reference lies behind the head") {
  const file_reference to{77, 1'000'000, {1, 2}};
  const auto encoded = to.encode();
  const std::vector<std::byte> made =
      record_of(record_kind::compressed_file, headed(9'000'000, {reinterpret_cast<const char*>(encoded.data()), encoded.size()}));
  const auto record = decode_record(made, here);
  REQUIRE(record.has_value());
  const auto found = file_reference::decode(record_content(made, *record));
  REQUIRE(found.has_value());
  CHECK(found->number == 77);
  CHECK(found->size == 1'000'000);
  CHECK(record_form(made, *record)->size == 9'000'000);
}

TEST_CASE("the kinds say of themselves what they are") {
  using enum record_kind;
  for (const record_kind kind : {value, value_file, erased, evicted, compressed, compressed_file}) {
    CHECK(is_value(kind) == (kind != erased && kind != evicted));
    CHECK(has_file(kind) == (kind == value_file || kind == compressed_file));
    CHECK(is_compressed(kind) == (kind == compressed || kind == compressed_file));
  }
  CHECK(in_file(value) == value_file);
  CHECK(in_file(value_file) == value_file);
  CHECK(in_file(compressed) == compressed_file);
  CHECK(in_file(compressed_file) == compressed_file);
}

TEST_CASE("a footer keeps both sizes of a compressed value, up to the largest, and one of the others") {
  for (const record_kind kind : {record_kind::compressed, record_kind::compressed_file})
    for (const std::uint64_t stored : {std::uint64_t{17}, std::uint64_t{0xffff'ffff}})
      for (const std::uint64_t size : {std::uint64_t{1}, std::uint64_t{4096}, std::uint64_t{0xffff'ffff}}) {
        footer_entry entry;
        entry.kind = kind;
        entry.weight = stored;
        entry.uncompressed = size;
        std::array<std::byte, footer_entry::encoded_size> memory{};
        entry.encode(memory.data());
        const footer_entry back = footer_entry::decode(memory.data());
        CHECK(back.kind == kind);
        CHECK(back.weight == stored);
        CHECK(back.uncompressed == size);
      }
  footer_entry plain;
  plain.weight = std::uint64_t{1} << 40;
  std::array<std::byte, footer_entry::encoded_size> memory{};
  plain.encode(memory.data());
  CHECK(footer_entry::decode(memory.data()).weight == std::uint64_t{1} << 40);
  CHECK(footer_entry::decode(memory.data()).uncompressed == 0);
}
