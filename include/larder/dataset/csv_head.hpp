#pragma once

// The first record of a CSV file: its header, or what says how many columns there are.

#include <larder/core/bytes.hpp>
#include <larder/core/error.hpp>
#include <larder/dataset/block_text.hpp>
#include <larder/dataset/csv_columns.hpp>
#include <larder/dataset/line_blocks.hpp>
#include <larder/dataset/shard_file.hpp>
#include <larder/format/csv_fields.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace larder::datasets {

struct csv_head {
  std::vector<std::string> fields;
  std::uint64_t end = 0;  ///< where in the file the record ends, with its line end
};

/// More columns than any table has: a first line of nothing but delimiters is not to take 50 times its size.
inline constexpr std::size_t most_csv_columns = std::size_t{1} << 20U;

/// The first record of a file, nothing when it has none. Reads no more than it takes, in pieces from 64 KiB on. Throws `larder::error`: (io)
/// when the file cannot be read, (corruption) when the record is not CSV, (invalid_argument) when it does not end within `longest_line`
/// bytes and 64 KiB of comments.
inline std::optional<csv_head> read_csv_head(const shard_file& file, const csv_reading& reading, std::uint64_t longest_line) {
  constexpr std::uint64_t first_read = std::uint64_t{64} << 10U;
  const auto where = [&](std::size_t at) { return '"' + file.name() + "\", byte " + std::to_string(at) + " (the first record)"; };
  for (std::uint64_t room = first_read;; room *= 4) {
    const bytes read = file.read(0, std::min(room, longest_line + first_read));
    const bool is_all = read.size() == file.size();
    // Whole lines: behind a cut, a carriage return would be no line end.
    const std::string_view text = is_all ? read.text() : read.text().substr(0, read.text().rfind('\n') + 1);
    std::size_t at = text.substr(0, utf8_mark.size()) == utf8_mark ? utf8_mark.size() : 0;
    while (at < text.size()) {
      const std::string_view line = first_line_and_end_of(text.substr(at));
      if (!reading.is_record(first_line_of(line))) {
        at += line.size();
        continue;
      }
      const std::string_view record = reading.multiline ? text.substr(at) : line;
      const format::csv_fields found = format::parse_csv_record(record, reading.syntax, most_csv_columns);
      if (reading.multiline && !is_all && found.fault == format::csv_fault::open_quote) break;  // it goes on
      if (found.fault != format::csv_fault::none) fail_csv(where(at), reading, found);
      if (found.count > most_csv_columns)
        core::fail(error_cause::corruption, where(at) + ": it has " + std::to_string(found.count) + " fields, more than " +
                                                std::to_string(most_csv_columns));
      return csv_head{{found.fields.begin(), found.fields.end()}, at + found.size};
    }
    if (is_all) return std::nullopt;
    if (room >= longest_line + first_read)
      core::fail(error_cause::invalid_argument, where(at) + ": it does not end within " + std::to_string(longest_line) +
                                                    " bytes; give a larger longest_line, or look whether the file is CSV");
  }
}

}  // namespace larder::datasets
