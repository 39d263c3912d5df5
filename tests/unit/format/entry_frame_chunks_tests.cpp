// Version 2 of the frame: chunks that are checked one by one.

#include <larder/format/entry_frame.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <string_view>

using namespace larder::format;

namespace {

constexpr std::uint64_t chunk = 4096;

larder::stored_entry entry_of(std::string_view key, std::size_t size) {
  larder::stored_entry entry;
  entry.id = larder::digest_of(key);
  entry.key = larder::bytes::copy_of(key);
  std::string payload(size, '\0');
  for (std::size_t i = 0; i < size; ++i) payload[i] = static_cast<char>(i * 31 / 7);
  entry.payload = larder::bytes::copy_of(payload);
  entry.info = {size, larder::instant{5}, larder::instant{0}, larder::instant{9}};
  return entry;
}

std::string object_of(const larder::stored_entry& entry) {
  return std::string(encode_chunked_head(entry, chunk).text()) + std::string(entry.payload.text());
}
std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }
std::optional<entry_frame> decode(std::string_view object) { return decode_entry_head(bytes_of(object), object.size()); }

}  // namespace

TEST_CASE("a chunked head says what was encoded, and checks each chunk by itself") {
  for (const std::string_view key : {std::string_view(""), std::string_view("key"), std::string_view("longer key")})
    for (const std::size_t size : {0U, 1U, 4095U, 4096U, 4097U, 12288U, 300000U}) {
      CAPTURE(size);
      const larder::stored_entry entry = entry_of(key, size);
      const std::string object = object_of(entry);
      const std::optional<entry_frame> frame = decode(object);
      REQUIRE(frame.has_value());
      CHECK(frame->chunk_size == chunk);
      CHECK(frame->payload_size == size);
      CHECK(frame->chunk_count() == (size + chunk - 1) / chunk);
      CHECK(frame->payload_offset % (size >= 262144 ? 4096 : 64) == 0);
      CHECK(frame->written == larder::instant{5});
      CHECK(frame->expires == larder::instant{9});
      const std::span<const std::byte> stored = entry_key(bytes_of(object), *frame);
      CHECK(std::string_view(reinterpret_cast<const char*>(stored.data()), stored.size()) == key);
      CHECK(payload_matches(*frame, entry.id, object.data() + frame->payload_offset));
      if (size != 0)
        CHECK_FALSE(payload_matches(*frame, larder::digest_of("another key"), object.data() + frame->payload_offset));

      const chunk_table table(bytes_of(object), *frame, entry.id);
      const chunk_table foreign(bytes_of(object), *frame, larder::digest_of("another key"));
      REQUIRE(table.count() == frame->chunk_count());
      std::size_t covered = 0;
      for (std::size_t i = 0; i < table.count(); ++i) {
        const auto part = entry.payload.span().subspan(table.offset_of(i), table.size_of(i));
        covered += part.size();
        CHECK(table.matches(i, part));
        CHECK_FALSE(foreign.matches(i, part));
        std::string changed(reinterpret_cast<const char*>(part.data()), part.size());
        changed[changed.size() / 2] ^= 1;
        CHECK_FALSE(table.matches(i, bytes_of(changed)));
        if (i != 0) CHECK_FALSE(table.matches(i - 1, part));  // nor one chunk in another's place
      }
      CHECK(covered == size);
    }
}

TEST_CASE("the layout of version 2 is the documented one") {
  const std::string object = object_of(entry_of("key", 5000));
  CHECK(object.size() == 128 + 5000);
  CHECK(object.substr(8, 4) == std::string("\2\0\0\0", 4));
  CHECK(object.substr(32, 8) == std::string("\0\x10\0\0\0\0\0\0", 8));
  CHECK(object.substr(80, 8) == std::string("key\0\0\0\0\0", 8));
  const std::uint64_t first = XXH3_64bits_withSeed(object.data() + 128, 4096, larder::digest_of("key").low);
  CHECK(std::memcmp(object.data() + 88, &first, 8) == 0);
  const std::uint64_t second = XXH3_64bits_withSeed(object.data() + 128 + 4096, 904, larder::digest_of("key").low + 1);
  CHECK(std::memcmp(object.data() + 96, &second, 8) == 0);
  CHECK(object.substr(104, 24) == std::string(24, '\0'));
  CHECK(encode_chunked_head(entry_of("key", 5000)).size() == 128);  // one chunk of 8 MiB
}

TEST_CASE("every flip in header, key and table, and every cut of a chunked entry is noticed") {
  const larder::stored_entry entry = entry_of("a key", 9000);
  const std::string object = object_of(entry);
  const std::optional<std::uint64_t> head = entry_head_size(bytes_of(object));
  REQUIRE(head == 88 + 24);
  for (std::size_t at = 0; at < *head; ++at)
    for (int bit = 0; bit < 8; ++bit) {
      if (at == 85 || at == 86 || at == 87) continue;  // zeros between key and table
      std::string changed = object;
      changed[at] = static_cast<char>(changed[at] ^ (1 << bit));
      CAPTURE(at);
      CHECK_FALSE(decode(changed).has_value());
    }
  for (std::size_t size = 0; size < object.size(); ++size) CHECK_FALSE(decode(object.substr(0, size)).has_value());
  CHECK_FALSE(decode(object + "x").has_value());
  std::string damaged = object;
  damaged[damaged.size() - 1] ^= 1;
  const std::optional<entry_frame> frame = decode(damaged);
  REQUIRE(frame.has_value());
  CHECK_FALSE(payload_matches(*frame, entry.id, damaged.data() + frame->payload_offset));
}

TEST_CASE("hostile chunked heads are refused without reading beyond the object") {
  std::mt19937_64 random(3);
  int whole = 0;
  for (int round = 0; round < 20000; ++round) {
    std::string object = object_of(entry_of("key", 5000)).substr(0, 200 + random() % 8000);
    for (std::size_t at = 8; at < 72; at += 4)
      if (random() % 4 == 0) {
        const auto number = static_cast<std::uint32_t>(random() % 4 == 0   ? random()
                                                       : random() % 3 == 0 ? 4096U << random() % 20
                                                                           : random() % 6000);
        std::memcpy(object.data() + at, &number, 4);
      }
    if (const std::optional<std::uint64_t> head = entry_head_size(bytes_of(object)); head && *head <= object.size()) {
      entry_frame numbers;
      std::memcpy(&numbers.key_size, object.data() + 12, 4);
      const std::string_view text = object;
      std::uint32_t version = 0;
      std::memcpy(&version, object.data() + 8, 4);
      const std::string_view table =
          version == 2 ? text.substr(numbers.table_offset(), *head - numbers.table_offset()) : std::string_view{};
      const std::string summed =
          std::string(text.substr(0, 72)) + std::string(text.substr(80, numbers.key_size)) + std::string(table);
      const std::uint64_t checksum = XXH3_64bits(summed.data(), summed.size());
      std::memcpy(object.data() + 72, &checksum, 8);
    }
    const std::optional<entry_frame> frame = decode_entry_head(bytes_of(object), random() % 2 == 0 ? object.size() : 5128);
    if (!frame) continue;
    ++whole;
    CHECK(frame->table_offset() + 8 * frame->chunk_count() <= std::max<std::uint64_t>(frame->payload_offset, 88));
    CHECK(frame->payload_offset <= object.size());
  }
  CHECK(whole > 100);
}

TEST_CASE("a chunk has a size that is a power of two, within the documented bounds") {
  const larder::stored_entry entry = entry_of("key", 20'000);
  for (const std::uint64_t size : {std::uint64_t{4096}, std::uint64_t{8192}, std::uint64_t{1} << 30U})
    CHECK(decode(std::string(encode_chunked_head(entry, size).text()) + std::string(entry.payload.text())));
  for (const std::uint64_t size : {std::uint64_t{2048}, std::uint64_t{4097}, std::uint64_t{12'288}, std::uint64_t{1} << 31U})
    CHECK_FALSE(decode(std::string(encode_chunked_head(entry, size).text()) + std::string(entry.payload.text())));
}
