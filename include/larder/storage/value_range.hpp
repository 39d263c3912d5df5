#pragma once

#include <larder/core/bytes.hpp>
#include <larder/core/concepts.hpp>
#include <larder/core/error.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

namespace larder::storage {

/// The end of a part of a value, which is to lie inside; at most the value's own.
inline std::uint64_t end_of_range(const byte_range& wanted, std::uint64_t size) noexcept {
  if (wanted.offset > size) return size;
  return wanted.size < size - wanted.offset ? wanted.offset + wanted.size : size;
}

/// What there is of a value in a range.
inline bytes part_of(bytes whole, const byte_range& wanted) {
  if (wanted.whole()) return whole;
  const std::uint64_t end = end_of_range(wanted, whole.size());
  const std::uint64_t begin = std::min(wanted.offset, end);
  return whole.slice(static_cast<std::size_t>(begin), static_cast<std::size_t>(end - begin));
}

/// Throws `larder::error` when a value of this size does not have all of the part; one without an end goes to the value's own.
inline void check_range(const byte_range& wanted, std::uint64_t size) {
  const bool open = wanted.size == byte_range{}.size;
  if (wanted.offset > size || (!open && wanted.size > size - wanted.offset))
    core::fail(error_cause::invalid_argument, "get_range(" + std::to_string(wanted.offset) + ", " + (open ? "to the end" : std::to_string(wanted.size)) +
                                                  ") of a value that has " + std::to_string(size) + " bytes; ask for a part that lies in it");
}

}  // namespace larder::storage
