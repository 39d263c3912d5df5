#pragma once

// Numbers as machines read them, whatever the locale is.

#include <larder/core/decimal_text.hpp>
#include <larder/core/time.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>

namespace larder::observe {

inline std::string number_text(std::uint64_t n) { return std::to_string(n); }
/// The shortest text that is read back as the same number; `NaN`, `+Inf` and `-Inf` as Prometheus has them.
inline std::string number_text(double x) {
  if (std::isnan(x)) return "NaN";
  if (std::isinf(x)) return x > 0 ? "+Inf" : "-Inf";
  return core::decimal_text(x);
}
/// Seconds, exact to the nanosecond.
inline std::string seconds_text(duration d) {
  const bool is_negative = d.count() < 0;
  const std::uint64_t nanoseconds =
      is_negative ? std::uint64_t{0} - static_cast<std::uint64_t>(d.count()) : static_cast<std::uint64_t>(d.count());
  std::string text = (is_negative ? "-" : "") + std::to_string(nanoseconds / 1'000'000'000);
  std::string fraction = std::to_string(nanoseconds % 1'000'000'000);
  fraction.insert(0, 9 - fraction.size(), '0');
  while (!fraction.empty() && fraction.back() == '0') fraction.pop_back();
  return fraction.empty() ? text : text + "." + fraction;
}

}  // namespace larder::observe
