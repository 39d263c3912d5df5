#pragma once

#include "disk/entry_reader.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dataset {

/// A value as callers of a cache get it, or why there is none.
struct read_value {
  std::optional<std::vector<std::byte>> content;
  std::string why;          ///< `has a payload that does not match its checksum`; empty when there is a content
  bool is_missing = false;  ///< there is no record of it at all

  std::string_view text() const noexcept { return {reinterpret_cast<const char*>(content->data()), content->size()}; }
};

/// Reads values and compares them with all checksums that they have; nothing is written, mapped or locked. Fastest in the order in which they
/// lie.
class value_reader {
 public:
  explicit value_reader(const disk::segment_inspection& of) : of_(&of), records_(of) {}

  /// Throws `larder::error` when the system refuses.
  read_value read(const disk::inspected_segment& in, const disk::inspected_record& record);

 private:
  std::optional<std::string> read_file(const larder::format::file_reference& reference, std::span<const std::byte> sums,
                                       std::vector<std::byte>& to) const;

  const disk::segment_inspection* of_;
  disk::entry_reader records_;
};

}  // namespace dataset
