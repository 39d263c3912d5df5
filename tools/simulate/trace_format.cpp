#include "simulate/trace_format.hpp"

#include "simulate/buffered_input.hpp"
#include "simulate/oracle_general.hpp"

#include <larder/core/error.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>

namespace simulate {
namespace {

bool is_text(std::string_view bytes) {
  return std::none_of(bytes.begin(), bytes.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && c != '\t' && c != '\n' && c != '\r') || byte == 0x7f;
  });
}

}  // namespace

char delimiter_of(std::string_view line) noexcept {
  struct candidate {
    char character;
    std::ptrdiff_t at_least;
  };
  // A single tab is what separates a key from its size in plain text too.
  constexpr std::array<candidate, 4> candidates{{{',', 1}, {';', 1}, {'|', 1}, {'\t', 2}}};
  char best = 0;
  std::ptrdiff_t most = 0;
  for (const candidate& c : candidates) {
    const std::ptrdiff_t found = std::count(line.begin(), line.end(), c.character);
    if (found >= c.at_least && found > most) {
      best = c.character;
      most = found;
    }
  }
  return best;
}

trace_format format_of(buffered_input& input) {
  constexpr std::size_t enough = std::size_t{1} << 14;
  std::string_view beginning = input.peek(enough);
  if (!is_text(beginning)) {
    if (looks_like_oracle_general(beginning)) return trace_format::oracle_general;
    throw larder::error(
        larder::error_cause::invalid_argument,
        "trace \"" + input.name() +
            "\" is binary and does not look like oracleGeneral records; unpack or convert it, or name its format with --format");
  }
  while (beginning.starts_with('\n') || beginning.starts_with('\r')) beginning.remove_prefix(1);
  const std::string_view first = beginning.substr(0, beginning.find('\n'));
  return delimiter_of(first) != 0 ? trace_format::csv : trace_format::text;
}

}  // namespace simulate
