#pragma once

#include "disk/entry_reader.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace disk {

/// What a segment's file is made of, in bytes.
struct segment_share {
  const inspected_segment* in = nullptr;
  std::size_t entries = 0;
  std::uint64_t live = 0;     ///< records of entries, with their padding
  std::uint64_t garbage = 0;  ///< records of no use any more, and what is no record
  std::uint64_t footer = 0;   ///< and the 64 bytes at the file's start
  std::uint64_t free = 0;     ///< room for records to come
};

struct folder_share {
  std::size_t files = 0;
  std::uint64_t bytes = 0;
};

/// What a directory's bytes are, added up.
struct directory_contents {
  std::vector<segment_share> segments;
  std::size_t entries = 0;
  std::size_t expired = 0;     ///< of the entries
  std::size_t unreadable = 0;  ///< of the entries: heads that are damaged
  std::size_t later = 0;       ///< entries of a later version, not counted above
  std::uint64_t expired_bytes = 0;
  std::uint64_t values = 0;  ///< payload of all entries, shared files as often as they are referred to
  std::uint64_t uncompressed_values = 0;  ///< what the values are for callers: more than `values` by what compression saved
  std::size_t compressed = 0;             ///< of the entries
  std::uint64_t values_in_segments = 0;
  std::uint64_t keys = 0;
  std::uint64_t heads = 0;  ///< 88 bytes each, references to files, and padding
  std::uint64_t largest = 0;
  std::uint64_t median = 0;
  std::optional<larder::instant> oldest;
  std::optional<larder::instant> newest;
  std::size_t entries_in_files = 0;
  folder_share value_files;  ///< that entries refer to
  folder_share loose_files;  ///< values' files that no entry refers to
  folder_share quarantine;
  folder_share staging;

  std::uint64_t live() const noexcept { return sum(&segment_share::live); }
  std::uint64_t garbage() const noexcept { return sum(&segment_share::garbage); }
  std::uint64_t footers() const noexcept { return sum(&segment_share::footer); }
  std::uint64_t free() const noexcept { return sum(&segment_share::free); }
  /// The share of garbage in what the segments' records take.
  double garbage_share() const noexcept {
    const auto all = static_cast<double>(live() + garbage());
    return all == 0 ? 0.0 : static_cast<double>(garbage()) / all;
  }

 private:
  std::uint64_t sum(std::uint64_t segment_share::*what) const noexcept {
    std::uint64_t all = 0;
    for (const segment_share& one : segments) all += one.*what;
    return all;
  }
};

/// Reads the heads of all entries; `progress` is told of segments. Throws `larder::error`.
directory_contents contents_of(const segment_inspection& found, const segment_inspection::look_progress& progress = {});
/// The files in a folder of the directory.
folder_share share_of_folder(const std::string& path);

}  // namespace disk
