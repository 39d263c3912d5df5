#pragma once

// Files with a JSON document on each line (JSON Lines, NDJSON) as a data set.

#include <larder/core/digest.hpp>
#include <larder/dataset/block_text.hpp>
#include <larder/dataset/dataset_source.hpp>
#include <larder/dataset/json_line.hpp>
#include <larder/dataset/line_blocks.hpp>
#include <larder/dataset/shard_files.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace larder {

/// The lines of files as JSON documents, in order: each record is a `json_line`. Lines of nothing but blanks are no records; a UTF-8 mark
/// before the first line is passed over. Shards are blocks of `block_size` bytes, read one by one, so that files may be of any size.
/// A line is parsed when its record is asked for: one that is not JSON throws there and spares the others. Any number of threads ask at
/// once.
class json_lines : public datasets::line_blocks {
 public:
  class shard {
   public:
    shard(datasets::record_starts lines, std::shared_ptr<datasets::json_parsers> parsers) noexcept
        : lines_(std::move(lines)), parsers_(std::move(parsers)) {}
    std::uint64_t size() const noexcept { return lines_.size(); }
    /// Throws `larder::error` (corruption), with file, byte offset and number, when the line is not JSON.
    json_line record(std::uint64_t number) const { return json_line(lines_, number, *parsers_); }

   private:
    datasets::record_starts lines_;
    std::shared_ptr<datasets::json_parsers> parsers_;
  };

  /// Throws `larder::error`: (io) when a file is not there, (invalid_argument) when an option is out of bounds.
  explicit json_lines(shard_files files, line_options options = {})
      : line_blocks("json_lines", std::move(files), {options.block_size, options.longest_line}, digest_of("json_lines 1")),
        parsers_(std::make_shared<datasets::json_parsers>()) {}

  std::shared_ptr<const shard> open(std::size_t n) const {
    const auto is_record = [](std::string_view line, std::uint64_t) {
      return line.find_first_not_of(" \t\r") != std::string_view::npos;
    };
    return std::make_shared<const shard>(
        open_block(n, [&](datasets::block_text text,
                          std::size_t) { return records_by_line(std::move(text), rule().longest_line, is_record); }),
        parsers_);
  }

 private:
  std::shared_ptr<datasets::json_parsers> parsers_;
};

static_assert(dataset_source<json_lines>);

}  // namespace larder
