#pragma once

#include <larder/format/segment_record.hpp>
#include <larder/storage/segment.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

namespace larder::storage {

/// Where in the log each record of a segment is published, by its unit.
using publications = std::unordered_map<std::uint32_t, std::uint64_t>;

/// Their units in the order of publication, behind those that are there.
inline void append_in_order(published_units& units, const publications& published) {
  std::vector<std::pair<std::uint64_t, std::uint32_t>> by_position;
  by_position.reserve(published.size());
  for (const auto& [unit, position] : published) by_position.emplace_back(position, unit);
  std::sort(by_position.begin(), by_position.end());
  for (const auto& [position, unit] : by_position) units.push_back(unit);
}

/// What a segment without a footer turned out to hold.
struct scanned_records {
  published_units units;      ///< of the records that are whole, in the order of their sequence
  std::uint64_t end = 0;      ///< where the last of them ends
};

/// Finds the records of a segment by reading it up to `limit`: what a killed writer left torn, and what never reached the device, is
/// passed over.
inline scanned_records scan_records(std::span<const std::byte> bytes, std::uint32_t number, std::uint64_t first, std::uint64_t limit) {
  scanned_records found;
  found.end = first;
  std::vector<std::pair<std::uint64_t, std::uint32_t>> by_sequence;
  const std::span<const std::byte> within = bytes.first(static_cast<std::size_t>(std::min<std::uint64_t>(limit, bytes.size())));
  for (std::uint64_t offset = first; offset + format::segment_record::header_size <= within.size();) {
    const format::record_place at{number, static_cast<std::uint32_t>(offset / format::record_place::unit_size)};
    const std::span<const std::byte> from = within.subspan(static_cast<std::size_t>(offset));
    const std::optional<format::segment_record> record = format::decode_record(from, at);
    if (record && format::payload_matches(from, *record)) {
      by_sequence.emplace_back(record->sequence, at.unit);
      offset += record->size();
      found.end = offset;
    } else {
      offset += format::record_place::unit_size;
    }
  }
  std::stable_sort(by_sequence.begin(), by_sequence.end());
  found.units.reserve(by_sequence.size());
  for (const auto& [sequence, unit] : by_sequence) found.units.push_back(unit);
  return found;
}

}  // namespace larder::storage
