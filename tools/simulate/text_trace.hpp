#pragma once

#include <cstdint>
#include <string_view>

namespace simulate {

class buffered_input;
class trace_builder;

/// Reads lines of `key` or `key size`, separated by blanks; empty lines are passed over. Throws `larder::error` for a line that is
/// neither, and when some lines have sizes and others have not.
void read_text(buffered_input& input, trace_builder& trace);

/// The size that a field of the current line says, in bytes. Throws `larder::error` naming the line when it is not a number.
std::uint64_t size_in_line(const buffered_input& input, std::string_view field);

/// Throws `larder::error` with the trace's name and current line, and what to do.
[[noreturn]] void refuse_line(const buffered_input& input, std::string_view why);

}  // namespace simulate
