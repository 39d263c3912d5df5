#pragma once

#include <larder/artifact/content_digest.hpp>
#include <larder/core/error.hpp>
#include <larder/format/tensor_name.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace larder {

/// The digest that a provider gives for a file, if it does: a `content_digest`, or its text ("sha256:...", or the digits alone). An empty text is none.
class expected_digest {
 public:
  expected_digest() = default;
  expected_digest(std::nullopt_t) noexcept {}
  expected_digest(const content_digest& digest) noexcept : digest_(digest) {}
  expected_digest(const std::optional<content_digest>& digest) noexcept : digest_(digest) {}
  /// Throws `larder::error` (invalid_argument) when the text is none.
  expected_digest(std::string_view text) {
    if (text.empty()) return;
    digest_ = content_digest::parse(text);
    if (!digest_)
      core::fail(error_cause::invalid_argument,
                 format::printable_name(text) +
                     " is no digest; write sha256:, md5: or xxh3: and its hexadecimal digits, or 64 or 32 digits alone");
  }
  expected_digest(const std::string& text) : expected_digest(std::string_view(text)) {}
  expected_digest(const char* text) : expected_digest(std::string_view(text)) {}

  bool has_value() const noexcept { return digest_.has_value(); }
  explicit operator bool() const noexcept { return has_value(); }
  const content_digest& operator*() const noexcept { return *digest_; }
  const content_digest* operator->() const noexcept { return &*digest_; }
  const std::optional<content_digest>& optional() const noexcept { return digest_; }

  friend bool operator==(const expected_digest&, const expected_digest&) noexcept = default;

 private:
  std::optional<content_digest> digest_;
};

}  // namespace larder
