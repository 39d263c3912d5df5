#include <larder/artifact/content_digest.hpp>
#include <larder/artifact/content_hasher.hpp>
#include <larder/core/digest.hpp>

#include <array>
#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <unordered_set>

#include <doctest/doctest.h>

#include "support/refusal.hpp"

using larder::content_digest;
using larder::digest_algorithm;
using larder::digest_of;

TEST_CASE("digests are those of the standards") {
  CHECK(digest_of("abc", digest_algorithm::sha256).hex() == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(digest_of("abc", digest_algorithm::md5).hex() == "900150983cd24fb0d6963f7d28e17f72");
  CHECK(digest_of("abc", digest_algorithm::xxh3_128).hex() ==
        digest_of(std::string_view("abc")).hex());  // the one of core, in its canonical form
  CHECK(digest_of("", digest_algorithm::sha256).short_text() == "e3b0c442");
}

TEST_CASE("a digest is printed with its algorithm and read back") {
  for (const digest_algorithm algorithm : {digest_algorithm::sha256, digest_algorithm::md5, digest_algorithm::xxh3_128}) {
    const content_digest made = digest_of("some content", algorithm);
    CHECK(made.algorithm() == algorithm);
    CHECK(made.bytes().size() == larder::digest_size(algorithm));
    CHECK(made.text() == std::string(larder::to_string(algorithm)) + ":" + made.hex());
    CHECK(content_digest::parse(made.text()) == made);
    std::string upper = made.hex();
    for (char& c : upper)
      if (c >= 'a') c = static_cast<char>(c - 'a' + 'A');
    CHECK(content_digest::parse(std::string(larder::to_string(algorithm)) + ":" + upper) == made);
    CHECK((content_digest::parse(made.hex()) == made) == (algorithm != digest_algorithm::xxh3_128));  // 32 digits alone are MD5
    CHECK(content_digest(algorithm, made.bytes()) == made);
  }
}

TEST_CASE("what is no digest is none") {
  const std::string sha256(64, 'a'), md5(32, 'b');
  for (const std::string& text :
       {std::string(), std::string("sha256:"), "sha256:" + md5, "md5:" + sha256, "SHA256:" + sha256, "sha512:" + sha256,
        sha256 + "a", sha256.substr(1), "sha256:" + sha256.substr(1) + "g", "xxh3:" + sha256, ":" + sha256,
        " " + sha256.substr(1), "sha256:sha256:" + sha256, md5.substr(1) + "/"}) {
    CAPTURE(text);
    CHECK_FALSE(content_digest::parse(text).has_value());
  }
  const std::array<std::byte, 16> short_one{};
  CHECK(support::cause_of([&] { content_digest(digest_algorithm::sha256, short_one); }) == larder::error_cause::invalid_argument);
}

TEST_CASE("digests are values: ordered, hashed, and different for each algorithm") {
  const content_digest none;
  CHECK(none == content_digest());
  CHECK(none.hex() == std::string(64, '0'));
  const content_digest a = digest_of("a", digest_algorithm::md5), b = digest_of("b", digest_algorithm::md5);
  CHECK((a < b) != (b < a));
  CHECK((a < b) == (a.hex() < b.hex()));
  const content_digest as_xxh3(digest_algorithm::xxh3_128, a.bytes());
  CHECK(as_xxh3 != a);
  CHECK(a < as_xxh3);
  const std::unordered_set<content_digest> hashed{a, b, as_xxh3, a};
  CHECK(hashed.size() == 3);
  const std::set<content_digest> sorted{a, b, as_xxh3, none};
  CHECK(*sorted.begin() == none);
}

TEST_CASE("pieces make the same digest as the whole") {
  std::string content;
  for (int i = 0; i < 100'000; ++i) content += static_cast<char>(i * 7 % 251);
  for (const digest_algorithm algorithm : {digest_algorithm::sha256, digest_algorithm::md5, digest_algorithm::xxh3_128}) {
    larder::artifacts::content_hasher hasher(algorithm);
    for (std::size_t at = 0, size = 0; at < content.size(); at += size) {
      size = 1 + at % 1000;
      hasher.add(std::string_view(content).substr(at, size));
      hasher.add(std::string_view());
    }
    larder::artifacts::content_hasher moved(std::move(hasher));
    CHECK(moved.take() == digest_of(content, algorithm));
  }
}
