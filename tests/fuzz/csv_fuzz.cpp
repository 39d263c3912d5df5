// Any bytes as CSV: each record is refused with the place of a quote, or has fields within the text that come back when they are quoted
// again. And as a file of a data set: refused with larder::error, or the same records in blocks of any size.

#include <larder/core/error.hpp>
#include <larder/dataset/csv.hpp>
#include <larder/format/csv_fields.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "support/file_in_memory.hpp"

namespace {

using larder::format::csv_fault;
using larder::format::csv_fields;

void check_record(std::string_view text, const larder::format::csv_syntax& syntax) {
  const csv_fields parsed = larder::format::parse_csv_record(text, syntax, 1'000);
  if (parsed.fault != csv_fault::none) {
    if (syntax.quote == '\0' || parsed.fault_at >= text.size() || text[parsed.fault_at] != syntax.quote) std::abort();
    return;
  }
  if (parsed.size > text.size() || (parsed.size == 0) != text.empty() || parsed.fields.size() != std::min<std::size_t>(parsed.count, 1'000)) std::abort();
  if (syntax.quote == '\0' || parsed.count != parsed.fields.size()) return;
  std::string again;
  for (const std::string_view field : parsed.fields) {
    if (!again.empty()) again += syntax.delimiter;
    again += syntax.quote;
    for (const char c : field) again += c == syntax.quote ? std::string(2, c) : std::string(1, c);
    again += syntax.quote;
  }
  const csv_fields back = larder::format::parse_csv_record(again, syntax, 1'000);
  if (back.fault != csv_fault::none || back.fields != parsed.fields) std::abort();
}

/// All records; nothing where one is refused.
std::optional<std::vector<std::string>> records_of(std::string_view text, larder::csv_options options) {
  std::vector<std::string> found;
  try {
    const larder::csv source(support::in_memory(std::string(text), "fuzz"), options);
    for (std::size_t n = 0; n < source.shards(); ++n) {
      const auto shard = source.open(n);
      for (std::uint64_t i = 0; i < shard->size(); ++i) {
        const larder::csv_record record = shard->record(i);
        for (std::size_t c = 0; c < record.size(); ++c) found.emplace_back(record[c]);
      }
    }
  } catch (const larder::error&) {
    return std::nullopt;
  }
  return found;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::uint8_t how = data[0];
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  check_record(text, {});
  check_record(text, {';', '\''});
  check_record(text, {',', '\0'});
  larder::csv_options options;
  options.header = (how & 1U) != 0;
  options.comment = (how & 2U) != 0 ? '#' : '\0';
  const auto whole = records_of(text, options);
  options.block_size = 1 + (how >> 2U);
  if (records_of(text, options) != whole) std::abort();
  options.multiline = true;
  const auto multiline = records_of(text, options);
  if (whole && multiline != whole) std::abort();
  return 0;
}
