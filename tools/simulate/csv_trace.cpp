#include "simulate/csv_trace.hpp"

#include "simulate/buffered_input.hpp"
#include "simulate/text_trace.hpp"
#include "simulate/trace_builder.hpp"
#include "simulate/trace_format.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace simulate {
namespace {

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

/// The fields of the current line, quotes resolved. The strings are kept from line to line, so that they are not allocated anew.
void split(const buffered_input& input, std::string_view line, char delimiter, std::vector<std::string>& fields) {
  std::size_t count = 0;
  std::size_t at = 0;
  while (true) {
    if (count == fields.size()) fields.emplace_back();
    std::string& field = fields[count++];
    field.clear();
    if (at < line.size() && line[at] == '"') {
      for (++at;; ++at) {
        if (at >= line.size()) refuse_line(input, "a quoted field is not closed; a field must end on its line");
        if (line[at] != '"')
          field += line[at];
        else if (at + 1 < line.size() && line[at + 1] == '"')
          field += line[at++];
        else
          break;
      }
      ++at;
      if (at < line.size() && line[at] != delimiter)
        refuse_line(input, "text follows a quoted field; double the quotes inside it");
    } else {
      const std::size_t end = std::min(line.find(delimiter, at), line.size());
      field = trimmed(line.substr(at, end - at));
      at = end;
    }
    if (at >= line.size()) break;
    ++at;
  }
  fields.resize(count);
}

std::string lower_letters(std::string_view name) {
  std::string result;
  for (const char c : name) {
    if (c >= 'A' && c <= 'Z')
      result += static_cast<char>(c - 'A' + 'a');
    else if (c != '_' && c != '-' && c != ' ')
      result += c;
  }
  return result;
}

/// The first of the fields, from 1, whose name is one of these; 0 when none is.
template <std::size_t N>
std::size_t column_named(const std::vector<std::string>& fields, const std::array<std::string_view, N>& names) {
  for (const std::string_view name : names)
    for (std::size_t i = 0; i < fields.size(); ++i)
      if (lower_letters(fields[i]) == name) return i + 1;
  return 0;
}

bool is_number(std::string_view field) {
  return !field.empty() && field.find_first_not_of("0123456789.+-eE") == std::string_view::npos &&
         field.find_first_of("0123456789") != std::string_view::npos;
}

// As names are written once letters are lower case and _, - and blanks are gone; the likeliest first.
constexpr std::array<std::string_view, 20> key_names{"key",   "objid",   "objectid", "cachekey", "id",     "object", "obj",
                                                     "url",   "uri",     "path",     "address",  "addr",   "lba",    "lbn",
                                                     "block", "blockid", "page",     "item",     "itemid", "hash"};
constexpr std::array<std::string_view, 13> size_names{"size",    "objsize",      "objectsize",   "bytes",     "length",
                                                      "len",     "valuesize",    "nbytes",       "sizebytes", "requestsize",
                                                      "reqsize", "responsesize", "contentlength"};

}  // namespace

void read_csv(buffered_input& input, const csv_columns& columns, trace_builder& trace) {
  std::vector<std::string> fields;
  csv_columns at = columns;
  bool first = true;
  while (!trace.full()) {
    const std::optional<std::string_view> line = input.next_line();
    if (!line) return;
    if (trimmed(*line).empty()) continue;
    if (first) {
      if (at.delimiter == 0) at.delimiter = delimiter_of(*line);
      if (at.delimiter == 0) at.delimiter = ',';
    }
    split(input, *line, at.delimiter, fields);
    if (first) {
      first = false;
      const std::size_t named_key = column_named(fields, key_names);
      const std::size_t named_size = column_named(fields, size_names);
      const bool no_number_for_size = at.size != 0 && at.size <= fields.size() && !is_number(fields[at.size - 1]);
      const bool is_header = (named_key != 0 || named_size != 0 || no_number_for_size) &&
                             std::none_of(fields.begin(), fields.end(), is_number);
      if (at.key == 0) at.key = is_header && named_key != 0 ? named_key : 1;
      if (at.size == 0 && is_header) at.size = named_size;
      if (is_header && at.key <= fields.size() && at.size <= fields.size()) continue;
    }
    if (const std::size_t needed = std::max(at.key, at.size); fields.size() < needed)
      refuse_line(input, "there are " + std::to_string(fields.size()) + " fields, and column " + std::to_string(needed) +
                             " is asked for; --csv-key, --csv-size and --csv-delimiter say where they are");
    const std::string& key = fields[at.key - 1];
    if (key.empty())
      refuse_line(input, "the key in column " + std::to_string(at.key) + " is empty; --csv-key says which column has the keys");
    trace.add(std::string_view(key), at.size == 0 ? std::nullopt : std::optional(size_in_line(input, fields[at.size - 1])));
  }
}

}  // namespace simulate
