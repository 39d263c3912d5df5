#include <larder/remote/base64.hpp>
#include <larder/remote/message_digest.hpp>

#include <array>
#include <span>
#include <string>
#include <string_view>

#include <doctest/doctest.h>

namespace {
using namespace larder::remote;

std::span<const std::byte> raw(std::string_view text) { return std::as_bytes(std::span(text)); }
}  // namespace

TEST_CASE("the digests agree with their documents' vectors") {
  CHECK(hex_of(sha256_of("abc")) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(hex_of(sha256_of("")) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  message_digest<md5_digest> md5;
  md5.add("message ");
  md5.add(std::string_view{});
  md5.add("digest");
  CHECK(hex_of(md5.take()) == "f96b697d7cb7938d525a2f31aaf161d0");
}

TEST_CASE("a digest of parts is that of the whole") {
  const std::array<larder::bytes, 3> parts{larder::bytes::copy_of("a", 1), larder::bytes{}, larder::bytes::copy_of("bc", 2)};
  CHECK(digest_of_parts<sha256_digest>(parts) == sha256_of("abc"));
}

TEST_CASE("HMAC agrees with RFC 4231") {
  CHECK(hex_of(hmac_sha256(raw("Jefe"), "what do ya want for nothing?")) ==
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  const std::string key(20, '\x0b');
  CHECK(hex_of(hmac_sha256(raw(key), "Hi There")) == "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
  CHECK(hex_of(hmac_sha256({}, "")) == "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad");
}
