#pragma once

// Room for records in the active segment, made before anybody takes it. Many small writes into pages that the kernel does not have yet cost
// two or three times what they cost into large ones that it has: those are allotted and accounted for once. So the first to need more
// room writes zeros there, a chunk at once. Nobody may take that room meanwhile, and nobody waits long for whoever is at it: after a
// short while the segment is sealed behind it and the next one opened.

#include <larder/format/segment_record.hpp>
#include <larder/storage/file_mapping.hpp>
#include <larder/storage/posix_file.hpp>
#include <larder/storage/shared_log.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <thread>

#include <unistd.h>

namespace larder::storage {

/// Makes room in active segments. Any number of threads and processes.
class segment_room {
 public:
  /// What is made at once, at its multiples, for records of a size. Each write into a large page costs some nanoseconds for every small one
  /// that the page is made of, so small records want smaller ones.
  static constexpr std::uint64_t chunk_for(std::uint64_t record_size) noexcept { return record_size < 8 * 1024 ? most / 4 : most; }

  enum class outlook : std::uint8_t {
    ready,  ///< a record up to there may be taken
    moved,  ///< another segment takes records by now
    stuck,  ///< somebody has been making room for too long
  };

  /// Sees to it that records of the active segment, which ends at `end` at least, may reach up to `to`.
  outlook reach(shared_log& log, format::record_place end, std::uint64_t to, const file_descriptor& file, std::uint64_t file_size) {
    for (;;) {
      std::uint64_t word = log.room().load(std::memory_order_acquire);
      const shared_log::room_end known = shared_log::room_end::of_word(word);
      if (known.segment == end.segment && known.in_the_making) {
        if (!wait_for(log, word)) return outlook::stuck;
        continue;
      }
      if (known.segment > end.segment) return outlook::moved;
      const std::uint64_t from = known.segment == end.segment ? known.offset() : format::record_place::unit_size;
      if (known.segment == end.segment && to <= from) return outlook::ready;
      // Large records bring their own large pages; the last part of a segment is as good as full.
      const std::uint64_t chunks_end = format::segment_record::round_up(to, chunk_for(to - end.offset()));
      const bool worthwhile = to - end.offset() < large_record && chunks_end <= file_size && is_cheap();
      const shared_log::room_end next = shared_log::room_end::at(end.segment, worthwhile ? chunks_end : format::segment_record::round_up(to, 4096), worthwhile);
      if (!log.room().compare_exchange_strong(word, next.word())) continue;
      if (!worthwhile) return outlook::ready;
      // Whoever seals the segment from now on sees that something is being written there; who did before is seen here.
      const format::record_place now = format::record_place::of_word(log.active().load());
      const bool active = now.segment == end.segment && now.unit != 0;
      if (active) write_zeros(file, from, chunks_end - from);
      std::uint64_t making = next.word();
      log.room().compare_exchange_strong(making, shared_log::room_end::at(end.segment, active ? chunks_end : from, false).word());
      if (!active) return outlook::moved;
    }
  }

 private:
  using clock = std::chrono::steady_clock;
  static constexpr std::chrono::milliseconds patience{2};
  static constexpr std::uint64_t most = 256 * 1024;
  static constexpr std::uint64_t large_record = 128 * 1024;
  static constexpr std::uint64_t page = 4096;
  static constexpr unsigned trials = 8;
  static constexpr std::uint64_t never = std::uint64_t{1} << 60U;

  static bool wait_for(const shared_log& log, std::uint64_t word) {
    const auto until = clock::now() + patience;
    for (unsigned tries = 0; log.room().load(std::memory_order_acquire) == word; ++tries) {
      if (tries < 64) continue;
      if (clock::now() > until) return false;
      std::this_thread::yield();
    }
    return true;
  }

  /// Whether the file system has large pages. The first few chunks tell, of which every other is written page by page: however fast the
  /// machine is, what is made at once takes a third of the time then, and nearly all of it where there are small pages only.
  bool is_cheap() const noexcept {
    return made_.load(std::memory_order_relaxed) < trials || at_once_.load(std::memory_order_relaxed) * 5 < by_pages_.load(std::memory_order_relaxed) * 3;
  }

  /// What cannot be written is the record's own to report.
  void write_zeros(const file_descriptor& file, std::uint64_t from, std::uint64_t size) noexcept {
    if (!zeros_) return;
    const unsigned made = made_.load(std::memory_order_relaxed);
    const bool tries_pages = made < trials && made % 2 == 0;
    const auto begin = clock::now();
    for (std::uint64_t done = 0; done < size;) {
      const auto part = static_cast<std::size_t>(std::min(tries_pages ? page - (from + done) % page : most, size - done));
      const ssize_t written = uninterrupted([&] { return ::pwrite(file.get(), zeros_.span().data(), part, static_cast<off_t>(from + done)); });
      if (written <= 0) return;
      done += static_cast<std::uint64_t>(written);
    }
    if (made >= trials) return;
    const auto took = static_cast<std::uint64_t>((clock::now() - begin) / std::chrono::nanoseconds(1)) * page / size;
    std::atomic<std::uint64_t>& fastest = tries_pages ? by_pages_ : at_once_;
    for (std::uint64_t before = fastest.load(std::memory_order_relaxed);
         took < before && !fastest.compare_exchange_weak(before, took, std::memory_order_relaxed);) {
    }
    made_.fetch_add(1, std::memory_order_relaxed);
  }

  file_mapping zeros_ = file_mapping::of_zeros(most);  // which take no memory
  std::atomic<unsigned> made_{0};
  std::atomic<std::uint64_t> by_pages_{never};  // nanoseconds for a page, at best
  std::atomic<std::uint64_t> at_once_{never};
};

}  // namespace larder::storage
