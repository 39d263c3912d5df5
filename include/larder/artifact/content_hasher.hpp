#pragma once

#include <larder/artifact/content_digest.hpp>
#include <larder/core/digest.hpp>
#include <larder/remote/message_digest.hpp>

#include <array>
#include <cstddef>
#include <span>
#include <string_view>
#include <utility>
#include <variant>

namespace larder {

namespace artifacts {

/// The digest of content that comes in pieces; `take` once, at the end.
class content_hasher {
 public:
  /// Throws `larder::error` where OpenSSL refuses the algorithm (a FIPS provider refuses MD5).
  explicit content_hasher(digest_algorithm algorithm) : algorithm_(algorithm), running_(start(algorithm)) {}

  digest_algorithm algorithm() const noexcept { return algorithm_; }

  void add(std::span<const std::byte> piece) {
    std::visit([&](auto& running) { add_to(running, piece); }, running_);
  }
  void add(std::string_view piece) { add(std::as_bytes(std::span(piece))); }

  content_digest take() {
    return std::visit([&](auto& running) { return content_digest(algorithm_, result_of(running)); }, running_);
  }

 private:
  using sha256 = remote::message_digest<remote::sha256_digest>;
  using md5 = remote::message_digest<remote::md5_digest>;
  using any = std::variant<sha256, md5, digest_stream>;

  static any start(digest_algorithm algorithm) {
    if (algorithm == digest_algorithm::sha256) return any(std::in_place_type<sha256>);
    if (algorithm == digest_algorithm::md5) return any(std::in_place_type<md5>);
    return any(std::in_place_type<digest_stream>);
  }

  template <class Digest>
  static void add_to(remote::message_digest<Digest>& running, std::span<const std::byte> piece) {
    running.add(piece);
  }
  static void add_to(digest_stream& running, std::span<const std::byte> piece) noexcept { running.update(piece); }

  template <class Digest>
  static Digest result_of(remote::message_digest<Digest>& running) {
    return running.take();
  }
  /// In XXH3's canonical order, most significant byte first: as `digest::hex` prints it.
  static std::array<std::byte, 16> result_of(const digest_stream& running) noexcept {
    const digest found = running.finish();
    std::array<std::byte, 16> bytes{};
    for (std::size_t i = 0; i < 8; ++i) {
      bytes[i] = static_cast<std::byte>((found.high >> (56 - 8 * i)) & 0xFFU);
      bytes[8 + i] = static_cast<std::byte>((found.low >> (56 - 8 * i)) & 0xFFU);
    }
    return bytes;
  }

  digest_algorithm algorithm_;
  any running_;
};

}  // namespace artifacts

/// The digest of content that lies in memory.
inline content_digest digest_of(std::span<const std::byte> content, digest_algorithm algorithm) {
  artifacts::content_hasher hasher(algorithm);
  hasher.add(content);
  return hasher.take();
}
inline content_digest digest_of(std::string_view content, digest_algorithm algorithm) {
  return digest_of(std::as_bytes(std::span(content)), algorithm);
}

}  // namespace larder
