#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace larder::storage {

namespace detail {

/// Whether so many bytes are the same; of 16 to 32, where most keys are, without a call.
[[gnu::always_inline]] inline bool same_bytes(const char* a, const char* b, std::size_t n) noexcept {
  if (n < 16 || n > 32) return n == 0 || std::memcmp(a, b, n) == 0;
  std::array<std::uint64_t, 4> x;
  std::array<std::uint64_t, 4> y;
  std::memcpy(x.data(), a, 16);
  std::memcpy(x.data() + 2, a + n - 16, 16);
  std::memcpy(y.data(), b, 16);
  std::memcpy(y.data() + 2, b + n - 16, 16);
  return ((x[0] ^ y[0]) | (x[1] ^ y[1]) | (x[2] ^ y[2]) | (x[3] ^ y[3])) == 0;
}

}  // namespace detail

/// The text of a key in an entry: in `Room` bytes, the last of which says how long it is, or elsewhere when it is longer. A
/// `std::string` keeps 15 characters in its 32 bytes, so a look-up of a longer key waits for one line of memory more.
template <std::size_t Room>
class inline_text {
 public:
  /// The longest text that is kept in place.
  static constexpr std::size_t longest = Room - 1;
  static_assert(Room >= 24 && Room % 8 == 0 && longest < 0xff);

  explicit inline_text(std::string_view whole) {
    if (whole.size() <= longest) {
      if (!whole.empty()) std::memcpy(bytes_.data(), whole.data(), whole.size());
      bytes_[longest] = static_cast<char>(whole.size());
    } else {
      const remote there{new char[whole.size()], whole.size()};
      std::memcpy(there.begin, whole.data(), whole.size());
      std::memcpy(bytes_.data(), &there, sizeof there);
      bytes_[longest] = elsewhere;
    }
  }
  inline_text(inline_text&& other) noexcept : bytes_(other.bytes_) { other.bytes_[longest] = 0; }
  inline_text& operator=(inline_text&&) = delete;
  ~inline_text() {
    if (is_elsewhere()) delete[] far().begin;
  }

  std::string_view view() const noexcept {
    if (is_elsewhere()) return {far().begin, far().size};
    return {bytes_.data(), static_cast<unsigned char>(bytes_[longest])};
  }
  explicit operator std::string() const { return std::string(view()); }

  [[gnu::always_inline]] friend bool operator==(const inline_text& kept, std::string_view asked) noexcept {
    if (asked.size() > longest) [[unlikely]] return kept.view() == asked;
    return static_cast<unsigned char>(kept.bytes_[longest]) == asked.size() && detail::same_bytes(kept.bytes_.data(), asked.data(), asked.size());
  }

 private:
  static constexpr char elsewhere = static_cast<char>(0xff);
  struct remote {
    char* begin;
    std::size_t size;
  };
  bool is_elsewhere() const noexcept { return bytes_[longest] == elsewhere; }
  remote far() const noexcept {
    remote there;
    std::memcpy(&there, bytes_.data(), sizeof there);
    return there;
  }

  alignas(8) std::array<char, Room> bytes_{};
};

}  // namespace larder::storage
