#pragma once

// Small binary files of the store: a mark, numbers and digests, and a checksum of all that precedes. Numbers are little-endian, digests have their low
// half first.

#include <larder/core/digest.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace larder::artifacts {

inline constexpr std::size_t digest_bytes = 16;

class checked_text_writer {
 public:
  explicit checked_text_writer(std::string_view mark) : text_(mark) {}

  void reserve(std::size_t more) { text_.reserve(text_.size() + more + digest_bytes); }
  void add(std::uint64_t number) {
    for (unsigned i = 0; i < 8; ++i) text_ += static_cast<char>(number >> (8 * i) & 0xffU);
  }
  void add(const digest& d) {
    add(d.low);
    add(d.high);
  }
  /// With its checksum; once.
  std::string take() {
    add(digest_of(std::string_view(text_)));
    return std::move(text_);
  }

 private:
  std::string text_;
};

/// Reads such a text from its mark on. Whoever reads asks `left` before.
class checked_text_reader {
 public:
  /// Nothing when the text begins otherwise, or is damaged.
  static std::optional<checked_text_reader> open(std::string_view text, std::string_view mark) {
    if (text.size() < mark.size() + digest_bytes || !text.starts_with(mark)) return std::nullopt;
    checked_text_reader checksum(text.substr(text.size() - digest_bytes));
    const std::string_view body = text.substr(0, text.size() - digest_bytes);
    if (checksum.next_digest() != digest_of(body)) return std::nullopt;
    return checked_text_reader(body.substr(mark.size()));
  }

  std::size_t left() const noexcept { return text_.size(); }
  std::uint64_t next_number() noexcept {
    std::uint64_t number = 0;
    for (unsigned i = 8; i-- > 0;) number = number << 8U | static_cast<unsigned char>(text_[i]);
    text_.remove_prefix(8);
    return number;
  }
  digest next_digest() noexcept {
    const std::uint64_t low = next_number();
    return {low, next_number()};
  }

 private:
  explicit checked_text_reader(std::string_view text) : text_(text) {}

  std::string_view text_;
};

}  // namespace larder::artifacts
