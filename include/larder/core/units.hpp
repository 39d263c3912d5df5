#pragma once

#include <larder/core/error.hpp>
#include <larder/core/time.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

namespace larder {

namespace core {

constexpr std::uint64_t scaled(unsigned long long count, std::uint64_t unit) {
  if (count > std::numeric_limits<std::uint64_t>::max() / unit)
    throw error(error_cause::invalid_argument, "a size literal is larger than 2^64 bytes");
  return count * unit;
}

}  // namespace core

/// Sizes in bytes: kB, MB, GB, TB are powers of 1000; KiB, MiB, GiB, TiB of 1024. Brings `std::chrono_literals` too.
namespace literals {

using namespace std::chrono_literals;

constexpr std::uint64_t operator""_B(unsigned long long n) { return n; }
constexpr std::uint64_t operator""_kB(unsigned long long n) { return core::scaled(n, 1'000ULL); }
constexpr std::uint64_t operator""_MB(unsigned long long n) { return core::scaled(n, 1'000'000ULL); }
constexpr std::uint64_t operator""_GB(unsigned long long n) { return core::scaled(n, 1'000'000'000ULL); }
constexpr std::uint64_t operator""_TB(unsigned long long n) { return core::scaled(n, 1'000'000'000'000ULL); }
constexpr std::uint64_t operator""_KiB(unsigned long long n) { return core::scaled(n, 1ULL << 10); }
constexpr std::uint64_t operator""_MiB(unsigned long long n) { return core::scaled(n, 1ULL << 20); }
constexpr std::uint64_t operator""_GiB(unsigned long long n) { return core::scaled(n, 1ULL << 30); }
constexpr std::uint64_t operator""_TiB(unsigned long long n) { return core::scaled(n, 1ULL << 40); }

}  // namespace literals

namespace core {

struct size_unit {
  std::string_view name;  // lower case
  std::uint64_t factor;
};

inline constexpr std::array<size_unit, 14> size_units{{{"", 0},
                                                       {"b", 1},
                                                       {"k", 1'000ULL},
                                                       {"kb", 1'000ULL},
                                                       {"kib", 1ULL << 10},
                                                       {"m", 1'000'000ULL},
                                                       {"mb", 1'000'000ULL},
                                                       {"mib", 1ULL << 20},
                                                       {"g", 1'000'000'000ULL},
                                                       {"gb", 1'000'000'000ULL},
                                                       {"gib", 1ULL << 30},
                                                       {"t", 1'000'000'000'000ULL},
                                                       {"tb", 1'000'000'000'000ULL},
                                                       {"tib", 1ULL << 40}}};

}  // namespace core

/// The number of bytes that a text like `4GB`, `4 gb`, `512MB`, `100KiB` or `1.5 GiB` says; upper and lower case are the same.
/// A bare number counts in `bare_unit` bytes. `subject` (a variable, a key) is named in the `larder::error` for anything else.
inline std::uint64_t parse_size(std::string_view text, std::uint64_t bare_unit = 1, std::string_view subject = "size") {
  const auto refuse = [&](std::string_view why) {
    std::string message = std::string(subject) + ": \"" + std::string(text) + "\" " + std::string(why) +
                          "; write a number and a unit, for example 512MB, 4GiB or 100KiB";
    for (char& c : message)
      if (static_cast<unsigned char>(c) < ' ' || c == '\x7f') c = '?';  // it may come from a file, and go to a terminal
    core::fail(error_cause::invalid_argument, message);
  };
  const auto is_space = [](char c) { return c == ' ' || c == '\t'; };
  std::string_view rest = text;
  while (!rest.empty() && is_space(rest.front())) rest.remove_prefix(1);
  while (!rest.empty() && is_space(rest.back())) rest.remove_suffix(1);
  std::size_t digits = 0;
  while (digits < rest.size() && ((rest[digits] >= '0' && rest[digits] <= '9') || rest[digits] == '.')) ++digits;
  if (digits == 0) refuse(rest.starts_with('-') ? "is negative" : "is not a size");
  const std::string_view number = rest.substr(0, digits);
  std::string_view unit = rest.substr(digits);
  while (!unit.empty() && is_space(unit.front())) unit.remove_prefix(1);

  std::string lower(unit);
  for (char& c : lower)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  std::uint64_t factor = 0;
  bool known = false;
  for (const core::size_unit& candidate : core::size_units)
    if (candidate.name == lower) {
      factor = candidate.name.empty() ? bare_unit : candidate.factor;
      known = true;
    }
  if (!known) refuse("has the unknown unit \"" + std::string(unit) + "\"");

  const std::size_t point = number.find('.');
  if (point == std::string_view::npos) {
    constexpr auto largest = std::numeric_limits<std::uint64_t>::max();
    std::uint64_t count = 0;
    for (const char c : number) {
      const auto digit = static_cast<std::uint64_t>(c - '0');
      if (count > (largest - digit) / 10) refuse("is larger than 2^64 bytes");
      count = count * 10 + digit;
    }
    if (factor != 0 && count > largest / factor) refuse("is larger than 2^64 bytes");
    return count * factor;
  }
  if (number.size() == 1 || number.find('.', point + 1) != std::string_view::npos) refuse("is not a number");
  double value = 0;
  double unit_of_digit = 1;
  for (const char c : number) {
    if (c == '.') continue;
    value = value * 10 + (c - '0');
  }
  for (std::size_t i = point + 1; i < number.size(); ++i) unit_of_digit *= 10;
  const double product = value / unit_of_digit * static_cast<double>(factor);
  if (!(product < 18446744073709551616.0)) refuse("is larger than 2^64 bytes");
  return static_cast<std::uint64_t>(product);
}

/// The size as people read it: `0 B`, `512 B`, `1.5 KiB`, `4 GiB`; at most one decimal, powers of 1024.
inline std::string format_size(std::uint64_t size) {
  constexpr std::array<std::string_view, 7> names{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  std::size_t unit = 0;
  double value = static_cast<double>(size);
  while (value >= 1024.0 && unit + 1 < names.size()) {
    value /= 1024.0;
    ++unit;
  }
  auto tenths = static_cast<std::uint64_t>(value * 10.0 + 0.5);
  if (tenths >= 10240 && unit + 1 < names.size()) {
    tenths = 10;
    ++unit;
  }
  std::string text = std::to_string(tenths / 10);
  if (tenths % 10 != 0) text += "." + std::to_string(tenths % 10);
  return text + " " + std::string(names[unit]);
}

}  // namespace larder
