#pragma once

// Plain text as a data set: each line is a record.

#include <larder/core/digest.hpp>
#include <larder/dataset/block_text.hpp>
#include <larder/dataset/dataset_source.hpp>
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

/// The lines of files, in order: each record is a `std::string_view` without line end ("\n" or "\r\n"), empty lines among them; a UTF-8
/// mark before the first line is no part of it. A line feed at the end of a file begins no further line. Shards are blocks of
/// `block_size` bytes, read one by one, so that files may be of any size. Any number of threads ask at once.
class text_lines : public datasets::line_blocks {
 public:
  class shard {
   public:
    explicit shard(datasets::record_starts lines) noexcept : lines_(std::move(lines)) {}
    std::uint64_t size() const noexcept { return lines_.size(); }
    std::string_view record(std::uint64_t number) const { return lines_.line(number); }
    /// Where in its file the line begins.
    std::uint64_t offset(std::uint64_t number) const { return lines_.offset(number); }

   private:
    datasets::record_starts lines_;
  };

  /// Throws `larder::error`: (io) when a file is not there, (invalid_argument) when an option is out of bounds.
  explicit text_lines(shard_files files, line_options options = {})
      : line_blocks("text_lines", std::move(files), {options.block_size, options.longest_line}, digest_of("text_lines 1")) {}

  std::shared_ptr<const shard> open(std::size_t n) const {
    return std::make_shared<const shard>(open_block(n, [this](datasets::block_text text, std::size_t) {
      return datasets::records_by_line(std::move(text), rule().longest_line,
                                       [](std::string_view, std::uint64_t) { return true; });
    }));
  }
};

static_assert(dataset_source<text_lines>);

}  // namespace larder
