#include <larder/format/segment_record.hpp>

#include <algorithm>
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
using larder::instant;

namespace {

constexpr record_place here{3, 5};
constexpr std::uint64_t page_aligned = segment_record::page_aligned_from;

/// A record of this key and payload as it lies at a place, and what was encoded.
struct encoded {
  segment_record record;
  std::vector<std::byte> memory;  // of its size without the padding behind, so that a read behind the end is one
};

encoded record_of(std::string_view key, std::string_view payload, record_place at, record_kind kind = record_kind::value) {
  encoded made;
  segment_record& record = made.record;
  record.kind = kind;
  record.key_size = static_cast<std::uint32_t>(key.size());
  record.payload_size = payload.size();
  record.payload_offset = static_cast<std::uint32_t>(segment_record::payload_offset_for(at.offset(), key.size(), payload.size()));
  record.id = larder::digest_of(key);
  record.payload_checksum = payload_checksum(payload.data(), payload.size(), record.id);
  record.sequence = 0x0102'0304'0506'0708;
  record.written = instant{1'700'000'000'000'000'001};
  record.expires = kind == record_kind::value ? instant{1'800'000'000'000'000'002} : larder::no_deadline;
  made.memory.assign(record.payload_offset + payload.size(), std::byte{0xee});
  encode_record_head(record, std::as_bytes(std::span(key)), at, made.memory.data());
  std::copy_n(std::as_bytes(std::span(payload)).begin(), payload.size(), made.memory.begin() + record.payload_offset);
  return made;
}

std::string_view text_of(std::span<const std::byte> part) { return {reinterpret_cast<const char*>(part.data()), part.size()}; }

template <class T>
void put(std::vector<std::byte>& memory, std::size_t where, T value) {
  std::memcpy(memory.data() + where, &value, sizeof value);
}

/// Makes the checksum of header and key right again.
void sign(std::vector<std::byte>& memory, std::size_t key_size, record_place at) {
  const std::span<const std::byte> key = std::span<const std::byte>(memory).subspan(segment_record::header_size, key_size);
  put(memory, 72, detail::header_checksum(memory.data(), key, at));
}

std::vector<std::byte> flipped(std::vector<std::byte> memory, std::size_t bit) {
  memory[bit / 8] ^= std::byte{1} << static_cast<int>(bit % 8);
  return memory;
}

}  // namespace

TEST_CASE("a record of every kind says what was encoded, whatever the sizes of key and payload") {
  const std::string long_key(70'000, 'k');
  const std::string long_payload(5'000, 'p');
  for (const record_kind kind : {record_kind::value, record_kind::value_file, record_kind::erased, record_kind::evicted})
    for (const std::string_view key : {std::string_view(), std::string_view("key"), std::string_view(long_key)})
      for (const std::string_view payload : {std::string_view(), std::string_view("p"), std::string_view(long_payload)}) {
        CAPTURE(key.size());
        CAPTURE(payload.size());
        const encoded made = record_of(key, payload, here, kind);
        const std::optional<segment_record> found = decode_record(made.memory, here);
        REQUIRE(found.has_value());
        CHECK(found->kind == kind);
        CHECK(found->key_size == key.size());
        CHECK(found->payload_offset == made.record.payload_offset);
        CHECK(found->payload_size == payload.size());
        CHECK(found->id == made.record.id);
        CHECK(found->payload_checksum == made.record.payload_checksum);
        CHECK(found->sequence == made.record.sequence);
        CHECK(found->written == made.record.written);
        CHECK(found->expires == made.record.expires);
        CHECK(text_of(record_key(made.memory, *found)) == key);
        CHECK(text_of(record_payload(made.memory, *found)) == payload);
        CHECK(payload_matches(made.memory, *found));
        CHECK(found->size() % record_place::unit_size == 0);
        CHECK(found->size() >= made.memory.size());
        CHECK(found->size() - made.memory.size() < record_place::unit_size);

        const larder::stored_info info = info_of(*found, 77);
        CHECK(info.weight == 77);
        CHECK(info.written == found->written);
        CHECK(info.expires == found->expires);
      }
}

TEST_CASE("what lies between header, key and payload is zeros") {
  const encoded made = record_of("0123456789", "payload", here);
  const auto zeros = [&](std::size_t from, std::size_t to) {
    const std::span<const std::byte> part = std::span<const std::byte>(made.memory).subspan(from, to - from);
    return std::all_of(part.begin(), part.end(), [](std::byte b) { return b == std::byte{0}; });
  };
  CHECK(zeros(5, 8));
  CHECK(zeros(segment_record::use_offset, segment_record::header_size));
  CHECK(zeros(segment_record::header_size + 10, made.record.payload_offset));
}

TEST_CASE("a payload begins at a multiple of 64 of the file, a large one of 4096, and as early as that lets it") {
  for (std::uint64_t unit = 0; unit < 130; ++unit)
    for (const std::uint64_t key : {0U, 1U, 39U, 40U, 41U, 104U, 5000U})
      for (const std::uint64_t payload :
           {std::uint64_t{0}, std::uint64_t{1}, page_aligned - 1, page_aligned, page_aligned * 1000}) {
        const std::uint64_t offset = unit * record_place::unit_size;
        const std::uint64_t multiple = payload >= page_aligned ? 4096 : 64;
        const std::uint64_t begin = segment_record::payload_offset_for(offset, key, payload);
        CAPTURE(unit);
        CAPTURE(key);
        CAPTURE(payload);
        CHECK((offset + begin) % multiple == 0);
        CHECK(begin >= segment_record::header_size + key);
        CHECK(begin < segment_record::header_size + key + multiple);
      }
}

TEST_CASE("a page-aligned record is found where it lies, and not at another offset in its page") {
  const std::string payload(page_aligned, 'x');
  for (const std::uint32_t unit : {1U, 2U, 62U, 63U, 64U, 1U << 20, 0xffff'ffffU}) {
    const record_place at{9, unit};
    const encoded made = record_of("large", payload, at);
    const std::optional<segment_record> found = decode_record(made.memory, at);
    REQUIRE(found.has_value());
    CHECK((at.offset() + found->payload_offset) % 4096 == 0);
    CHECK(payload_matches(made.memory, *found));
    CHECK_FALSE(peek_record(made.memory, {9, unit ^ 1}).has_value());
  }
}

TEST_CASE("every flipped bit of header and key is refused, but for the last use, which changes") {
  for (const std::string_view key : {std::string_view(), std::string_view("a key of some length that fills a few words")}) {
    const encoded good = record_of(key, "the payload", here);
    REQUIRE(decode_record(good.memory, here).has_value());
    for (std::size_t bit = 0; bit < (segment_record::header_size + key.size()) * 8; ++bit) {
      const bool use = bit / 8 >= segment_record::use_offset && bit / 8 < segment_record::header_size;
      CAPTURE(bit);
      CHECK(decode_record(flipped(good.memory, bit), here).has_value() == use);
    }
  }
}

TEST_CASE("a record that was copied to another place or segment is none") {
  const encoded made = record_of("key", "payload", here);
  constexpr std::array<record_place, 5> others{{{here.segment, here.unit + 1},
                                                {here.segment, here.unit - 1},
                                                {here.segment + 1, here.unit},
                                                {here.unit, here.segment},
                                                {}}};
  for (const record_place other : others) {
    CHECK(peek_record(made.memory, other).has_value());  // by its bounds alone it could be one
    CHECK_FALSE(decode_record(made.memory, other).has_value());
  }
}

TEST_CASE("every flipped bit of a payload is noticed, and so is a payload under another key") {
  const std::string payload = "something of more than sixteen bytes, and of more than one stripe of the checksum's";
  const encoded good = record_of("key", payload, here);
  const std::size_t begin = good.record.payload_offset;
  for (std::size_t bit = begin * 8; bit < good.memory.size() * 8; ++bit) {
    const std::vector<std::byte> bad = flipped(good.memory, bit);
    const std::optional<segment_record> found = decode_record(bad, here);
    REQUIRE(found.has_value());
    CHECK_FALSE(payload_matches(bad, *found));
  }
  segment_record other = good.record;
  other.id = larder::digest_of(std::string_view("another key"));
  CHECK_FALSE(payload_matches(good.memory, other));
}

TEST_CASE("a record that was cut at any length is none") {
  const encoded good = record_of("the key", "the payload of a record that is cut", here);
  for (std::size_t size = 0; size < good.memory.size(); ++size) {
    const std::vector<std::byte> cut(good.memory.begin(), good.memory.begin() + static_cast<std::ptrdiff_t>(size));
    CAPTURE(size);
    CHECK_FALSE(peek_record(cut, here).has_value());
    CHECK_FALSE(decode_record(cut, here).has_value());
    // Told how much room there is, a header is enough to look at, and nothing behind what is there is read.
    CHECK(peek_record(cut, here, good.memory.size()).has_value() == (size >= segment_record::header_size));
    CHECK_FALSE(peek_record(cut, here, good.memory.size() - 1).has_value());
  }
}

TEST_CASE("kinds that there are not are refused though the checksum is right") {
  encoded made = record_of("key", "payload", here);
  for (int kind = 0; kind < 256; ++kind) {
    put(made.memory, 4, static_cast<std::uint8_t>(kind));
    sign(made.memory, 3, here);
    CHECK(decode_record(made.memory, here).has_value() == (kind >= 1 && kind <= 4));
  }
}

TEST_CASE("sizes that cannot be are refused though the checksum is right, and nothing outside is read") {
  const encoded good = record_of("key", "payload", here);
  const std::uint64_t all = ~std::uint64_t{0};
  const std::array<std::uint64_t, 11> payloads{
      8,          9,        64,      page_aligned, std::uint64_t{1} << 31, std::uint64_t{1} << 32, std::uint64_t{1} << 63,
      all - 4096, all - 63, all - 1, all};
  const std::array<std::uint32_t, 9> keys{4, 40, 41, 1000, 0x7fff'ffff, 0x8000'0000, 0xffff'ff80, 0xffff'ffa8, 0xffff'ffff};
  const std::array<std::uint32_t, 8> offsets{0, 1, 64, 88, 127, 192, 4096, 0xffff'ffc0};
  const auto refused = [](std::vector<std::byte> bad, record_place at) {
    sign(bad, 3, at);
    return !peek_record(bad, at).has_value() && !decode_record(bad, at).has_value();
  };
  // Of the offset that each of them would want, too: what is left then are the bounds.
  const auto wanted = [](record_place at, std::uint64_t key, std::uint64_t payload) {
    return static_cast<std::uint32_t>(segment_record::payload_offset_for(at.offset(), key, payload));
  };
  for (const record_place at : {here, record_place{}, record_place{0xffff'ffff, 0xffff'ffff}}) {
    for (const std::uint64_t payload : payloads) {
      std::vector<std::byte> bad = good.memory;
      put(bad, 16, payload);
      CHECK(refused(bad, at));
      put(bad, 12, wanted(at, 3, payload));
      CHECK(refused(bad, at));
      for (const std::uint32_t key : keys) {
        put(bad, 8, key);
        put(bad, 12, wanted(at, key, payload));
        CAPTURE(payload);
        CAPTURE(key);
        CHECK(refused(bad, at));
      }
    }
    for (const std::uint32_t key : {41U, 1000U, 0x7fff'ffffU, 0xffff'ff80U, 0xffff'ffffU}) {
      std::vector<std::byte> bad = good.memory;
      put(bad, 8, key);
      CHECK(refused(bad, at));
      put(bad, 12, wanted(at, key, 7));
      CHECK(refused(bad, at));
    }
    for (const std::uint32_t offset : offsets) {
      std::vector<std::byte> bad = good.memory;
      put(bad, 12, offset);
      CHECK(refused(bad, at));
    }
  }
}

TEST_CASE("a payload whose end comes round to the beginning is refused though its offset is inside") {
  const encoded good = record_of("key", std::string(10'000, 'p'), here);
  for (std::uint64_t less = 1; less <= 8192; less += less < 64 ? 1 : 63) {
    std::vector<std::byte> bad = good.memory;
    put(bad, 16, std::uint64_t{0} - less);
    const std::uint64_t offset = segment_record::payload_offset_for(here.offset(), 3, page_aligned);
    REQUIRE(offset < bad.size());
    put(bad, 12, static_cast<std::uint32_t>(offset));
    sign(bad, 3, here);
    CHECK_FALSE(peek_record(bad, here).has_value());
    CHECK_FALSE(decode_record(bad, here).has_value());
  }
}

TEST_CASE("a place is the word that it was made of") {
  for (const record_place at : {record_place{}, here, record_place{0xffff'ffff, 0}, record_place{0, 0xffff'ffff}}) {
    CHECK(record_place::of_word(at.word()) == at);
    CHECK(at.offset() == std::uint64_t{at.unit} * 64);
  }
}

TEST_CASE("a reference to a file says what was encoded, and is nothing when it is of another size") {
  const file_reference made{0x1122'3344'5566'7788, ~std::uint64_t{0} - 1, {0xaaaa'bbbb'cccc'dddd, 0x1111'2222'3333'4444}};
  const auto encoded_form = made.encode();
  const std::optional<file_reference> found = file_reference::decode(encoded_form);
  REQUIRE(found.has_value());
  CHECK(found->number == made.number);
  CHECK(found->size == made.size);
  CHECK(found->content == made.content);
  for (std::size_t size = 0; size < 80; ++size) {
    const std::vector<std::byte> other(size);
    CHECK(file_reference::decode(other).has_value() == (size >= file_reference::encoded_size));
  }
}

TEST_CASE("a list of what was evicted is read to its last place, and no further") {
  const std::vector<std::uint64_t> places{here.word(), 1, 0, ~std::uint64_t{0}};
  for (std::size_t count = 0; count <= places.size(); ++count)
    for (const std::size_t more : {0U, 1U, 7U}) {  // bytes behind the last place that are none
      if (count == places.size() && more != 0) continue;
      std::vector<std::uint64_t> found;
      for_each_evicted(std::as_bytes(std::span(places)).first(8 * count + more),
                       [&](std::uint64_t word) { found.push_back(word); });
      CHECK(found == std::vector<std::uint64_t>(places.begin(), places.begin() + static_cast<std::ptrdiff_t>(count)));
    }
}

TEST_CASE("a last use is kept to the millisecond, and none is what cannot be kept") {
  constexpr std::array<std::int64_t, 4> kept{1, 2, 1'700'000'000'000, 9'223'372'036'854};
  for (const std::int64_t milliseconds : kept)
    for (const std::int64_t rest : {0, 1, 775'807}) {
      const instant moment{milliseconds * 1'000'000 + rest};
      CHECK(use_stamp::decode(use_stamp::encode(moment, here), here) == instant{milliseconds * 1'000'000});
    }
  constexpr std::array<std::int64_t, 5> none{0, 1, 999'999, -1, -1'700'000'000'000'000'000};
  for (const std::int64_t moment : none) CHECK(use_stamp::encode(instant{moment}, here) == 0);
  CHECK(use_stamp::encode(instant::min(), here) == 0);
  CHECK_FALSE(use_stamp::decode(0, here).has_value());
}

TEST_CASE("a flipped bit of a last use is noticed, and so is that of another place") {
  // The check has 16 bits: a flipped bit of the moment passes once in 65536, one of the check never.
  std::size_t passed = 0;
  for (std::int64_t i = 0; i < 1000; ++i) {
    const std::uint64_t stamp = use_stamp::encode(instant{1'700'000'000'000'000'000 + i * 7'000'000}, here);
    for (int bit = 0; bit < 16; ++bit) CHECK_FALSE(use_stamp::decode(stamp ^ std::uint64_t{1} << bit, here).has_value());
    for (int bit = 16; bit < 56; ++bit) passed += use_stamp::decode(stamp ^ std::uint64_t{1} << bit, here).has_value() ? 1 : 0;
    passed += use_stamp::decode(stamp, {here.segment, here.unit + 1}).has_value() ? 1 : 0;
    passed += use_stamp::decode(stamp, {here.segment + 1, here.unit}).has_value() ? 1 : 0;
  }
  CHECK(passed <= 8);
}

TEST_CASE("the stamp of an erased record is no last use, and nothing else is that stamp") {
  const std::uint64_t erased = use_stamp::erased(here);
  CHECK(use_stamp::is_erased(erased, here));
  CHECK_FALSE(use_stamp::decode(erased, here).has_value());
  CHECK_FALSE(use_stamp::is_erased(0, here));
  CHECK_FALSE(use_stamp::is_erased(~std::uint64_t{0}, here));
  CHECK_FALSE(use_stamp::is_erased(use_stamp::encode(instant::max(), here), here));
  CHECK_FALSE(use_stamp::is_erased(erased, {here.segment, here.unit + 1}));
  CHECK_FALSE(use_stamp::is_erased(erased, {here.segment + 1, here.unit}));
  for (int bit = 0; bit < 64; ++bit) CHECK_FALSE(use_stamp::is_erased(erased ^ std::uint64_t{1} << bit, here));
}

TEST_CASE("a stamp of a time that no instant can say is none") {
  CHECK_FALSE(use_stamp::decode(0x118bcfe58cb4ab75, {3, 5}).has_value());
}
