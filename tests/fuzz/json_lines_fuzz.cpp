// Any bytes as a file of JSON lines: each line is refused with larder::error or is what simdjson makes of it alone, in blocks of any size.

#include <larder/core/error.hpp>
#include <larder/dataset/json_lines.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include <simdjson.h>

#include "support/file_in_memory.hpp"

namespace {

std::vector<std::string> documents_by_block(std::string_view text, std::uint64_t block_size) {
  std::vector<std::string> found;
  const larder::json_lines source(support::in_memory(std::string(text), "fuzz"), {.block_size = block_size});
  for (std::size_t n = 0; n < source.shards(); ++n) {
    const auto shard = source.open(n);
    for (std::uint64_t i = 0; i < shard->size(); ++i) {
      try {
        const larder::json_line line = shard->record(i);
        found.push_back(simdjson::minify(line.root()));
        static_cast<void>(larder::format::find_json_field(line.root(), line.text()));
        static_cast<void>(line.find<std::int32_t>("a.0.b"));
      } catch (const larder::error&) {
        found.emplace_back("bad");
      }
    }
  }
  return found;
}

std::vector<std::string> documents_by_line(std::string_view text) {
  std::vector<std::string> found;
  if (text.substr(0, 3) == "\xEF\xBB\xBF") text.remove_prefix(3);
  while (!text.empty()) {
    const std::size_t feed = text.find('\n');
    std::string_view line = text.substr(0, feed);
    text.remove_prefix(feed == std::string_view::npos ? text.size() : feed + 1);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    simdjson::dom::parser parser;
    simdjson::dom::element root;
    bool good = parser.parse(simdjson::padded_string(line)).get(root) == simdjson::SUCCESS;
    std::string document = good ? simdjson::minify(root) : "bad";
    simdjson::dom::element field;
    if (good && larder::format::find_json_field(root, "a.0.b")) {  // asked for as a number above
      field = *larder::format::find_json_field(root, "a.0.b");
      good = field.is_null() || larder::format::json_value_as<std::int32_t>(field).has_value();
      if (!good) {
        found.push_back(document);
        document = "bad";
      }
    }
    found.push_back(document);
  }
  return found;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::vector<std::string> expected = documents_by_line(text);
  if (documents_by_block(text, std::uint64_t{1} << 20U) != expected || documents_by_block(text, 1U + data[0]) != expected) std::abort();
  return 0;
}
