#pragma once

#include <cstddef>

namespace simulate {

class buffered_input;
class trace_builder;

/// Where a CSV trace has what; columns count from 1.
struct csv_columns {
  std::size_t key = 0;   ///< 0: by the header's name (key, id, obj_id, ...), else the first
  std::size_t size = 0;  ///< 0: by the header's name (size, bytes, obj_size, ...), else none
  char delimiter = 0;    ///< 0: the one of , ; | and tab that the first line has most
};

/// Reads CSV (RFC 4180, a field on one line) with or without a header. Throws `larder::error` for a line that lacks a column or
/// whose size is no number.
void read_csv(buffered_input& input, const csv_columns& columns, trace_builder& trace);

}  // namespace simulate
