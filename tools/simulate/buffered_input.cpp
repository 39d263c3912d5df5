#include "simulate/buffered_input.hpp"

#include <larder/core/error.hpp>

#include <algorithm>
#include <cstring>
#include <utility>

namespace simulate {

buffered_input::buffered_input(std::unique_ptr<byte_source> source, std::string name)
    : source_(std::move(source)), name_(std::move(name)), buffer_(std::size_t{1} << 17) {}

std::string_view buffered_input::peek(std::size_t size) {
  while (end_ - begin_ < size && fill()) {
  }
  return {buffer_.data() + begin_, std::min(size, end_ - begin_)};
}

std::optional<std::string_view> buffered_input::next_line() {
  std::size_t seen = 0;
  while (true) {
    const char* from = buffer_.data() + begin_;
    const auto* line_end = static_cast<const char*>(std::memchr(from + seen, '\n', end_ - begin_ - seen));
    const std::size_t length = line_end != nullptr ? static_cast<std::size_t>(line_end - from) : end_ - begin_;
    if (length > longest_line)
      throw larder::error(larder::error_cause::invalid_argument,
                          "trace \"" + name_ + "\", line " + std::to_string(line_number_ + 1) +
                              ": it is longer than 1 MiB; is this a text trace? --format says which format it is");
    if (line_end == nullptr) {
      seen = length;
      if (fill()) continue;
      if (length == 0) return std::nullopt;
    }
    begin_ += length + (line_end != nullptr ? 1 : 0);
    ++line_number_;
    std::string_view line(buffer_.data() + begin_ - length - (line_end != nullptr ? 1 : 0), length);
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
  }
}

std::string_view buffered_input::next_record(std::size_t size) {
  const std::string_view record = peek(size);
  begin_ += record.size();
  return record;
}

bool buffered_input::fill() {
  if (begin_ != 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (end_ == buffer_.size()) buffer_.resize(buffer_.size() * 2);
  const std::size_t got = source_->read(buffer_.data() + end_, buffer_.size() - end_);
  end_ += got;
  return got != 0;
}

}  // namespace simulate
