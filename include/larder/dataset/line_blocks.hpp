#pragma once

// Files of lines as shards of a data set, and the lines of one of them.

#include <larder/core/digest.hpp>
#include <larder/core/error.hpp>
#include <larder/dataset/block_text.hpp>
#include <larder/dataset/dataset_source.hpp>
#include <larder/dataset/shard_files.hpp>

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

/// How files of lines are read.
struct line_options {
  std::uint64_t block_size = std::uint64_t{1} << 20U;     ///< bytes of a shard, but for its last line: 1 byte to 1 GiB
  std::uint64_t longest_line = std::uint64_t{64} << 20U;  ///< bytes; opening a shard with a longer one throws
};

}  // namespace larder

namespace larder::datasets {

/// The first line of a text, without its line end (line feed, or carriage return and line feed).
inline std::string_view first_line_of(std::string_view text) noexcept {
  std::string_view line = text.substr(0, text.find('\n'));
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

/// The same with its line end.
inline std::string_view first_line_and_end_of(std::string_view text) noexcept {
  const std::size_t feed = text.find('\n');
  return feed == std::string_view::npos ? text : text.substr(0, feed + 1);
}

/// An open block: where its records begin, in its text. A record that is a line ends where the line does.
class record_starts {
 public:
  record_starts(block_text text, std::vector<std::size_t> starts) noexcept : text_(std::move(text)), starts_(std::move(starts)) {}

  std::uint64_t size() const noexcept { return starts_.size(); }
  const block_text& text() const noexcept { return text_; }
  /// What there is from a record to the end of the block. Throws `larder::error` (invalid_argument) when there is no such record.
  std::string_view from(std::uint64_t record) const { return text_.text().substr(start(record)); }
  std::string_view line(std::uint64_t record) const { return first_line_of(from(record)); }
  /// Where in the file a record begins.
  std::uint64_t offset(std::uint64_t record) const { return text_.offset(start(record)); }
  /// What an error calls a record: file, byte offset, number.
  std::string where(std::uint64_t record) const { return text_.where(start(record), record); }

 private:
  std::size_t start(std::uint64_t record) const {
    if (record >= starts_.size())
      core::fail(error_cause::invalid_argument, '"' + text_.file().name() + "\", block " + std::to_string(text_.number()) +
                                                    ": there is no record " + std::to_string(record) + ", it has " +
                                                    std::to_string(starts_.size()));
    return starts_[static_cast<std::size_t>(record)];
  }

  block_text text_;
  std::vector<std::size_t> starts_;
};

/// The lines of a block for which `keep(line, offset in the file)` says that they are records.
/// Throws `larder::error` (invalid_argument) when one of them all is longer than `longest_line`.
template <class Keep>
record_starts records_by_line(block_text block, std::uint64_t longest_line, Keep keep) {
  const std::string_view text = block.text();
  std::vector<std::size_t> starts;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t feed = std::min(text.find('\n', at), text.size());
    const std::string_view line = first_line_of(text.substr(at, feed - at));
    if (line.size() > longest_line) block.fail_too_long(at, longest_line);
    if (keep(line, block.offset(at))) starts.push_back(at);
    at = feed + 1;
  }
  starts.shrink_to_fit();
  return record_starts(std::move(block), std::move(starts));
}

/// How files are cut.
struct block_rule {
  std::uint64_t block_size;
  std::uint64_t longest_line;
  bool whole_files = false;  // whatever the block size is
};

/// Files, cut into blocks of lines: each block is a shard, those of the first file first. An empty file is one shard without records.
/// What the sources of lines have in common, but for opening. Copies share; any number of threads ask at once.
class line_blocks {
 public:
  /// What people call the files.
  std::string name() const { return shared_->files.name(); }
  std::size_t shards() const noexcept { return shared_->shards; }
  std::uint64_t shard_bytes(std::size_t n) const { return size_of_block(file_of(place(n).file)); }
  digest fingerprint(std::size_t n) const {
    const placed at = place(n);
    const shard_file& file = file_of(at.file);
    return fingerprint_builder().add(file.identity()).add(at.block).add(size_of_block(file)).add(shared_->format).finish();
  }
  /// Not known without reading, but for an empty file; also of a block that was open: the answer is always the same.
  std::optional<std::uint64_t> count(std::size_t n) const {
    if (file_of(place(n).file).size() == 0) return 0;
    return std::nullopt;
  }
  /// Lets the system begin to read a block that will be opened.
  void read_ahead(std::size_t n) const {
    const placed at = place(n);
    const std::uint64_t size = size_of_block(file_of(at.file));
    file_of(at.file).read_ahead(at.block * size, size);
  }

 protected:
  /// `who` begins messages, `format` says how records are read. Throws `larder::error` (invalid_argument) when the sizes are not between 1 byte and 1 GiB.
  line_blocks(const std::string& who, shard_files files, block_rule rule, const digest& format)
      : shared_(std::make_shared<shared>(std::move(files), rule, format)) {
    need(who, "block_size", rule.block_size);
    need(who, "longest_line", rule.longest_line);
    std::uint64_t sum = 0;
    for (const shard_file& file : shared_->files) {
      shared_->first.push_back(static_cast<std::size_t>(sum));
      const std::uint64_t blocks =
          rule.whole_files ? 1 : file.size() / rule.block_size + (file.size() % rule.block_size == 0 ? 0 : 1);
      sum += std::max<std::uint64_t>(blocks, 1);
    }
    shared_->shards = static_cast<std::size_t>(sum);
  }

  const shard_files& files() const noexcept { return shared_->files; }
  const block_rule& rule() const noexcept { return shared_->rule; }
  /// What `records(text of the block, number of its file)` makes of a block: `record_starts`.
  template <class Records>
  record_starts open_block(std::size_t n, Records records) const {
    const placed at = place(n);
    const shard_file& file = file_of(at.file);
    return records(block_text(file, at.block, size_of_block(file), shared_->rule.longest_line), at.file);
  }

 private:
  struct shared {
    shared(shard_files all, block_rule cut, const digest& reading) : files(std::move(all)), rule(cut), format(reading) {}
    shard_files files;
    block_rule rule;
    digest format;
    std::vector<std::size_t> first;  // of each file, its first shard
    std::size_t shards = 0;
  };
  struct placed {
    std::size_t file;
    std::uint64_t block;
  };

  static void need(const std::string& who, const char* option, std::uint64_t value) {
    constexpr std::uint64_t most = std::uint64_t{1} << 30U;
    if (value == 0 || value > most)
      core::fail(error_cause::invalid_argument,
                 who + ": " + option + " is " + std::to_string(value) + "; it is between 1 byte and " + std::to_string(most));
  }
  const shard_file& file_of(std::size_t n) const noexcept { return shared_->files[n]; }
  std::uint64_t size_of_block(const shard_file& file) const noexcept {
    return shared_->rule.whole_files ? std::max<std::uint64_t>(file.size(), 1) : shared_->rule.block_size;
  }
  placed place(std::size_t n) const {
    if (n >= shards())
      core::fail(error_cause::invalid_argument,
                 name() + ": there is no shard " + std::to_string(n) + ", there are " + std::to_string(shards()));
    const auto behind = std::upper_bound(shared_->first.begin(), shared_->first.end(), n);
    const auto file = static_cast<std::size_t>(behind - shared_->first.begin()) - 1;
    return {file, n - shared_->first[file]};
  }

  std::shared_ptr<shared> shared_;
};

}  // namespace larder::datasets
