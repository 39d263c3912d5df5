#pragma once

#include <larder/format/segment_footer.hpp>
#include <larder/format/segment_record.hpp>
#include <larder/storage/file_mapping.hpp>
#include <larder/storage/pinned_views.hpp>
#include <larder/storage/posix_file.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <fcntl.h>

namespace larder::storage {

/// The published records of a segment, in the order of their publication, when it is not sealed yet.
using published_units = std::vector<std::uint32_t>;

/// A segment as this process sees it: its file in memory, what is known of its records, and who holds views of it. The members that
/// change are the store's, under its lock; the mapping and the views are anybody's.
class segment {
 public:
  static constexpr std::uint64_t uses_mark_offset = 0;  ///< of eight bytes that are zeros as long as no record has a last use

  segment(std::uint32_t n, std::string file_path, file_mapping mapped, std::uint64_t size, bool sealed, std::shared_ptr<pinned_ledger> ledger)
      : number(n), path(std::move(file_path)), file_size(size), mapping_(std::move(mapped)), views_(std::move(ledger)) {
    if (sealed) footer = format::segment_footer::find(mapping_.span().first(static_cast<std::size_t>(size)), number);
  }

  const std::uint32_t number;
  const std::string path;

  std::uint64_t file_size;                       ///< as far as this process knows
  std::optional<format::segment_footer> footer;  ///< of a sealed segment that was sealed when it was mapped
  published_units units;                         ///< where there is no footer; `add` tells what they hold, too

  format::record_place place(std::uint32_t unit) const noexcept { return {number, unit}; }
  /// Where records may lie.
  std::span<const std::byte> records() const noexcept {
    return footer ? mapping_.span().first(footer->records_end()) : mapping_.span();
  }
  /// What there is from a record's start on; empty when it lies outside.
  std::span<const std::byte> from(std::uint32_t unit) const noexcept {
    const std::span<const std::byte> all = records();
    const std::uint64_t offset = unit * format::record_place::unit_size;
    return offset < all.size() ? all.subspan(static_cast<std::size_t>(offset)) : std::span<const std::byte>();
  }
  pinned_views<segment>& views() noexcept { return views_; }

  /// One published record more, where there is no footer.
  void add(const format::footer_entry& record) {
    if (told_.size() == units.size() && told_.size() < most_told) told_.push_back(record);
    units.push_back(record.unit);
  }
  /// Of records that entries of the index lie in.
  std::uint64_t live_bytes() const noexcept { return live_bytes_; }
  std::uint64_t memory() const noexcept {
    return sizeof(*this) + units.capacity() * sizeof(std::uint32_t) + told_.capacity() * sizeof(format::footer_entry);
  }

  /// The number of its published records, and each of them as a footer tells it; one whose header is damaged has no id.
  std::size_t size() const noexcept {
    const auto* const list = list_of_records();
    return list != nullptr ? list->size() : units.size();
  }
  format::footer_entry entry(std::size_t i) const noexcept {
    if (const auto* const list = list_of_records(); list != nullptr) return (*list)[i];
    return i < told_.size() ? told_[i] : entry_at(units[i]);
  }
  /// The last use of the i-th record, as its stamp.
  std::uint64_t use(std::size_t i) const noexcept {
    const auto* const list = list_of_records();
    return list != nullptr ? list->use(i) : use_at(record_use_offset(units[i]));
  }
  /// Whether any of its records has a last use, as long as it has no footer.
  bool has_uses() const noexcept { return use_at(uses_mark_offset) != 0; }
  /// The low half of the i-th record's key's digest, or zero where its header is damaged.
  std::uint64_t key(std::size_t i) const noexcept {
    if (const auto* const list = list_of_records(); list != nullptr) return list->key(i);
    if (i < told_.size()) return told_[i].id.low;
    const auto record = format::peek_record(from(units[i]), place(units[i]));
    return record ? record->id.low : 0;
  }

  /// Whether it is a published record's place.
  bool knows(std::uint32_t unit) const noexcept {
    const auto* const list = list_of_records();
    if (list == nullptr) return std::find(units.begin(), units.end(), unit) != units.end();
    for (std::size_t i = 0; i < list->size(); ++i)
      if ((*list)[i].unit == unit) return true;
    return false;
  }
  /// What a footer says of the record at a place.
  format::footer_entry entry_at(std::uint32_t unit) const noexcept {
    const std::optional<format::segment_record> record = format::decode_record(from(unit), {number, unit});
    if (record) return format::footer_entry::of(*record, unit, weight_of(*record, unit), uncompressed_size_of(*record, unit));
    format::footer_entry damaged;
    damaged.unit = unit;
    return damaged;
  }
  /// The size of the value that a record stands for.
  std::uint64_t weight_of(const format::segment_record& record, std::uint32_t unit) const noexcept {
    if (!format::has_file(record.kind)) return record.payload_size;
    const auto reference = format::file_reference::decode(format::record_content(from(unit), record));
    return (reference ? reference->size : 0) + (format::is_compressed(record.kind) ? format::compressed_head::encoded_size : 0);
  }
  /// The size of a value that is stored compressed, else 0.
  std::uint64_t uncompressed_size_of(const format::segment_record& record, std::uint32_t unit) const noexcept {
    const auto form = format::record_form(from(unit), record);
    return form ? form->size : 0;
  }

  /// Where in the file the last use of a record is kept.
  std::uint64_t use_offset(std::uint32_t unit) const noexcept {
    if (footer) {
      for (std::size_t i = first_at_or_after(unit); i < footer->size() && (*footer)[i].unit <= unit; ++i)
        if ((*footer)[i].unit == unit) return footer->use_offset(i);
      for (std::size_t i = 0; i < footer->size(); ++i)  // published in another order than they lie
        if ((*footer)[i].unit == unit) return footer->use_offset(i);
    }
    return record_use_offset(unit);
  }
  std::uint64_t use_at(std::uint64_t offset) const noexcept {
    std::uint64_t stamp = 0;
    if (offset + 8 <= mapping_.span().size()) std::memcpy(&stamp, mapping_.span().data() + offset, sizeof stamp);
    return stamp;
  }
  std::optional<instant> use_of(std::uint32_t unit) const noexcept {
    return format::use_stamp::decode(use_at(use_offset(unit)), {number, unit});
  }

 private:
  friend class segment_table;  // which keeps sums of what follows

  void now_sealed(std::shared_ptr<const segment> again) {
    file_size = again->file_size;
    again_ = std::move(again);
    published_units().swap(units);
    std::vector<format::footer_entry>().swap(told_);
  }

  static constexpr std::size_t most_told = 16'384;  // a megabyte

  std::uint64_t record_use_offset(std::uint32_t unit) const noexcept {
    return format::record_place{number, unit}.offset() + format::segment_record::use_offset;
  }
  const format::segment_footer* list_of_records() const noexcept {
    if (footer) return &*footer;
    return again_ == nullptr ? nullptr : &*again_->footer;
  }
  std::size_t first_at_or_after(std::uint32_t unit) const noexcept {
    std::size_t from = 0;
    std::size_t to = footer->size();
    while (from < to) {
      const std::size_t middle = from + (to - from) / 2;
      if ((*footer)[middle].unit < unit)
        from = middle + 1;
      else
        to = middle;
    }
    return from;
  }

  file_mapping mapping_;
  std::uint64_t live_bytes_ = 0;
  pinned_views<segment> views_;
  std::vector<format::footer_entry> told_;  // the first of `units`
  std::shared_ptr<const segment> again_;  // mapped when it had its footer; whoever looks without the lock goes on with this mapping
};

}  // namespace larder::storage
