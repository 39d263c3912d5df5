#pragma once

#include <string_view>

namespace simulate {

class buffered_input;

enum class trace_format {
  automatic,       ///< told from the content
  text,            ///< lines of `key` or `key size`
  csv,             ///< lines of fields, one of which is the key
  oracle_general,  ///< libCacheSim's binary records
};

/// The format that the input's beginning shows; looks ahead only. Throws `larder::error` for bytes that no format has.
trace_format format_of(buffered_input& input);

/// The delimiter of a line that looks like CSV, else 0.
char delimiter_of(std::string_view line) noexcept;

}  // namespace simulate
