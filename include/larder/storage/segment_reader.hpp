#pragma once

#include <larder/core/bytes.hpp>
#include <larder/core/concepts.hpp>
#include <larder/core/prefetch.hpp>
#include <larder/format/chunk_checksums.hpp>
#include <larder/format/segment_record.hpp>
#include <larder/storage/disk_options.hpp>
#include <larder/storage/entry_directory.hpp>
#include <larder/storage/entry_file.hpp>
#include <larder/storage/segment_table.hpp>
#include <larder/storage/value_files.hpp>
#include <larder/storage/value_range.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <fcntl.h>

namespace larder::storage {

/// A record that was looked at, and the file that it refers to.
struct stored_record {
  format::segment_record record;
  std::optional<format::file_reference> reference;
};

/// Hands out the payloads of records: in place or copied, compared with key and checksum as the settings ask. Any number of threads.
class segment_reader {
 public:
  segment_reader(const mmap_disk_options& options, const entry_directory& directory, const segment_table& segments,
                 value_files& files)
      : options_(options), directory_(&directory), segments_(&segments), files_(&files) {}

  /// The payload of the record that a handle names, or the part of it that is wanted (all of one that is compressed); the handle learns
  /// what was found right. `size` becomes the whole payload's.
  template <class Handle>
  fetched fetch(const digest& id, const bytes& key, Handle& known, const byte_range& wanted, std::uint64_t& size) const {
    const format::record_place at = known.place();
    const bool trusted = options_.verify == verify::never || (options_.verify == verify::first_read && known.verified());
    fetched result;
    std::shared_ptr<segment> in;
    const bool is_there = segments_->with(at.segment, [&](const std::shared_ptr<segment>& found) {
      if (!trusted || options_.read != read_mode::mapping || !serve(found, at, id, key, wanted, result, size)) in = found;
    });
    if (!is_there) return gone();
    if (in != nullptr)
      result = options_.read == read_mode::copy ? fetch_copy(*in, at, id, key, trusted, wanted, size) : fetch_mapped(in, at, id, key, trusted, wanted, size);
    if (result.status == fetch_status::hit) {
      known.set_used();
      if (!trusted && (!known.has_file() || result.payload.size() == size)) known.set_verified();
    }
    return result;
  }

  /// What a record says of itself, with no more of it looked at than its head (and its reference).
  std::optional<stored_record> look_at(const segment& in, format::record_place at) const {
    if (options_.read == read_mode::mapping) return reference_of(in.from(at.unit), format::peek_record(in.from(at.unit), at));
    // Others may have cut the file: what is mapped of it is not touched then.
    const bytes copy = copy_of(in, at);
    return reference_of(copy.span(), format::peek_record(copy.span(), at));
  }

 private:
  static constexpr std::string_view damaged_head = "has another length than it was written with";
  static constexpr std::string_view damaged_payload = "does not match its checksum";
  static constexpr std::string_view damaged_record_head = "has a head that does not match its checksum";

  static std::optional<stored_record> reference_of(std::span<const std::byte> from, const std::optional<format::segment_record>& record) {
    if (!record) return std::nullopt;
    stored_record result{*record, std::nullopt};
    if (format::has_file(record->kind)) result.reference = format::file_reference::decode(format::record_content(from, *record));
    return result;
  }

  /// The usual case: a value that was found right before. False when anything is out of the ordinary.
  bool serve(const std::shared_ptr<segment>& in, format::record_place at, const digest& id, const bytes& key, const byte_range& wanted,
             fetched& result, std::uint64_t& size) const {
    const std::span<const std::byte> from = in->from(at.unit);
    core::prefetch(from.data() + 64);  // the key, and the payload's beginning: on their way with the head
    core::prefetch(from.data() + 128);
    const std::optional<format::segment_record> record = format::peek_record(from, at);
    if (!record || record->id != id) return false;
    const std::span<const std::byte> stored = format::record_key(from, *record);
    if (stored.size() != key.size() || (!stored.empty() && std::memcmp(stored.data(), key.data(), stored.size()) != 0)) return false;
    const std::span<const std::byte> payload = format::record_content(from, *record);
    if (record->kind == format::record_kind::value || record->kind == format::record_kind::compressed) {
      result.payload = in->views().view(in, at.unit, payload.data(), payload.size());
    } else {
      const auto reference = format::file_reference::decode(payload);
      std::shared_ptr<mapped_value> value = reference ? files_->find(reference->number) : nullptr;
      if (value == nullptr) return false;
      mapped_value& found = *value;
      result.payload = found.views().view(std::move(value), 0, found.content().data(), found.content().size());
    }
    size = result.payload.size();
    if (format::is_compressed(record->kind)) [[unlikely]]
      result.form = format::record_form(from, *record);
    else if (!wanted.whole())
      result.payload = part_of(std::move(result.payload), wanted);
    result.status = fetch_status::hit;
    return true;
  }

  fetched fetch_mapped(const std::shared_ptr<segment>& in, format::record_place at, const digest& id, const bytes& key, bool trusted,
                       const byte_range& wanted, std::uint64_t& size) const {
    const std::span<const std::byte> from = in->from(at.unit);
    const std::optional<format::segment_record> record = format::decode_record(from, at);
    if (!record || record->id.low != id.low) return damaged(*in, at, from, damaged_record_head);
    if (const auto wrong = wrong_key(*in, at, from, *record, key)) return *wrong;
    if (!trusted && !format::payload_matches(from, *record)) return damaged(*in, at, from, damaged_payload);
    const std::span<const std::byte> payload = format::record_content(from, *record);
    const auto form = format::record_form(from, *record);
    size = payload.size();
    const byte_range part = form ? byte_range{} : wanted;  // a part of what is compressed says nothing
    if (!format::has_file(record->kind))
      return {fetch_status::hit, part_of(in->views().view(in, at.unit, payload.data(), payload.size()), part), std::nullopt, form};

    const auto reference = format::file_reference::decode(payload);
    const auto sums = reference ? format::stored_checksums::find(payload, *reference) : std::nullopt;
    if (!sums) return damaged(*in, at, from, damaged_record_head);
    size = reference->size;
    const std::string path = files_->path_of(reference->number);
    const std::optional<file_identity> file = identify(path);
    if (!file) return gone();
    if (!file->regular || file->size != reference->size) return damaged_file(path, *file, damaged_head);
    const std::shared_ptr<mapped_value> value = files_->map(reference->number, reference->size);
    if (value == nullptr) return gone();
    if (!trusted && !is_right(*value, *reference, *sums, part)) return damaged_file(path, *file, damaged_payload);
    return {fetch_status::hit, part_of(value->views().view(value, 0, value->content().data(), value->content().size()), part), std::nullopt, form};
  }

  /// Compares what is wanted of a value's file: the chunks that it touches, but for those that were right before; all where no record
  /// knows of chunks.
  bool is_right(mapped_value& value, const format::file_reference& reference, const format::stored_checksums& sums, const byte_range& wanted) const {
    if (!sums) return digest_of(value.content()) == reference.content;
    const bool remembers = options_.verify == verify::first_read && sums.chunk_size() == format::chunk_checksums::chunk_size;
    const std::uint64_t end = end_of_range(wanted, reference.size);
    for (std::uint64_t i = wanted.offset / sums.chunk_size(); i * sums.chunk_size() < end; ++i) {
      if (remembers && value.was_right(i)) continue;
      const std::uint64_t begin = i * sums.chunk_size();
      if (!sums.matches(i, value.content().subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(sums.end_of(i) - begin)))) return false;
      if (remembers) value.set_right(i);
    }
    return true;
  }

  fetched fetch_copy(const segment& in, format::record_place at, const digest& id, const bytes& key, bool trusted, const byte_range& wanted,
                     std::uint64_t& size) const {
    const bytes copy = copy_of(in, at);
    const std::optional<format::segment_record> record = format::decode_record(copy.span(), at);
    if (!record || record->id.low != id.low) return damaged(in, at, copy.span(), damaged_record_head);
    if (const auto wrong = wrong_key(in, at, copy.span(), *record, key)) return *wrong;
    if (!trusted && !format::payload_matches(copy.span(), *record)) return damaged(in, at, copy.span(), damaged_payload);
    const std::span<const std::byte> payload = format::record_content(copy.span(), *record);
    const auto form = format::record_form(copy.span(), *record);
    size = payload.size();
    const byte_range part = form ? byte_range{} : wanted;  // a part of what is compressed says nothing
    if (!format::has_file(record->kind))
      return {fetch_status::hit, part_of(copy.slice(static_cast<std::size_t>(payload.data() - copy.data()), payload.size()), part), std::nullopt, form};

    const auto reference = format::file_reference::decode(payload);
    const auto sums = reference ? format::stored_checksums::find(payload, *reference) : std::nullopt;
    if (!sums) return damaged(in, at, copy.span(), damaged_record_head);
    size = reference->size;
    const std::string path = files_->path_of(reference->number);
    const file_descriptor file = open_file(path, O_RDONLY | O_NONBLOCK);
    if (!file && (errno == ENOENT || errno == ENOTDIR)) return gone();
    if (!file) fail_file("open", path, errno);
    const file_identity identity = identify(file, path);
    if (!identity.regular || identity.size != reference->size) return damaged_file(path, identity, damaged_head);
    // Whole chunks, where they are to be compared; else no more than is wanted.
    std::uint64_t begin = 0;
    std::uint64_t end = reference->size;
    if (trusted || *sums) {
      end = end_of_range(part, reference->size);
      begin = std::min(part.offset, end);
    }
    if (!trusted && *sums && begin != end) {
      end = sums->end_of((end - 1) / sums->chunk_size());
      begin -= begin % sums->chunk_size();
    }
    mutable_bytes value(static_cast<std::size_t>(end - begin));
    if (read_at(file, value.data(), value.size(), begin, path) != value.size()) return damaged_file(path, identity, damaged_head);
    if (!trusted && !*sums && digest_of(value.span()) != reference->content) return damaged_file(path, identity, damaged_payload);
    for (std::uint64_t at_byte = begin; !trusted && *sums && at_byte < end; at_byte += sums->chunk_size()) {
      const std::uint64_t number = at_byte / sums->chunk_size();
      const auto chunk = value.span().subspan(static_cast<std::size_t>(at_byte - begin), static_cast<std::size_t>(sums->end_of(number) - at_byte));
      if (!sums->matches(number, chunk)) return damaged_file(path, identity, damaged_payload);
    }
    const bytes read = std::move(value).freeze();
    if (part.whole()) return {fetch_status::hit, read, std::nullopt, form};
    const bytes taken = part_of(read, {std::min(part.offset, reference->size) - begin, part.size});
    // A small part is not to hold the whole chunks.
    return {fetch_status::hit, taken.size() < read.size() / 2 ? bytes::copy_of(taken.span()) : taken, std::nullopt};
  }

  /// A record, read from its file: all of it, or as much as there is.
  bytes copy_of(const segment& in, format::record_place at) const {
    const file_descriptor file = open_file(in.path, O_RDONLY | O_NONBLOCK);
    if (!file && (errno == ENOENT || errno == ENOTDIR)) return {};
    if (!file) fail_file("open", in.path, errno);
    mutable_bytes head(4096);
    const std::size_t have = read_at(file, head.data(), head.size(), at.offset(), in.path);
    const auto record = format::peek_record({head.data(), have}, at, std::max<std::uint64_t>(in.file_size, at.offset()) - at.offset());
    if (!record || record->payload_offset + record->payload_size <= have) return std::move(head).freeze(have);
    mutable_bytes whole(static_cast<std::size_t>(record->payload_offset + record->payload_size));
    std::memcpy(whole.data(), head.data(), have);
    const std::size_t more = read_at(file, whole.data() + have, whole.size() - have, at.offset() + have, in.path);
    return std::move(whole).freeze(have + more);
  }

  /// What to answer when the key is not the one that was asked for.
  std::optional<fetched> wrong_key(const segment& in, format::record_place at, std::span<const std::byte> from,
                                   const format::segment_record& record, const bytes& key) const {
    switch (compare_key(format::record_key(from, record), key, record.id)) {
      case key_match::same: return std::nullopt;
      case key_match::collision: return fetched{};
      case key_match::foreign: break;
    }
    return damaged(in, at, from, "holds another key than its digest says");
  }
  /// Not there any more: no damage to report, and no use to look again.
  static fetched gone() noexcept { return {fetch_status::damaged, {}, std::nullopt}; }
  fetched damaged(const segment& in, format::record_place at, std::span<const std::byte> from, std::string_view why) const {
    const auto record = format::peek_record(from, at);
    const std::size_t size = record ? static_cast<std::size_t>(record->payload_offset + record->payload_size) : std::min<std::size_t>(from.size(), 4096);
    directory_->keep_aside(std::to_string(in.number) + "-" + std::to_string(at.unit), from.first(std::min(size, from.size())),
                           "a record of \"" + in.path + "\" is damaged: it " + std::string(why));
    return {fetch_status::damaged, {}, std::nullopt};
  }
  fetched damaged_file(const std::string& path, const file_identity& file, std::string_view why) const {
    directory_->put_aside(path, file, why);
    return {fetch_status::damaged, {}, std::nullopt};
  }

  const mmap_disk_options& options_;
  const entry_directory* directory_;
  const segment_table* segments_;
  value_files* files_;
};

}  // namespace larder::storage
