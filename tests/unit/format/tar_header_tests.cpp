#include <larder/format/tar_header.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include "support/refusal.hpp"
#include "support/tar_archive.hpp"

namespace {

using larder::format::parse_tar_header;
using larder::format::tar_header;
using support::tar_archive;

std::span<const std::byte> as_bytes(const std::string& text) { return std::as_bytes(std::span(text)); }
tar_header parse(const std::string& block) { return parse_tar_header(as_bytes(block), 1024, "a.tar"); }

/// The block with other bytes from `offset` and a checksum that is right again.
std::string changed(std::string block, std::size_t offset, std::string_view bytes, bool as_signed = false) {
  return tar_archive::sealed(block.replace(offset, bytes.size(), bytes), as_signed);
}

}  // namespace

TEST_CASE("a header gives name, size and type in each of the formats") {
  const tar_header ustar = parse(tar_archive::header("b.txt", 1234, '0', "some/folder"));
  CHECK(ustar.name == "some/folder/b.txt");
  CHECK(ustar.size == 1234);
  CHECK(ustar.type == '0');
  CHECK(parse(tar_archive::header("b.txt", 0, '5', "times of GNU", {"ustar  \0", 8})).name == "b.txt");
  CHECK(parse(tar_archive::header("v7", 7, '\0', "no prefix", "")).name == "v7");
  const std::string full(100, 'n');
  CHECK(parse(tar_archive::header(full, 0)).name == full);  // no NUL behind it
  CHECK(parse(tar_archive::header(full, 0, '0', std::string(155, 'p'))).name.size() == 256);
}

TEST_CASE("sizes are octal between blanks, or base-256") {
  const std::string block = tar_archive::header("x", 0);
  const auto size = [&](std::string field) {
    field.resize(12);
    return parse(changed(block, 124, field)).size;
  };
  CHECK(size("00000000010") == 8);
  CHECK(size("        17 ") == 15);
  CHECK(size("777777777777") == 68'719'476'735U);  // twelve digits fill it
  CHECK(size("") == 0);
  CHECK(size("           ") == 0);
  CHECK(rc::check("base-256", [](std::uint64_t number) {
    number >>= 1U;
    std::string base_256(12, '\0');
    base_256[0] = '\x80';
    for (std::size_t i = 0; i < 8; ++i) base_256[11 - i] = static_cast<char>((number >> (8 * i)) & 0xffU);
    RC_ASSERT(parse(changed(tar_archive::header("x", 0), 124, base_256)).size == number);
  }));
  for (std::string wrong : {std::string("8"), std::string("12x"), std::string("1 2"), std::string("-1"), std::string("+1"), std::string("0x10"),
                            std::string("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), 
                            std::string("\x80\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00", 12),
                            std::string("\xbf\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), std::string("\0" "1", 2)}) {
    CAPTURE(wrong);
    const support::refusal refused = support::refusal_of([&] { size(wrong); });
    CHECK(refused.cause == larder::error_cause::corruption);
    CHECK(says(refused, "a.tar: not a valid tar archive: byte 1024: the size is not a number from 0 to 2^63"));
  }
}

TEST_CASE("the checksum may be summed over signed bytes, and no bit of a header may be another") {
  const std::string name = "caf\xc3\xa9";
  const std::string block = changed(tar_archive::header(name, 5), 0, name, true);
  CHECK(parse(block).name == name);
  CHECK(block != tar_archive::sealed(block));
  const std::string plain = tar_archive::header("plain", 5);
  for (std::size_t bit = 0; bit < 8 * plain.size(); ++bit) {
    if (bit / 8 >= 148 && bit / 8 < 156) continue;  // what the checksum says may be written in several ways
    std::string flipped = plain;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    REQUIRE(says(support::refusal_of([&] { parse(flipped); }), "its checksum is not right"));
  }
  CHECK(says(support::refusal_of([&] { parse(std::string(plain).replace(148, 8, "########")); }), "its checksum is not right"));
}

TEST_CASE("a compressed archive is told from a damaged one") {
  for (const auto& [begin, what] : {std::pair<std::string, std::string>{"\x1f\x8b\x08", "gzip"}, {"\x28\xb5\x2f\xfd", "zstd"}, {"BZh9", "bzip2"},
                                    {std::string("\xfd" "7zXZ"), "xz"}, {"PK\x03\x04", "zip"}}) {
    std::string block = begin;
    block.resize(512, 'x');
    CHECK(says(support::refusal_of([&] { parse_tar_header(as_bytes(block), 0, "a.tgz"); }), "compressed with " + what + "; decompress it first"));
    CHECK(says(support::refusal_of([&] { parse_tar_header(as_bytes(block), 512, "a.tgz"); }), "checksum"));
  }
  CHECK(says(support::refusal_of([&] { parse_tar_header(as_bytes("short"), 0, "a.tar"); }), "512 bytes, not 5"));
}
