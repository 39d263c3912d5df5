#pragma once

// The part of a file of lines that one block needs, in memory.

#include <larder/core/bytes.hpp>
#include <larder/core/error.hpp>
#include <larder/dataset/shard_file.hpp>
#include <larder/dataset/shard_memory.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace larder::datasets {

/// How many bytes behind a block's text may be read without harm: what simdjson wants.
inline constexpr std::size_t text_padding = 64;
/// The mark that some programs put before UTF-8.
inline constexpr std::string_view utf8_mark = "\xEF\xBB\xBF";

/// The lines that begin in `[number * block_size, (number + 1) * block_size)` of a file, to the last one's end. Each line of a file begins
/// in exactly one block, so a block is read alone, without knowing of the others.
class block_text {
 public:
  /// Reads the range, one byte before it (does a line begin with it?) and as far as the last line reaches.
  /// Throws `larder::error`: (io) when the file cannot be read or has changed, (invalid_argument) when a line that begins here is longer
  /// than `longest_line`.
  block_text(shard_file file, std::uint64_t number, std::uint64_t block_size, std::uint64_t longest_line)
      : file_(std::move(file)), number_(number) {
    const std::uint64_t begin = number * block_size;
    const std::uint64_t range_end = std::min(file_.size(), begin + block_size);
    if (begin >= range_end) return;
    base_ = begin == 0 ? 0 : begin - 1;
    const auto range = static_cast<std::size_t>(range_end - base_);
    // Most lines are short: what is read ahead spares most blocks the second read, which costs a remote storage a round trip.
    grow(std::min(file_.size() - range_end, std::min(extra_read, block_size / 16)) + range);
    if (!first_line(begin, range)) return;
    std::size_t last = first_;  // where the last line that is this block's begins
    const std::size_t feed_before = std::string_view(at(first_), range - 1 - first_).rfind('\n');
    if (feed_before != std::string_view::npos) last += feed_before + 1;
    std::size_t seen = range - 1;
    for (;;) {
      const void* feed = std::memchr(at(seen), '\n', loaded_ - seen);
      if (feed != nullptr) {
        end_ = index_of(feed) + 1;
        break;
      }
      seen = loaded_;
      const std::uint64_t left = file_.size() - base_ - loaded_;
      if (left == 0) {
        end_ = loaded_;
        break;
      }
      const std::uint64_t most = longest_line + 2;  // with carriage return and line feed
      if (loaded_ - last >= most) fail_long_line(last, longest_line);
      const std::uint64_t more =
          std::max<std::uint64_t>(extra_read, loaded_ - range);  // doubled, so that growing copies each byte about once
      grow(loaded_ + std::min({more, left, most - (loaded_ - last)}));
    }
    if (begin == 0 && text().substr(0, utf8_mark.size()) == utf8_mark) first_ += utf8_mark.size();
  }

  const shard_file& file() const noexcept { return file_; }
  /// Which block of the file it is.
  std::uint64_t number() const noexcept { return number_; }
  /// All lines that are the block's, the last one's line feed included where it has one; `text_padding` readable bytes are behind it.
  std::string_view text() const noexcept { return {end_ == 0 ? nullptr : at(first_), end_ - first_}; }
  /// Where in the file a byte of `text()` is.
  std::uint64_t offset(std::size_t in_text) const noexcept { return base_ + first_ + in_text; }
  /// What an error calls a record: file, byte offset, number.
  std::string where(std::size_t in_text, std::uint64_t record) const {
    return '"' + file_.name() + "\", byte " + std::to_string(offset(in_text)) + " (record " + std::to_string(record) +
           " of block " + std::to_string(number_) + ")";
  }
  [[noreturn]] void fail_too_long(std::size_t in_text, std::uint64_t longest_line) const {
    fail_long_line(first_ + in_text, longest_line);
  }

 private:
  static constexpr std::uint64_t extra_read = std::uint64_t{64} << 10U;

  const char* at(std::size_t n) const noexcept { return memory_.text().data() + n; }
  std::size_t index_of(const void* found) const noexcept {
    return static_cast<std::size_t>(static_cast<const char*>(found) - at(0));
  }

  /// Sets where the first line of the block begins; whether there is one.
  bool first_line(std::uint64_t begin, std::size_t range) noexcept {
    if (begin == 0) return true;
    const void* feed = range > 1 ? std::memchr(at(0), '\n', range - 1) : nullptr;
    if (feed == nullptr) return false;
    first_ = index_of(feed) + 1;
    return true;
  }

  void grow(std::uint64_t size) {
    shard_memory room(static_cast<std::size_t>(size) + text_padding);
    if (loaded_ != 0) std::memcpy(room.span().data(), at(0), loaded_);
    const auto n = static_cast<std::size_t>(size);
    file_.read(base_ + loaded_, room.span().subspan(loaded_, n - loaded_));
    std::memset(room.span().data() + n, 0, text_padding);
    memory_ = std::move(room).freeze();
    loaded_ = n;
  }
  [[noreturn]] void fail_long_line(std::size_t in_memory, std::uint64_t longest_line) const {
    core::fail(error_cause::invalid_argument, '"' + file_.name() + "\", byte " + std::to_string(base_ + in_memory) +
                                                  ": the line that begins here is longer than " + std::to_string(longest_line) +
                                                  " bytes; give a larger longest_line, or look whether the file is one of lines");
  }

  shard_file file_;
  std::uint64_t number_;
  std::uint64_t base_ = 0;  // where in the file the memory begins
  bytes memory_;
  std::size_t loaded_ = 0;  // how much of it is the file's
  std::size_t first_ = 0;   // where in it the first line begins
  std::size_t end_ = 0;     // behind the last line
};

}  // namespace larder::datasets
