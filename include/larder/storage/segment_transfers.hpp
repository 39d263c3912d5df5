#pragma once

#include <larder/core/concepts.hpp>
#include <larder/storage/adopt_mode.hpp>
#include <larder/storage/file_adoption.hpp>
#include <larder/storage/record_batch.hpp>
#include <larder/storage/segment_upkeep.hpp>
#include <larder/storage/value_in_transit.hpp>
#include <larder/storage/writable_mapping.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <system_error>
#include <utility>
#include <vector>

namespace larder::storage {

/// What a store of segments takes and gives otherwise than one whole value at a time.
class segment_transfers : public segment_upkeep {
 public:
  using segment_upkeep::segment_upkeep;

  /// So many records are written together at most, and so many bytes of values unless one alone has more.
  static constexpr std::size_t most_together = record_batch::most;
  std::uint64_t most_bytes_together() const noexcept { return std::min<std::uint64_t>(segment_size() / 8, 1024 * 1024); }
  /// Whether a value of this size is written into a segment, not into a file of its own.
  bool lies_in_segment(std::uint64_t size) const noexcept { return size < file_from(); }

  /// `stage` for the first of many, none of which gets a file of its own: one write for as many as come to lie side by side.
  std::vector<staged> stage_together(std::span<const stored_entry> entries) {
    std::vector<staged> made;
    made.reserve(entries.size());
    shared_log& log = log_to_change();
    const std::uint64_t position = position_.load(std::memory_order_acquire);
    for (const stored_entry& entry : entries) {
      made.push_back(described(entry));
      made.back().prepare_head(log, position, entry.payload.size());
    }
    made.resize(writer_.write_together(made, log, segment_size()));
    return made;
  }

  /// A part of a payload, cut to what there is of it: only the chunks that it touches are read and compared, where their checksums are
  /// known. `size` becomes that of the whole.
  fetched fetch_range(const digest& id, const bytes& key, handle& known, const byte_range& wanted, std::uint64_t& size) const {
    try {
      return reader_.fetch(id, key, known, wanted, size);
    } catch (const std::bad_alloc&) {
      core::fail(error_cause::io, "not enough memory to read \"" + folder_.path_of(known.place().segment) + "\"");
    }
  }

  using source_error = storage::source_error;
  static adopted_file open_source(const std::filesystem::path& path, adopt_mode how) { return adopted_file(path.string(), how); }
  /// `stage` of a file's content, which does not come into this process's memory but for its checksums. Throws `source_error` for what
  /// is wrong with the file, `larder::error` for what is with the storage.
  staged stage_file(const stored_entry& entry, adopted_file& source, adopt_mode how) {
    if (lies_in_segment(source.size())) {
      stored_entry small = entry;
      small.payload = source.read();
      source.check_unchanged();
      return stage(small);
    }
    staged made = described(entry);
    made.record.kind = format::record_kind::value_file;
    const value_files::new_file own = take_over(made, source, how);
    if (identify(own.file, own.path).size != source.size()) source.check_unchanged();
    format::chunk_checksums sums;
    source.each_chunk(own.file, 0, [&](std::uint64_t, std::span<const std::byte> chunk) { sums.add(chunk); });
    source.check_unchanged();
    made.reference = format::file_reference{own.number, source.size(), sums.content()};
    refer_to_known(made, [&](std::span<const std::byte> known) {
      bool same = true;
      source.each_chunk(own.file, 0, [&](std::uint64_t offset, std::span<const std::byte> chunk) {
        same = same && std::memcmp(chunk.data(), known.data() + offset, chunk.size()) == 0;
      });
      return same;
    });
    made.payload = sums.payload(*made.reference);
    write(made);
    return made;
  }

  /// Where a large value of the key may land before it is whole; nothing where files must not be mapped.
  using landing = value_in_transit;
  std::unique_ptr<landing> land(const digest& id, std::function<bool(std::uint64_t)> fits) {
    if (options_.read == read_mode::copy) return nullptr;
    return std::make_unique<landing>(directory_.file("staging"), id, directory_.staging_path(), std::move(fits));
  }

  /// Room for one value: in the segment or file that it will lie in, or on the heap where that must not be mapped or has no blocks in
  /// advance. What is dropped was never there.
  class room {
   public:
    std::byte* data() noexcept { return mapping_ != nullptr ? mapping_->data() : heap_.data(); }
    std::size_t size() const noexcept { return size_; }
    bool on_heap() const noexcept { return mapping_ == nullptr; }
    /// What was filled in, of a room on the heap.
    bytes take_heap() { return std::move(heap_).freeze(); }

   private:
    friend segment_transfers;
    staged made_;
    std::shared_ptr<writable_mapping> mapping_;
    mutable_bytes heap_;
    std::size_t size_ = 0;
  };

  /// Throws `larder::error`, `no_space` when the device is full.
  room reserve(const digest& id, const bytes& key, std::size_t size) {
    room result;
    result.size_ = size;
    result.made_ = staged(threads_.current());
    result.made_.key = bytes::copy_of(key.span());
    result.made_.record.id = id;
    if (size != 0 && options_.read != read_mode::copy) (lies_in_segment(size) ? map_in_segment(result) : map_file(result));
    if (result.on_heap()) result.heap_ = mutable_bytes(size);
    return result;
  }
  /// What was filled in, as something to publish. Throws `larder::error`, and may then be called again.
  staged complete(room& filled, const stored_info& info) {
    staged& made = filled.made_;
    if (!made.is_own()) core::fail(error_cause::invalid_argument, "a reservation is committed in the process that made it, not in a child of it");
    made.record.written = info.written;
    made.record.expires = info.expires;
    const bytes value = bytes::adopt(filled.mapping_, filled.mapping_->data(), filled.size_);
    if (made.reference) {
      if (made.payload.empty()) refer_to_file(made, value);
      made.void_head();  // of a try that had no room for all of it
      write(made);
    } else {
      made.payload = value;
      made.record.payload_checksum = format::payload_checksum(value.data(), value.size(), made.record.id);
      if (made.log == log_.load(std::memory_order_acquire)) {  // else it is written anew when it is published
        made.position = position_.load(std::memory_order_acquire);
        made.record.sequence = made.log->sequence_at(made.position);
      }
      segment_writer::write_head(made, folder_.path_of(made.at.segment));
    }
    return std::move(made);
  }

 private:
  /// Leaves the room without a mapping where there is none to be had.
  static void map(room& to, const file_descriptor& file, std::uint64_t offset, const std::string& path) {
    auto mapping = std::make_shared<writable_mapping>(file, offset, to.size_);
    if (*mapping)
      to.mapping_ = std::move(mapping);
    else if (errno != EOPNOTSUPP)
      fail_file("make room in", path, errno);
  }
  void map_in_segment(room& to) {
    to.made_.record.kind = format::record_kind::value;
    shared_log& log = log_to_change();
    to.made_.prepare_head(log, position_.load(std::memory_order_acquire), to.size_);
    writer_.take_room(to.made_, log, segment_size());
    map(to, *to.made_.file, to.made_.at.offset() + to.made_.record.payload_offset, folder_.path_of(to.made_.at.segment));
  }
  void map_file(room& to) {
    value_files::new_file made = files_.create();
    to.made_.record.kind = format::record_kind::value_file;
    to.made_.wrote_file = made.path;
    map(to, made.file, 0, made.path);
    if (to.mapping_ != nullptr) to.made_.reference = format::file_reference{made.number, to.size_, {}};
  }
  /// Gives the content a name of this store's, which goes with the staged record until that is published.
  value_files::new_file take_over(staged& made, adopted_file& source, adopt_mode how) {
    if (how == adopt_mode::link || how == adopt_mode::move) {
      value_files::new_file linked;
      int answer = EEXIST;
      while (answer == EEXIST) {
        linked.number = files_.next_number();
        linked.path = files_.path_of(linked.number);
        answer = source.link_to(linked.path);
      }
      if (answer == 0) {
        made.wrote_file = linked.path;
        linked.file = open_file(linked.path, O_RDONLY);
        if (!linked.file) fail_file("open", linked.path, errno);
        return linked;
      }
      if (answer == ENOSPC || answer == EDQUOT || answer == EIO) fail_file("link", linked.path, answer);
      if (how == adopt_mode::link)
        source.refuse("it cannot be linked to \"" + linked.path + "\" (" + std::generic_category().message(answer) + "); take adopt_mode::automatic");
    }
    value_files::new_file copied = files_.create();
    made.wrote_file = copied.path;
    if (how != adopt_mode::copy) {
      const int answer = source.clone_to(copied.file);
      if (answer == 0) return copied;
      if (answer == ENOSPC || answer == EDQUOT || answer == EIO) fail_file("clone", copied.path, answer);
      if (how == adopt_mode::clone)
        source.refuse("its file system cannot clone it to \"" + copied.path + "\" (" + std::generic_category().message(answer) +
                      "); take adopt_mode::automatic");
    }
    source.copy_to(copied.file, copied.path);
    return copied;
  }
  /// Lets a record whose file is this store's own refer to one that has the same content already, if there is one.
  template <class Same>
  void refer_to_known(staged& to, Same&& is_same) {
    const auto known = file_with(to.reference->content, to.reference->size, is_same);
    if (!known) return;
    ::unlink(std::exchange(to.wrote_file, {}).c_str());
    to.reference = known->reference;
    to.value = bytes::adopt(known->mapped, known->mapped->content().data(), known->mapped->content().size());  // should its file go before the record is published
  }
  /// A file of this store's own has the value: lets the record refer to it, or to one that has the same content already.
  void refer_to_file(staged& to, const bytes& value) {
    const format::chunk_checksums sums = format::chunk_checksums::of(value.span());
    to.reference->content = sums.content();
    refer_to_known(to, [&](std::span<const std::byte> known) { return std::memcmp(known.data(), value.data(), value.size()) == 0; });
    to.payload = sums.payload(*to.reference);
  }
};

}  // namespace larder::storage
