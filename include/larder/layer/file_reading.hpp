#pragma once

// How the pieces of a layer come out of files on this machine: through the page cache with read-ahead, or past it with many units
// in flight straight to their place. A layer that the page cache holds is taken from there whatever was chosen: that is the faster
// way, and leaves nothing behind.
//
// Past the page cache, offset, size and memory must be whole pages: a layer's memory then begins as far into a page as its largest
// piece does in its file. The pages at a piece's ends, and pieces that lie otherwise, come by way of pages of their own.

#include <larder/core/error.hpp>
#include <larder/layer/aligned_pages.hpp>
#include <larder/layer/arrival.hpp>
#include <larder/layer/file_pages.hpp>
#include <larder/layer/path_choice.hpp>
#include <larder/layer/read_path.hpp>
#include <larder/layer/readable_file.hpp>
#include <larder/layer/submission_ring.hpp>
#include <larder/sync/fork_mark.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>

namespace larder::layers {

/// A range of a file and the memory that it goes to.
struct file_piece {
  const readable_file* file;
  const file_pages* pages;
  std::uint64_t offset;
  std::span<std::byte> room;
};

/// Reads pieces of files by the chosen path. Thread-safe; works in a child after `fork`.
class file_reading {
 public:
  static constexpr std::uint64_t unit = std::uint64_t{1} << 20U;
  static constexpr unsigned units_in_flight = 16;
  /// How far the page cache reads ahead.
  static constexpr std::uint64_t window = std::uint64_t{16} << 20U;
  /// Smaller layers go through the page cache: there is nothing to put side by side.
  static constexpr std::uint64_t least_direct = std::uint64_t{1} << 20U;

  explicit file_reading(read_path::kind kind, std::uint64_t measured_bytes = path_choice::enough) noexcept
      : choice_(kind, measured_bytes) {}

  path_choice& choice() noexcept { return choice_; }
  const path_choice& choice() const noexcept { return choice_; }

  /// Fills the pieces, which are in the order of memory and lie within `layer`; `heard` is told of each unit in that order. Throws
  /// as `readable_file` does, and what `heard` throws; nothing is in flight afterwards.
  void read(std::span<const file_piece> pieces, std::span<std::byte> layer, arrival& heard) {
    std::uint64_t bytes = 0;
    double cached = 0;
    bool known = true;
    for (const file_piece& piece : pieces) {
      bytes += piece.room.size();
      const auto share = piece.pages->cached_share(piece.offset, piece.room.size(), samples * piece.room.size() / layer.size());
      known = known && share.has_value();
      cached += share.value_or(0) * static_cast<double>(piece.room.size());
    }
    const progress told{layer.data(), heard};
    if (known && cached >= mostly * static_cast<double>(bytes)) return read_buffered(pieces, told, false);
    if (layer.size() < least_direct) return read_buffered(pieces, told, true);
    if (choice_.next() == read_path::direct && read_direct(pieces, told, bytes)) return;
    const auto began = std::chrono::steady_clock::now();
    read_buffered(pieces, told, true);
    choice_.measured(read_path::buffered, bytes, std::chrono::steady_clock::now() - began);
  }

 private:
  static constexpr double mostly = 0.875;
  static constexpr std::uint64_t samples = 64;  // pages of a layer that tell whether the page cache holds it
  static constexpr std::uint64_t page = readable_file::direct_alignment;
  static constexpr std::uint64_t apart_unit = std::uint64_t{256} << 10U;

  struct progress {
    const std::byte* layer;
    arrival& heard;
    void up_to(const std::byte* end) const { heard.arrived(static_cast<std::uint64_t>(end - layer)); }
  };
  /// What is read at once: straight to its place, or to whole pages of its own around it.
  struct direct_unit {
    const readable_file* file;
    std::uint64_t offset;
    std::span<std::byte> room;
    aligned_pages apart;
    bool done = false;

    std::uint64_t first_page() const noexcept { return offset / page * page; }
    void begin(submission_ring& ring, std::uint64_t tag) {
      if (is_whole_pages(offset, room)) return ring.push(file->direct_descriptor(), offset, room, tag);
      apart = aligned_pages((offset - first_page() + room.size() + page - 1) / page * page);
      ring.push(file->direct_descriptor(), first_page(), apart.whole(), tag);
    }
    void end(int result) {
      auto came = static_cast<std::size_t>(std::max(result, 0));
      if (apart) {
        const auto before = static_cast<std::size_t>(offset - first_page());
        came = std::min(came - std::min(came, before), room.size());
        std::copy_n(apart.whole().data() + before, came, room.data());
        apart = {};
      }
      if (came < room.size()) file->read(offset + came, room.subspan(came));  // the usual way: it works, or says why not
      done = true;
    }
  };

  static void read_buffered(std::span<const file_piece> pieces, const progress& told, bool ahead) {
    for (const file_piece& piece : pieces) {
      const std::uint64_t size = piece.room.size();
      std::uint64_t asked = 0;
      for (std::uint64_t at = 0; at < size; at += unit) {
        for (; ahead && asked < std::min(size, at + window); asked += 2 * unit)
          ::posix_fadvise(piece.file->descriptor(), static_cast<::off_t>(piece.offset + asked),
                          static_cast<::off_t>(std::min(2 * unit, size - asked)), POSIX_FADV_WILLNEED);
        const auto room = piece.room.subspan(static_cast<std::size_t>(at), static_cast<std::size_t>(std::min(unit, size - at)));
        piece.file->read(piece.offset + at, room);
        told.up_to(room.data() + room.size());
      }
    }
  }

  /// False, with nothing read, where the kernel gives no ring for it.
  bool read_direct(std::span<const file_piece> pieces, const progress& told, std::uint64_t bytes) {
    std::unique_ptr<submission_ring> ring = take_ring();
    if (ring == nullptr) {
      if (errno == ENOSYS || errno == EPERM || errno == EACCES || errno == EINVAL) choice_.settle(read_path::buffered);
      return false;
    }
    std::vector<direct_unit> units;
    for (const file_piece& piece : pieces) cut(piece, units);
    // Of the layers that are read ahead one at a time begins its units, the next one when the last of them is begun: so the disk is
    // busy across the end of a layer, and none waits for one behind it.
    std::unique_lock turn(turn_, std::defer_lock);
    if (!told.heard.is_awaited()) turn.lock();
    told.up_to(pieces.front().room.data());  // it may not be wanted any more
    const auto began = std::chrono::steady_clock::now();
    const awaited in_flight{*this, ring};
    std::size_t begun = 0;
    for (std::size_t over = 0; over < units.size();) {
      for (; begun < units.size() && ring->in_flight() < ring->depth(); ++begun) units[begun].begin(*ring, begun);
      if (begun == units.size() && turn.owns_lock()) {
        ring->submit();
        turn.unlock();
      }
      if (const int code = ring->submit_and_wait(); code != 0)
        core::fail(error_cause::io, "io_uring_enter failed: " + std::generic_category().message(code));
      for (submission_ring::completion next{}; ring->pop(next);) units[static_cast<std::size_t>(next.tag)].end(next.result);
      if (!units[over].done) continue;
      while (over < units.size() && units[over].done) ++over;
      told.up_to(units[over - 1].room.data() + units[over - 1].room.size());
    }
    choice_.measured(read_path::direct, bytes, std::chrono::steady_clock::now() - began);
    return true;
  }

  static bool is_whole_pages(std::uint64_t offset, std::span<const std::byte> room) noexcept {
    return (offset | room.size() | reinterpret_cast<std::uintptr_t>(room.data())) % page == 0;
  }
  /// A piece as units that end at multiples of their size in the file, and the pages at its ends.
  static void cut(const file_piece& piece, std::vector<direct_unit>& units) {
    std::uint64_t offset = piece.offset;
    std::span<std::byte> room = piece.room;
    const auto take = [&](std::uint64_t size) {
      size = std::min<std::uint64_t>(size, room.size());
      if (size == 0) return;
      units.push_back({piece.file, offset, room.first(static_cast<std::size_t>(size)), {}});
      offset += size;
      room = room.subspan(static_cast<std::size_t>(size));
    };
    if ((reinterpret_cast<std::uintptr_t>(room.data()) - offset) % page == 0) {
      take((page - offset % page) % page);
      while (room.size() >= page) take(std::min(unit - offset % unit, room.size() / page * page));
    }
    while (!room.empty()) take(apart_unit - offset % apart_unit);
  }

  /// Whatever happens, what is in flight lands before its memory goes; the ring is used again where it is whole.
  struct awaited {
    file_reading& home;
    std::unique_ptr<submission_ring>& ring;
    ~awaited() {
      if (ring->settle()) home.give_back(std::move(ring));
    }
  };

  std::unique_ptr<submission_ring> take_ring() {
    if (mark_.is_in_child())
      mark_.renew([&] {  // the parent's rings are the parent's; a thread of it may have held the lock
        std::construct_at(&mutex_);
        std::construct_at(&rings_);
        std::construct_at(&turn_);
      });
    {
      const std::lock_guard lock(mutex_);
      if (!rings_.empty()) {
        std::unique_ptr<submission_ring> ring = std::move(rings_.back());
        rings_.pop_back();
        return ring;
      }
    }
    return submission_ring::open(units_in_flight);
  }
  void give_back(std::unique_ptr<submission_ring> ring) noexcept {
    const std::lock_guard lock(mutex_);
    try {
      rings_.push_back(std::move(ring));
    } catch (...) {  // then the next one is a new one
    }
  }

  path_choice choice_;
  std::mutex turn_;
  sync::fork_mark mark_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<submission_ring>> rings_;
};

}  // namespace larder::layers
