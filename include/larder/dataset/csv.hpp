#pragma once

// CSV files (RFC 4180) as a data set.

#include <larder/core/digest.hpp>
#include <larder/core/error.hpp>
#include <larder/dataset/block_text.hpp>
#include <larder/dataset/csv_columns.hpp>
#include <larder/dataset/csv_head.hpp>
#include <larder/dataset/csv_record.hpp>
#include <larder/dataset/dataset_source.hpp>
#include <larder/dataset/line_blocks.hpp>
#include <larder/dataset/shard_files.hpp>
#include <larder/format/csv_fields.hpp>
#include <larder/format/tensor_name.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace larder {

struct csv_options {
  char delimiter = ',';
  char quote = '"';                       ///< '\0': quotes are letters like others
  bool header = true;                     ///< the first record of each file is no sample, but names the columns
  std::vector<std::string> columns = {};  ///< their names; with `header`, what the header has to say
  char comment = '\0';                    ///< lines that begin with it are passed over; '\0': there are none
  bool multiline = false;                 ///< quoted fields may have line feeds; a file is then one shard, read in whole
  std::uint64_t block_size = std::uint64_t{1} << 20U;  ///< bytes of a shard, but for its last line: 1 byte to 1 GiB
  std::uint64_t longest_line = std::uint64_t{64}
                               << 20U;  ///< bytes (`multiline`: of a record); opening a shard with a longer one throws
};

/// The records of CSV files, in order: each is a `csv_record` of as many fields as there are columns. Empty lines and comments are no
/// records, a UTF-8 mark before the first line is passed over. Where names of columns differ between files the data set is refused.
///
/// A line feed within quotes cannot be told from the end of a record without reading the file from its start. So records are lines, and shards
/// are blocks of `block_size` bytes, unless `multiline` says otherwise: then a shard is a file, held in memory while it is open.
///
/// A record is parsed when it is asked for: one that is not CSV, or has too few or too many fields, throws there and spares the others. (With
/// `multiline` one that is not CSV spoils its file.) Any number of threads ask at once.
class csv : public datasets::line_blocks {
 public:
  class shard {
   public:
    shard(datasets::record_starts records, std::shared_ptr<const datasets::csv_reading> reading) noexcept
        : records_(std::move(records)), reading_(std::move(reading)) {}
    std::uint64_t size() const noexcept { return records_.size(); }
    /// Throws `larder::error` (corruption), with file, byte offset and number, when it is not as the others are.
    csv_record record(std::uint64_t number) const { return csv_record(records_, number, *reading_); }

   private:
    datasets::record_starts records_;
    std::shared_ptr<const datasets::csv_reading> reading_;
  };

  /// Reads the beginning of each file. Throws `larder::error`: (io) when a file cannot be read, (invalid_argument) when options do not go
  /// together, (corruption) when a file has no header, or another one than the first.
  explicit csv(shard_files given, const csv_options& options = {})
      : line_blocks("csv", std::move(given), {options.block_size, options.longest_line, options.multiline}, format_of(options)) {
    check(options);
    datasets::csv_reading reading{{options.delimiter, options.quote}, options.comment, options.multiline, {}};
    ends_of_headers_.assign(files().size(), 0);
    if (options.header)
      reading.columns = datasets::csv_columns(read_headers(reading, options.columns));
    else if (!options.columns.empty())
      reading.columns = datasets::csv_columns(options.columns);
    else
      reading.columns = datasets::csv_columns(first_record(reading));
    reading_ = std::make_shared<const datasets::csv_reading>(std::move(reading));
  }

  /// The columns' names; empty where they have none.
  const std::vector<std::string>& columns() const noexcept { return reading_->columns.names(); }

  std::shared_ptr<const shard> open(std::size_t n) const {
    return std::make_shared<const shard>(open_block(n,
                                                    [this](datasets::block_text text, std::size_t file) {
                                                      if (reading_->multiline)
                                                        return whole_records(std::move(text), ends_of_headers_[file]);
                                                      const auto is_sample = [&](std::string_view line, std::uint64_t offset) {
                                                        return offset >= ends_of_headers_[file] && reading_->is_record(line);
                                                      };
                                                      return datasets::records_by_line(std::move(text), rule().longest_line,
                                                                                       is_sample);
                                                    }),
                                         reading_);
  }

 private:
  static void check(const csv_options& options) {
    const auto refuse = [](const std::string& why) { core::fail(error_cause::invalid_argument, "csv: " + why); };
    const auto is_line_end = [](char c) { return c == '\n' || c == '\r'; };
    if (options.delimiter == '\0' || is_line_end(options.delimiter) || is_line_end(options.quote) || is_line_end(options.comment))
      refuse("neither delimiter nor quote nor comment can be a line end, and the delimiter cannot be '\\0'");
    if (options.delimiter == options.quote || options.delimiter == options.comment ||
        (options.quote != '\0' && options.quote == options.comment))
      refuse("delimiter, quote and comment have to be three different characters");
    if (options.multiline && options.quote == '\0')
      refuse("multiline is about quoted fields, but the option quote says that there are none");
  }
  static digest format_of(const csv_options& options) {
    datasets::fingerprint_builder format;
    format.add("csv 1");
    for (const char c : {options.delimiter, options.quote, options.comment}) format.add(static_cast<unsigned char>(c));
    format.add(std::uint64_t{options.header}).add(std::uint64_t{options.multiline}).add(options.columns.size());
    for (const std::string& column : options.columns) format.add(std::string_view(column));
    return format.finish();
  }

  /// What all headers say.
  std::vector<std::string> read_headers(const datasets::csv_reading& reading, const std::vector<std::string>& wanted) {
    std::vector<std::string> expected = wanted;
    std::string by = "the option columns";
    for (std::size_t f = 0; f < files().size(); ++f) {
      const shard_file& file = files()[f];
      std::optional<datasets::csv_head> head = read_csv_head(file, reading, rule().longest_line);
      if (!head)
        core::fail(error_cause::corruption, '"' + file.name() +
                                                "\" has no header, for it has no records; leave the file out, or set the option "
                                                "header to false if no file has one");
      ends_of_headers_[f] = head->end;
      if (expected.empty()) {
        expected = std::move(head->fields);
        by = '"' + file.name() + '"';
      } else if (head->fields != expected) {
        fail_header(file.name(), head->fields, by, expected);
      }
    }
    return expected;
  }
  [[noreturn]] static void fail_header(const std::string& file, const std::vector<std::string>& is, const std::string& by,
                                       const std::vector<std::string>& expected) {
    const auto differing = std::mismatch(is.begin(), is.end(), expected.begin(), expected.end());
    const std::string what = '"' + file + "\": its header does not agree with " + by + ": ";
    if (differing.first == is.end() || differing.second == expected.end())
      core::fail(error_cause::corruption,
                 what + "it has " + std::to_string(is.size()) + " columns, not " + std::to_string(expected.size()));
    core::fail(error_cause::corruption, what + "column " + std::to_string(differing.first - is.begin()) + " is " +
                                            format::printable_name(*differing.first) + ", not " +
                                            format::printable_name(*differing.second));
  }
  /// How many fields the first record of all has.
  std::size_t first_record(const datasets::csv_reading& reading) const {
    for (const shard_file& file : files())
      if (const std::optional<datasets::csv_head> head = read_csv_head(file, reading, rule().longest_line))
        return head->fields.size();
    return 0;
  }

  /// The records of a file whose fields have line feeds.
  datasets::record_starts whole_records(datasets::block_text block, std::uint64_t begin) const {
    const std::string_view text = block.text();
    std::vector<std::size_t> starts;
    for (std::size_t at = 0; at < text.size();) {
      const std::string_view line = datasets::first_line_and_end_of(text.substr(at));
      if (!reading_->is_record(datasets::first_line_of(line))) {
        at += line.size();
        continue;
      }
      const format::csv_fields found = format::parse_csv_record(text.substr(at), reading_->syntax, 0);
      if (found.fault != format::csv_fault::none) datasets::fail_csv(block.where(at, starts.size()), *reading_, found);
      if (found.size > rule().longest_line) block.fail_too_long(at, rule().longest_line);
      if (block.offset(at) >= begin) starts.push_back(at);
      at += found.size;
    }
    return datasets::record_starts(std::move(block), std::move(starts));
  }

  std::vector<std::uint64_t> ends_of_headers_;  // of each file; 0 where it has none
  std::shared_ptr<const datasets::csv_reading> reading_;
};

static_assert(dataset_source<csv>);

}  // namespace larder
