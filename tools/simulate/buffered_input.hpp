#pragma once

#include "simulate/byte_source.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace simulate {

/// A trace's bytes by line or by record, with a look ahead. What is returned holds until the next call.
class buffered_input {
 public:
  static constexpr std::size_t longest_line = std::size_t{1} << 20;

  buffered_input(std::unique_ptr<byte_source> source, std::string name);

  /// What errors call it.
  const std::string& name() const noexcept { return name_; }
  /// Up to `size` bytes of what comes next; fewer at the end only.
  std::string_view peek(std::size_t size);
  /// The next line without its end (\n or \r\n), or nothing at the end. Throws `larder::error` for one over 1 MiB.
  std::optional<std::string_view> next_line();
  /// The number of the line that `next_line` returned last, from 1.
  std::uint64_t line_number() const noexcept { return line_number_; }
  /// The next `size` bytes, or as many as there are left.
  std::string_view next_record(std::size_t size);

 private:
  bool fill();  // reads more behind what is there; false at the end

  std::unique_ptr<byte_source> source_;
  std::string name_;
  std::vector<char> buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::uint64_t line_number_ = 0;
};

}  // namespace simulate
