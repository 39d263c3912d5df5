#pragma once

#include <larder/core/concepts.hpp>
#include <larder/storage/record_batch.hpp>
#include <larder/storage/segment_store.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace larder::storage {

/// What a store of segments takes and gives otherwise than one whole value at a time.
class segment_transfers : public segment_store {
 public:
  using segment_store::segment_store;

  /// So many records are written together at most, and so many bytes of values unless one alone has more.
  static constexpr std::size_t most_together = record_batch::most;
  std::uint64_t most_bytes_together() const noexcept { return std::min<std::uint64_t>(segment_size() / 8, 1024 * 1024); }
  /// Whether a value of this size is written into a segment, not into a file of its own.
  bool lies_in_segment(std::uint64_t size) const noexcept { return size < file_from(); }

  /// `stage` for many at once, none of which gets a file of its own: one write for as many as lie side by side.
  std::vector<staged> stage_together(std::span<const stored_entry> entries) {
    std::vector<staged> made;
    made.reserve(entries.size());
    shared_log* log = nullptr;
    for (const stored_entry& entry : entries) {
      staged& one = made.emplace_back(threads_.current());
      one.key = entry.key;
      one.payload = entry.payload;
      one.record.kind = format::record_kind::value;
      one.record.id = entry.id;
      one.record.written = entry.info.written;
      one.record.expires = entry.info.expires;
      shared_log& current = prepare(one);
      // A log that was lost between two of them: the records agree on the older one, and are written anew when they are published.
      if (log == nullptr) log = &current;
      one.log = log;
    }
    if (log != nullptr) writer_.write_together(made, *log, segment_size());
    return made;
  }
};

}  // namespace larder::storage
