#include "simulate/text_trace.hpp"

#include "simulate/buffered_input.hpp"
#include "simulate/trace_builder.hpp"

#include <larder/core/error.hpp>

#include <charconv>
#include <cstddef>
#include <optional>
#include <string>
#include <system_error>

namespace simulate {
namespace {

/// Cuts the first word off the text.
std::string_view next_word(std::string_view& text) {
  constexpr std::string_view blanks = " \t";
  const std::size_t begin = text.find_first_not_of(blanks);
  if (begin == std::string_view::npos) return text = {};
  const std::size_t end = text.find_first_of(blanks, begin);
  const std::string_view word = text.substr(begin, end == std::string_view::npos ? end : end - begin);
  text.remove_prefix(begin + word.size());
  return word;
}

}  // namespace

void refuse_line(const buffered_input& input, std::string_view why) {
  throw larder::error(larder::error_cause::invalid_argument,
                      "trace \"" + input.name() + "\", line " + std::to_string(input.line_number()) + ": " + std::string(why));
}

std::uint64_t size_in_line(const buffered_input& input, std::string_view field) {
  std::uint64_t size = 0;
  const auto [end, code] = std::from_chars(field.data(), field.data() + field.size(), size);
  if (code != std::errc() || end != field.data() + field.size())
    refuse_line(
        input, "the size \"" + std::string(field.substr(0, 40)) + "\" is not a number of bytes; write digits only, such as 4096");
  return size;
}

void read_text(buffered_input& input, trace_builder& trace) {
  while (!trace.full()) {
    const std::optional<std::string_view> line = input.next_line();
    if (!line) return;
    std::string_view rest = *line;
    const std::string_view key = next_word(rest);
    if (key.empty()) continue;
    const std::string_view size = next_word(rest);
    if (!next_word(rest).empty())
      refuse_line(input,
                  "there are more fields than key and size; for other columns use --format csv --csv-delimiter and --csv-key");
    if (key.find('\0') != std::string_view::npos)
      refuse_line(input, "there is a zero byte in the key; is this a text trace? --format says which it is");
    if (!trace.empty() && trace.has_sizes() == size.empty())
      refuse_line(input, size.empty() ? "there is no size, but earlier lines have one; give each line a size, or none"
                                      : "there is a size, but earlier lines have none; give each line a size, or none");
    trace.add(key, size.empty() ? std::nullopt : std::optional(size_in_line(input, size)));
  }
}

}  // namespace simulate
