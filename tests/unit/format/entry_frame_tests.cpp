#include <larder/format/entry_frame.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <cstring>
#include <random>
#include <string>
#include <string_view>

using namespace larder::format;

namespace {

larder::stored_entry entry_of(std::string_view key, std::string_view payload) {
  larder::stored_entry entry;
  entry.id = larder::digest_of(key);
  entry.key = larder::bytes::copy_of(key);
  entry.payload = larder::bytes::copy_of(payload);
  entry.info = {payload.size(), larder::instant{123456789}, larder::instant{0}, larder::instant{987654321}};
  return entry;
}

std::string object_of(const larder::stored_entry& entry) {
  return std::string(encode_entry_head(entry).text()) + std::string(entry.payload.text());
}

std::optional<entry_frame> decode(std::string_view object) { return decode_entry_head(std::as_bytes(std::span(object)), object.size()); }

}  // namespace

TEST_CASE("an entry's head says what was encoded") {
  for (const std::string_view key : {std::string_view(""), std::string_view("key"), std::string_view("a\0b", 3)})
    for (const std::size_t size : {0U, 1U, 64U, 262143U, 262144U}) {
      const std::string payload(size, 'p');
      const larder::stored_entry entry = entry_of(key, payload);
      const std::string object = object_of(entry);
      const std::optional<entry_frame> frame = decode(object);
      REQUIRE(frame.has_value());
      CHECK(frame->payload_size == size);
      CHECK(frame->payload_offset % (size >= 262144 ? 4096 : 64) == 0);
      CHECK(frame->total_size() == object.size());
      CHECK(frame->written == larder::instant{123456789});
      CHECK(frame->expires == larder::instant{987654321});
      CHECK(frame->info().weight == size);
      const std::span<const std::byte> stored = entry_key(std::as_bytes(std::span(object)), *frame);
      CHECK(std::string_view(reinterpret_cast<const char*>(stored.data()), stored.size()) == key);
      CHECK(payload_matches(*frame, entry.id, object.data() + frame->payload_offset));
      if (size != 0) CHECK_FALSE(payload_matches(*frame, larder::digest_of("another key"), object.data() + frame->payload_offset));
    }
}

TEST_CASE("the layout is the documented one") {
  const larder::stored_entry entry = entry_of("key", "payload");
  const std::string object = object_of(entry);
  CHECK(object.size() == 128 + 7);
  CHECK(object.substr(0, 8) == "LARDER\x1a\n");
  CHECK(object.substr(8, 4) == std::string("\1\0\0\0", 4));
  CHECK(object.substr(12, 4) == std::string("\3\0\0\0", 4));
  CHECK(object.substr(16, 8) == std::string("\7\0\0\0\0\0\0\0", 8));
  CHECK(object.substr(24, 4) == std::string("\x80\0\0\0", 4));
  CHECK(object.substr(28, 12) == std::string(12, '\0'));
  CHECK(object.substr(80, 3) == "key");
  CHECK(object.substr(83, 45) == std::string(45, '\0'));
  CHECK(object.substr(128) == "payload");
}

TEST_CASE("every flip in the head, every cut and every surplus byte is noticed") {
  const larder::stored_entry entry = entry_of("a key", "some payload");
  const std::string object = object_of(entry);
  const std::size_t checked = entry_frame::header_size + 5;
  for (std::size_t at = 0; at < object.size(); ++at)
    for (int bit = 0; bit < 8; ++bit) {
      std::string changed = object;
      changed[at] = static_cast<char>(changed[at] ^ (1 << bit));
      const std::optional<entry_frame> frame = decode(changed);
      CAPTURE(at);
      CHECK(frame.has_value() == (at >= checked));
      if (frame) CHECK(payload_matches(*frame, entry.id, changed.data() + frame->payload_offset) == (at < frame->payload_offset));
    }
  for (std::size_t size = 0; size < object.size(); ++size) CHECK_FALSE(decode(object.substr(0, size)).has_value());
  CHECK_FALSE(decode(object + "x").has_value());
}

TEST_CASE("hostile heads are refused without reading beyond the object") {
  std::mt19937_64 random(3);
  for (int round = 0; round < 2000; ++round) {
    std::string object = object_of(entry_of("key", "payload"));
    // Any numbers in the header, with the checksum made right for them where the key's size allows it.
    for (std::size_t at = 8; at < 72; at += 4)
      if (random() % 3 == 0) {
        const auto number = static_cast<std::uint32_t>(random() % 4 == 0 ? random() : random() % 200);
        std::memcpy(object.data() + at, &number, 4);
      }
    std::uint32_t key_size = 0;
    std::memcpy(&key_size, object.data() + 12, 4);
    if (entry_frame::header_size + static_cast<std::uint64_t>(key_size) <= object.size()) {
      const std::string summed = object.substr(0, 72) + object.substr(80, key_size);
      const std::uint64_t checksum = XXH3_64bits(summed.data(), summed.size());
      std::memcpy(object.data() + 72, &checksum, 8);
    }
    const std::optional<entry_frame> frame = decode(object);
    if (!frame) continue;
    CHECK(frame->total_size() == object.size());
    CHECK(frame->payload_offset <= object.size());
    CHECK(entry_frame::header_size + frame->key_size <= frame->payload_offset);
  }
}

TEST_CASE("a size so large that the sum with the offset wraps around is no size") {
  std::string object = object_of(entry_of("key", "payload")).substr(0, 100);
  const std::uint64_t size = ~std::uint64_t{0} - 4096 + 1 + object.size();  // with the offset 4096, as large as the object
  const std::uint32_t offset = 4096;
  std::memcpy(object.data() + 16, &size, 8);
  std::memcpy(object.data() + 24, &offset, 4);
  const std::string summed = object.substr(0, 72) + object.substr(80, 3);
  const std::uint64_t checksum = XXH3_64bits(summed.data(), summed.size());
  std::memcpy(object.data() + 72, &checksum, 8);
  CHECK(offset + size == object.size());
  CHECK_FALSE(decode(object));
}

TEST_CASE("a head with flags, or of a later version, is not read, though its checksum is right") {
  for (const std::size_t at : {8U, 28U}) {
    std::string object = object_of(entry_of("key", "payload"));
    const std::uint32_t number = 4;
    std::memcpy(object.data() + at, &number, 4);
    const std::string summed = object.substr(0, 72) + object.substr(80, 3);
    const std::uint64_t checksum = XXH3_64bits(summed.data(), summed.size());
    std::memcpy(object.data() + 72, &checksum, 8);
    CHECK_FALSE(decode(object));
  }
}
