#include <larder/dataset/stream_position.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <rapidcheck.h>

using larder::stream_position;

namespace {

constexpr stream_position some{3, 7, 1000, 123456789, 42, 0xfedc'ba98'7654'3210};

stream_position any_position() {
  const auto number = rc::gen::arbitrary<std::uint64_t>();
  return {*number, *number, *number, *number, *number, *number};
}

}  // namespace

TEST_CASE("a position comes back from its bytes and from its text") {
  CHECK(rc::check("both ways", [] {
    const stream_position position = any_position();
    RC_ASSERT(stream_position::decode(position.encode()) == position);
    RC_ASSERT(stream_position::parse(position.text()) == position);
    RC_ASSERT(position.text().size() == 128U);
  }));
}

TEST_CASE("the bytes and the text are those of every release") {
  CHECK(some.text() ==
        "4c53500a0100000003000000000000000700000000000000e80300000000000015cd5b07000000002a000000000000001032547698badcfe9d796897cb2874f8");
  CHECK(stream_position{}.text() ==
        "4c53500a0100000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000053951c2d63d05d63");
  CHECK(stream_position::parse(
            "4c53500a0100000003000000000000000700000000000000e80300000000000015cd5b07000000002a000000000000001032547698badcfe9d796897cb2874f8") ==
        some);
}

TEST_CASE("every flipped bit is noticed, in the bytes and in the text") {
  CHECK(rc::check("flips", [] {
    const stream_position position = any_position();
    std::array<std::byte, 64> bytes = position.encode();
    for (std::size_t bit = 0; bit < 512; ++bit) {
      bytes[bit / 8] ^= std::byte{1} << static_cast<int>(bit % 8);
      RC_ASSERT(!stream_position::decode(bytes).has_value());
      bytes[bit / 8] ^= std::byte{1} << static_cast<int>(bit % 8);
    }
    std::string text = position.text();
    for (std::size_t bit = 0; bit < text.size() * 8; ++bit) {
      const char right = text[bit / 8];
      text[bit / 8] = static_cast<char>(static_cast<unsigned char>(right) ^ 1U << bit % 8);
      RC_ASSERT(!stream_position::parse(text).has_value());
      text[bit / 8] = right;
    }
  }));
}

TEST_CASE("what no position wrote is none") {
  const std::string text = some.text();
  for (std::size_t size = 0; size < text.size(); ++size) CHECK_FALSE(stream_position::parse(std::string(text, 0, size)).has_value());
  CHECK_FALSE(stream_position::parse(text + "0").has_value());
  CHECK_FALSE(stream_position::parse(" " + text.substr(1)).has_value());
  const auto encoded = some.encode();
  for (std::size_t size = 0; size < encoded.size(); ++size) {
    const std::vector<std::byte> cut(encoded.begin(), encoded.begin() + static_cast<std::ptrdiff_t>(size));
    CHECK_FALSE(stream_position::decode(cut).has_value());
  }
  std::vector<std::byte> longer(encoded.begin(), encoded.end());
  longer.push_back(std::byte{0});
  CHECK_FALSE(stream_position::decode(longer).has_value());
  CHECK(rc::check("any bytes", [] {
    const auto bytes = *rc::gen::container<std::vector<std::uint8_t>>(64, rc::gen::arbitrary<std::uint8_t>());
    RC_ASSERT(!stream_position::decode(std::as_bytes(std::span(bytes))).has_value());
    RC_ASSERT(!stream_position::parse(*rc::gen::arbitrary<std::string>()).has_value());
  }));
}

TEST_CASE("another version is not read, though its checksum is right") {
  std::array<std::byte, 64> bytes = some.encode();
  bytes[4] = std::byte{2};
  const std::uint64_t checksum = XXH3_64bits(bytes.data(), 56);
  for (std::size_t i = 0; i < 8; ++i) bytes[56 + i] = static_cast<std::byte>(checksum >> (8 * i));
  CHECK_FALSE(stream_position::decode(bytes).has_value());
}

TEST_CASE("positions are equal when all of them is") {
  CHECK(some == stream_position(some));
  for (std::uint64_t stream_position::*field : {&stream_position::epoch, &stream_position::window, &stream_position::within,
                                                &stream_position::before, &stream_position::seed, &stream_position::order}) {
    stream_position other = some;
    ++(other.*field);
    CHECK(other != some);
    CHECK(other.text() != some.text());
  }
}
