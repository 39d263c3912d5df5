#include <larder/core/digest.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <set>
#include <string>

using larder::digest;
using larder::digest_of;

TEST_CASE("digests are XXH3-128 in its canonical form") {
  CHECK(digest_of("").hex() == "99aa06d3014798d86001c324468d497f");
  CHECK(digest_of(nullptr, 0).hex() == "99aa06d3014798d86001c324468d497f");
  const std::string text = "the same text by another way";
  const XXH128_hash_t reference = XXH3_128bits(text.data(), text.size());
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, reference);
  std::string hex;
  for (const unsigned char c : canonical.digest) {
    hex += "0123456789abcdef"[c >> 4];
    hex += "0123456789abcdef"[c & 15];
  }
  CHECK(digest_of(text).hex() == hex);
}

TEST_CASE("hex and parse are inverse") {
  for (const char* text : {"", "a", "abc", "a longer text that takes another path of the algorithm"}) {
    const digest d = digest_of(text);
    CHECK(digest::parse(d.hex()) == d);
  }
  CHECK(digest::parse("00000000000000000000000000000000") == digest{});
  CHECK(digest{1, 0}.hex() == "00000000000000000000000000000001");
  CHECK(digest{0, 1}.hex() == "00000000000000010000000000000000");
}

TEST_CASE("parse refuses what hex does not print") {
  const std::string good = digest_of("x").hex();
  CHECK_FALSE(digest::parse("").has_value());
  CHECK_FALSE(digest::parse(good.substr(1)).has_value());
  CHECK_FALSE(digest::parse(good + "0").has_value());
  CHECK_FALSE(digest::parse("99AA06d3014798d86001c324468d497f").has_value());
  CHECK_FALSE(digest::parse("99aa06d3014798d86001c324468d497g").has_value());
  CHECK_FALSE(digest::parse(" 9aa06d3014798d86001c324468d497f").has_value());
}

TEST_CASE("digests are ordered as their hexadecimal texts") {
  std::set<digest> by_value;
  std::set<std::string> by_text;
  for (int i = 0; i < 100; ++i) {
    by_value.insert(digest_of(std::to_string(i)));
    by_text.insert(digest_of(std::to_string(i)).hex());
  }
  REQUIRE(by_value.size() == 100);
  auto text = by_text.begin();
  for (const digest& d : by_value) CHECK(d.hex() == *text++);
}

TEST_CASE("content in pieces has the digest of the whole, and the seed counts") {
  const std::string whole(10'000, 'q');
  larder::digest_stream stream;
  for (std::size_t at = 0; at < whole.size(); at += 333)
    stream.update(whole.data() + at, std::min<std::size_t>(333, whole.size() - at));
  CHECK(stream.finish() == digest_of(whole));
  CHECK(larder::digest_stream().finish() == digest_of(""));
  larder::digest_stream seeded(7);
  seeded.update(whole.data(), whole.size());
  CHECK(seeded.finish() == digest_of(whole.data(), whole.size(), 7));
  CHECK(seeded.finish() != digest_of(whole));
}
