#pragma once

#include <larder/core/error.hpp>
#include <larder/remote/message_digest.hpp>

#include <algorithm>
#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace larder {

/// What content is named by: SHA-256; MD5 where a provider gives no other; XXH3-128 against accidents alone.
enum class digest_algorithm : std::uint8_t { sha256, md5, xxh3_128 };

/// As digests begin that are printed: "sha256", "md5", "xxh3".
constexpr std::string_view to_string(digest_algorithm algorithm) noexcept {
  return algorithm == digest_algorithm::sha256 ? "sha256" : algorithm == digest_algorithm::md5 ? "md5" : "xxh3";
}

/// How many bytes a digest of it has.
constexpr std::size_t digest_size(digest_algorithm algorithm) noexcept { return algorithm == digest_algorithm::sha256 ? 32 : 16; }

/// The digest of some content, and how it was computed. Digests of different algorithms are never equal.
class content_digest {
 public:
  /// SHA-256 of all zeros: the digest of nothing that is known.
  content_digest() = default;
  /// Throws `larder::error` when that is not the algorithm's size.
  content_digest(digest_algorithm algorithm, std::span<const std::byte> bytes) : algorithm_(algorithm) {
    if (bytes.size() != digest_size(algorithm))
      core::fail(error_cause::invalid_argument, "a digest of " + std::to_string(bytes.size()) + " bytes is none of " +
                                                    std::string(to_string(algorithm)) + ", which has " +
                                                    std::to_string(digest_size(algorithm)));
    std::copy(bytes.begin(), bytes.end(), bytes_.begin());
  }

  digest_algorithm algorithm() const noexcept { return algorithm_; }
  std::span<const std::byte> bytes() const noexcept { return std::span(bytes_).first(digest_size(algorithm_)); }

  /// Lower-case hexadecimal digits alone: 64, or 32.
  std::string hex() const { return remote::hex_of(bytes()); }
  /// "sha256:" and the digits; `parse` reads it.
  std::string text() const { return std::string(to_string(algorithm_)) + ':' + hex(); }
  /// The first 8 digits, for people.
  std::string short_text() const { return remote::hex_of(bytes().first(4)); }

  /// The digest that a text names: "sha256:", "md5:" or "xxh3:" and hexadecimal digits in either case, or digits alone: 64 are SHA-256, 32 are MD5.
  static std::optional<content_digest> parse(std::string_view text) noexcept {
    content_digest read;
    if (const std::size_t colon = text.find(':'); colon != std::string_view::npos) {
      const std::string_view name = text.substr(0, colon);
      if (name == "md5")
        read.algorithm_ = digest_algorithm::md5;
      else if (name == "xxh3")
        read.algorithm_ = digest_algorithm::xxh3_128;
      else if (name != "sha256")
        return std::nullopt;
      text.remove_prefix(colon + 1);
    } else if (text.size() == 32) {
      read.algorithm_ = digest_algorithm::md5;
    }
    if (text.size() != 2 * digest_size(read.algorithm_)) return std::nullopt;
    for (std::size_t i = 0; i < text.size(); ++i) {
      const char c = text[i];
      unsigned digit = 0;
      if (c >= '0' && c <= '9')
        digit = static_cast<unsigned>(c - '0');
      else if (c >= 'a' && c <= 'f')
        digit = static_cast<unsigned>(c - 'a') + 10;
      else if (c >= 'A' && c <= 'F')
        digit = static_cast<unsigned>(c - 'A') + 10;
      else
        return std::nullopt;
      read.bytes_[i / 2] |= static_cast<std::byte>(i % 2 == 0 ? digit << 4U : digit);
    }
    return read;
  }

  friend bool operator==(const content_digest&, const content_digest&) noexcept = default;
  friend std::strong_ordering operator<=>(const content_digest& a, const content_digest& b) noexcept {
    if (a.algorithm_ != b.algorithm_) return a.algorithm_ <=> b.algorithm_;
    return std::memcmp(a.bytes_.data(), b.bytes_.data(), a.bytes_.size()) <=> 0;
  }

 private:
  digest_algorithm algorithm_ = digest_algorithm::sha256;
  std::array<std::byte, 32> bytes_{};  // zeros behind a shorter one
};

}  // namespace larder

template <>
struct std::hash<larder::content_digest> {
  std::size_t operator()(const larder::content_digest& digest) const noexcept {
    std::size_t first = 0;  // any bytes of a digest are a hash of it
    std::memcpy(&first, digest.bytes().data(), sizeof first);
    return first;
  }
};
