#pragma once

#include <larder/config/number_text.hpp>
#include <larder/core/decimal_text.hpp>
#include <larder/core/error.hpp>
#include <larder/core/units.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace larder {

/// An amount of memory: bytes, or a share of what is available to the process.
struct memory_amount {
  std::uint64_t bytes = 0;
  double share = 0;  ///< above 0: that share, and `bytes` do not count; below 0: what code gave, which `settings::check` refuses

  constexpr memory_amount() = default;
  template <std::integral Number>
  constexpr memory_amount(Number n)
      : bytes(n < Number{} ? 0 : static_cast<std::uint64_t>(n)), share(n < Number{} ? static_cast<double>(n) : 0) {}
  static constexpr memory_amount of_memory(double share) {
    memory_amount amount;
    amount.share = share;
    return amount;
  }

  /// Bytes, where so many are available.
  constexpr std::uint64_t in(std::uint64_t available) const noexcept {
    return share > 0 ? static_cast<std::uint64_t>(share * static_cast<double>(available)) : bytes;
  }
  friend constexpr bool operator==(const memory_amount&, const memory_amount&) = default;
};

namespace config {

/// A size in the largest unit of which it is a whole number: `4GB`, `100KiB`, `17B`.
inline std::string exact_size_text(std::uint64_t bytes) {
  constexpr std::array<std::string_view, 8> names{"TiB", "TB", "GiB", "GB", "MiB", "MB", "KiB", "kB"};
  constexpr std::array<std::uint64_t, 8> factors{1ULL << 40, 1'000'000'000'000, 1ULL << 30, 1'000'000'000,
                                                 1ULL << 20, 1'000'000,         1ULL << 10, 1'000};
  for (std::size_t i = 0; i < names.size(); ++i)
    if (bytes != 0 && bytes % factors[i] == 0) return std::to_string(bytes / factors[i]) + std::string(names[i]);
  return std::to_string(bytes) + "B";
}

/// Whether a text is a number between 0 and 1 without a unit: of bytes it would make no sense.
inline bool is_bare_fraction(std::string_view text) noexcept {
  double number = 0;
  return read_number(trimmed(text), number) && number > 0 && number < 1;
}

/// A size of `parse_size`, not zero, that is no share.
inline std::uint64_t parse_bytes(std::string_view text, std::uint64_t bare_unit, std::string_view subject) {
  if (is_bare_fraction(text) || trimmed(text).ends_with('%'))
    core::fail(error_cause::invalid_argument,
               std::string(subject) + ": \"" + std::string(text) +
                   "\" is a share, and only memory is given out in shares; write a size, for example 100GB");
  const std::uint64_t bytes = parse_size(text, bare_unit, subject);
  if (bytes == 0)
    core::fail(error_cause::invalid_argument,
               std::string(subject) + ": \"" + std::string(text) +
                   "\" is no room at all; leave the setting out, or write a size, for example 512MB");
  return bytes;
}

/// A size, or a share of memory: `0.3`, `30%`, `0.3 of memory`. A bare number from 1 on counts in `bare_unit` bytes.
inline memory_amount parse_memory_amount(std::string_view text, std::uint64_t bare_unit, std::string_view subject) {
  std::string_view rest = trimmed(text);
  constexpr std::string_view of_memory = "of memory";
  const bool says_so = rest.ends_with(of_memory);
  if (says_so) rest = trimmed(rest.substr(0, rest.size() - of_memory.size()));
  if (says_so || rest.ends_with('%') || is_bare_fraction(rest)) return memory_amount::of_memory(parse_share(rest, subject));
  return parse_bytes(text, bare_unit, subject);
}

inline std::string amount_text(const memory_amount& amount) {
  return amount.share != 0 ? core::decimal_text(amount.share) + " of memory" : exact_size_text(amount.bytes);
}

}  // namespace config
}  // namespace larder
