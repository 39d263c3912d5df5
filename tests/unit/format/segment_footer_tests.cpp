#include <larder/format/segment_footer.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <vector>

#include <doctest/doctest.h>

using namespace larder::format;

namespace {

constexpr std::uint32_t number = 7;

std::vector<footer_entry> entries_of(std::size_t count) {
  std::vector<footer_entry> entries(count);
  for (std::size_t i = 0; i < count; ++i) {
    entries[i].id = {0x1234'5678'0000'0000 + i, 0xfedc'ba98'0000'0000 - i};
    entries[i].unit = static_cast<std::uint32_t>(i * 3 + 1);
    entries[i].kind = static_cast<record_kind>(1 + i % 4);
    entries[i].weight = i * 1'000'003;
    entries[i].sequence = i + 100;
    entries[i].written = larder::instant{static_cast<std::int64_t>(i) * 17};
    entries[i].expires = i % 2 == 0 ? larder::no_deadline : larder::instant{static_cast<std::int64_t>(i) + 5};
  }
  return entries;
}

std::vector<std::uint64_t> uses_of(std::size_t count) {
  std::vector<std::uint64_t> uses(count);
  for (std::size_t i = 0; i < count; ++i) uses[i] = i * 0x0101'0101'0101;
  return uses;
}

/// A segment whose records take `records` bytes, with its footer.
std::vector<std::byte> file_of(std::size_t count, std::size_t records) {
  std::vector<std::byte> file(records, std::byte{0x5a});
  const std::vector<std::byte> footer = encode_footer(entries_of(count), uses_of(count), number, records);
  file.insert(file.end(), footer.begin(), footer.end());
  return file;
}

template <class T>
void put(std::vector<std::byte>& file, std::size_t where, T value) {
  std::memcpy(file.data() + where, &value, sizeof value);
}

/// Makes the trailer's own checksum right again.
void sign(std::span<std::byte> file) {
  std::byte* const trailer = file.data() + file.size() - segment_footer::trailer_size;
  const std::uint64_t checksum = XXH3_64bits(trailer, 56);
  std::memcpy(trailer + 56, &checksum, 8);
}

}  // namespace

TEST_CASE("a footer says what was encoded") {
  for (const std::size_t count : {0U, 1U, 1000U})
    for (const std::size_t records : {0U, 64U, 4096U, 12345U}) {
      const std::vector<std::byte> file = file_of(count, records);
      CHECK(file.size() == records + segment_footer::size_for(count));
      CHECK(segment_footer::is_trailer(std::span(file).last<segment_footer::trailer_size>()));
      const std::optional<segment_footer> footer = segment_footer::find(file, number);
      REQUIRE(footer.has_value());
      REQUIRE(footer->size() == count);
      CHECK(footer->records_end() == records);
      const std::vector<footer_entry> entries = entries_of(count);
      const std::vector<std::uint64_t> uses = uses_of(count);
      for (std::size_t i = 0; i < count; ++i) {
        const footer_entry entry = (*footer)[i];
        CHECK(entry.id == entries[i].id);
        CHECK(entry.unit == entries[i].unit);
        CHECK(entry.kind == entries[i].kind);
        CHECK(entry.weight == entries[i].weight);
        CHECK(entry.sequence == entries[i].sequence);
        CHECK(entry.written == entries[i].written);
        CHECK(entry.expires == entries[i].expires);
        CHECK(footer->use(i) == uses[i]);
        std::uint64_t there = 0;
        std::memcpy(&there, file.data() + footer->use_offset(i), 8);
        CHECK(there == uses[i]);
      }
    }
}

TEST_CASE("a footer without uses has none") {
  const std::vector<footer_entry> entries = entries_of(3);
  const std::vector<std::byte> file = encode_footer(entries, {}, number, 0);
  const std::optional<segment_footer> footer = segment_footer::find(file, number);
  REQUIRE(footer.has_value());
  for (std::size_t i = 0; i < 3; ++i) CHECK(footer->use(i) == 0);
}

TEST_CASE("every flipped bit of a footer is refused, but for the last uses, which change") {
  constexpr std::size_t records = 128;
  constexpr std::size_t count = 3;
  const std::vector<std::byte> good = file_of(count, records);
  const std::size_t uses = records + count * footer_entry::encoded_size;
  for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
    std::vector<std::byte> bad = good;
    bad[bit / 8] ^= std::byte{1} << static_cast<int>(bit % 8);
    const std::size_t at = bit / 8;
    const bool covered = at >= records && (at < uses || at >= uses + count * 8);
    CAPTURE(bit);
    CHECK(segment_footer::find(bad, number).has_value() != covered);
  }
}

TEST_CASE("another segment's footer is not taken") {
  const std::vector<std::byte> file = file_of(2, 64);
  CHECK_FALSE(segment_footer::find(file, number + 1).has_value());
  CHECK_FALSE(segment_footer::find(file, 0).has_value());
}

TEST_CASE("a file that was cut or grew has no footer") {
  const std::vector<std::byte> good = file_of(4, 640);
  for (std::size_t size = 0; size < good.size(); ++size) {
    // Of its own size, so that a read behind the end is one.
    const std::vector<std::byte> cut(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(size));
    CHECK_FALSE(segment_footer::find(cut, number).has_value());
    const std::vector<std::byte> beginning_lost(good.end() - static_cast<std::ptrdiff_t>(size), good.end());
    CHECK_FALSE(segment_footer::find(beginning_lost, number).has_value());
  }
  for (const std::size_t more : {1U, 8U, 64U, 4096U}) {
    std::vector<std::byte> grown = good;
    grown.resize(good.size() + more);
    CHECK_FALSE(segment_footer::find(grown, number).has_value());
    grown = good;
    grown.insert(grown.begin(), more, std::byte{0});
    CHECK_FALSE(segment_footer::find(grown, number).has_value());
  }
}

TEST_CASE("a number of entries that cannot be is refused though the checksums are right") {
  const std::vector<std::byte> good = file_of(9, 0);
  for (const std::uint64_t count : {std::uint64_t{8}, std::uint64_t{10}, std::uint64_t{11}, std::uint64_t{12}, std::uint64_t{1} << 32, std::uint64_t{1} << 58,
                                    (std::uint64_t{1} << 58) + 9, std::uint64_t{1} << 63, ~std::uint64_t{0}}) {
    for (const std::uint64_t end : {std::uint64_t{0}, std::uint64_t{64}, ~std::uint64_t{0} - 63}) {
      std::vector<std::byte> bad = good;
      put(bad, bad.size() - 48, count);
      put(bad, bad.size() - 40, end);
      sign(bad);
      CAPTURE(count);
      CAPTURE(end);
      CHECK_FALSE(segment_footer::find(bad, number).has_value());
    }
  }
}

TEST_CASE("entries before the beginning of the file are not a footer's") {
  // Ten entries' room, eleven said to be there: the records would end 64 bytes before the file does begin.
  constexpr std::size_t before = 64;
  std::vector<std::byte> memory(before + 704, std::byte{0});
  const std::span<std::byte> file = std::span(memory).subspan(before);
  const std::vector<std::byte> footer = encode_footer(entries_of(11), uses_of(11), number, std::uint64_t{0} - before);
  REQUIRE(footer.size() == memory.size());
  std::memcpy(memory.data(), footer.data(), footer.size());
  CHECK_FALSE(segment_footer::find(file, number).has_value());
}
