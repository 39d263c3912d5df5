#pragma once

// The digests that the protocols of blob services are signed and checked with, by OpenSSL. Keys of entries are hashed elsewhere
// (core/digest.hpp): nothing here is on the path of a look-up in memory.

#include <larder/core/bytes.hpp>
#include <larder/core/error.hpp>
#include <larder/remote/secret.hpp>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace larder::remote {

using md5_digest = std::array<std::byte, 16>;
using sha256_digest = std::array<std::byte, 32>;

/// A digest over parts that come one after the other; `take` once, at the end.
template <class Digest>
class message_digest {
  static_assert(std::is_same_v<Digest, md5_digest> || std::is_same_v<Digest, sha256_digest>,
                "larder: message_digest makes an md5_digest or a sha256_digest");

 public:
  message_digest() : context_(EVP_MD_CTX_new()) {
    const EVP_MD* const kind = std::is_same_v<Digest, md5_digest> ? EVP_md5() : EVP_sha256();
    if (!context_ || EVP_DigestInit_ex(context_.get(), kind, nullptr) != 1)
      core::fail(error_cause::invalid_argument, "OpenSSL gives no " +
                                                    std::string(std::is_same_v<Digest, md5_digest> ? "MD5" : "SHA-256") +
                                                    "; is it configured to permit it (a FIPS provider refuses MD5)?");
  }
  void add(std::span<const std::byte> part) {
    if (!part.empty()) check(EVP_DigestUpdate(context_.get(), part.data(), part.size()));
  }
  void add(std::string_view part) { add(std::as_bytes(std::span(part))); }
  Digest take() {
    Digest out;
    check(EVP_DigestFinal_ex(context_.get(), reinterpret_cast<unsigned char*>(out.data()), nullptr));
    return out;
  }

 private:
  static void check(int done) {
    if (done != 1) core::fail(error_cause::io, "OpenSSL cannot compute a digest");
  }
  struct freed {
    void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
  };
  std::unique_ptr<EVP_MD_CTX, freed> context_;
};

inline sha256_digest sha256_of(std::string_view text) {
  message_digest<sha256_digest> digest;
  digest.add(text);
  return digest.take();
}
/// Of the parts one after the other.
template <class Digest>
Digest digest_of_parts(std::span<const bytes> parts) {
  message_digest<Digest> digest;
  for (const bytes& part : parts) digest.add(part.span());
  return digest.take();
}

/// HMAC-SHA256 (RFC 2104).
inline sha256_digest hmac_sha256(std::span<const std::byte> key, std::string_view text) {
  sha256_digest out;
  unsigned size = 0;
  if (HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(text.data()),
           text.size(), reinterpret_cast<unsigned char*>(out.data()), &size) == nullptr ||
      size != out.size())
    core::fail(error_cause::io, "OpenSSL cannot compute an HMAC");
  return out;
}

/// Lower-case hexadecimal.
inline std::string hex_of(std::span<const std::byte> data) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  out.reserve(data.size() * 2);
  for (const std::byte b : data) {
    out += digits[std::to_integer<unsigned>(b) >> 4U];
    out += digits[std::to_integer<unsigned>(b) & 15U];
  }
  return out;
}

}  // namespace larder::remote
