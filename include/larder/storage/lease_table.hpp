#pragma once

// Which keys are being loaded, and by whom: a table in a file that the processes of a directory map. A lease is taken, kept and let go of by
// compare-and-swap, so nobody ever waits for a process that was stopped or killed at any instruction.
//
//   1024 buckets of 128 bytes   version 8, waiting 8, 7 lanes of 16: word 8, holder 8
//   word                        40 bits of the key's digest (the lowest is set), a count of 24 bits; 0: the lane is free
//
// Any bytes at all are a valid table: what means nothing is a lease that nobody keeps, which is taken over like that of a dead holder.
// Cost: the lines of one bucket. 131,072 bytes on disk, of which each process maps what it touches.
//
// Why a key has one lease only. Who adds one reads the bucket's version, sees that the key has none, fills a lane, and raises the version
// from what he read; when somebody else added one meanwhile that fails, and he takes his lane back and looks again.
//
// A holder is a random number, and the offset of a byte of the file that its process keeps locked (an open file description lock: no other
// opening or closing of the file takes it away, and the kernel drops it when the process dies, however that comes).

#include <larder/core/digest.hpp>
#include <larder/storage/entry_directory.hpp>
#include <larder/storage/posix_file.hpp>
#include <larder/sync/futex.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace larder::storage {

class lease_table {
 public:
  static constexpr std::size_t buckets = 1024;
  static constexpr std::size_t lanes = 7;  ///< of a bucket
  static constexpr std::size_t bucket_size = 128;
  static constexpr std::size_t file_size = buckets * bucket_size;

  enum class outcome : std::uint8_t { taken, busy, full };
  /// What became of an attempt: the lane that the key has, and what it says.
  struct attempt {
    outcome what = outcome::full;
    std::size_t lane = 0;
    std::uint64_t word = 0;
  };
  enum class liveness : std::uint8_t { alive, dead, unknown };

  /// The table at `path`, made when it is not there; nothing when the system refuses. `trust`: for how long nobody looks again whether
  /// the file was cut.
  static std::shared_ptr<lease_table> open(const std::string& path, std::chrono::nanoseconds trust = {}) noexcept {
    try {
      file_descriptor file = open_file(path, O_RDWR | O_CREAT | O_NONBLOCK);
      if (!file || !identify(file, path).regular) return nullptr;
      // Every page is there before it is written through the mapping: a full device is no table now and no signal later.
      if (uninterrupted([&] { return ::fallocate(file.get(), 0, 0, file_size); }) != 0) return nullptr;
      void* const address = ::mmap(nullptr, file_size, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
      if (address == MAP_FAILED) return nullptr;
      return std::shared_ptr<lease_table>(new lease_table(std::move(file), static_cast<std::byte*>(address), trust));
    } catch (const std::exception&) {
      return nullptr;
    }
  }
  lease_table(const lease_table&) = delete;
  lease_table& operator=(const lease_table&) = delete;
  ~lease_table() { ::munmap(base_, file_size); }

  /// This opening of the table; 0 when the file system has no such locks, so that nobody can tell whether it lives.
  std::uint64_t holder() const noexcept { return holder_; }
  /// Whether the file is still named and as long as its mapping: nobody removed or cut it.
  bool is_intact() const noexcept {
    const std::int64_t now = trust_ == 0 ? 0 : std::chrono::steady_clock::now().time_since_epoch().count();
    if (now < trusted_until_.load(std::memory_order_relaxed)) return true;
    struct stat answer {};
    const bool intact = ::fstat(file_.get(), &answer) == 0 && answer.st_nlink != 0 && static_cast<std::uint64_t>(answer.st_size) >= file_size;
    trusted_until_.store(intact ? now + trust_ : 0, std::memory_order_relaxed);
    return intact;
  }

  /// In a child of `fork`: gives up its share of the lock, which is its parent's. From then on the table is not intact.
  void leave() noexcept { file_.reset(); }

  /// Takes the lease of a key that has none, in a free lane or one whose holder is not known to live.
  attempt take(const digest& id) noexcept {
    const std::uint64_t tag = tag_of(id);
    const std::size_t first = first_lane(id);
    for (unsigned tries = 0; tries < most_tries; ++tries) {
      std::uint64_t version = version_of(first).load();
      std::size_t chosen = none;
      for (std::size_t lane = first; lane < first + lanes; ++lane) {
        const std::uint64_t found = word(lane).load();
        if (is_of(found, tag)) return {outcome::busy, lane, found};
        if (found == 0 && chosen == none) chosen = lane;
      }
      std::uint64_t before = 0;
      if (chosen == none) chosen = abandoned_among(first, before);
      if (chosen == none) return {};
      const std::uint64_t mine = tag | first_count(version);
      if (!word(chosen).compare_exchange_strong(before, mine)) continue;
      holder_of(chosen).store(holder_);
      if (version_of(first).compare_exchange_strong(version, version + 1)) return {outcome::taken, chosen, mine};
      release(chosen, mine);
    }
    return {};
  }
  /// Takes a lease from a holder who does not keep it, when the lane still says what it said.
  attempt take_over(const digest& id, std::size_t lane, std::uint64_t seen) noexcept {
    const std::uint64_t mine = next(seen);
    if (!word(lane).compare_exchange_strong(seen, mine)) return {outcome::busy, lane, seen};
    holder_of(lane).store(holder_);
    // Who was killed before he had raised the version may have left a lane beside the key's real one.
    const std::size_t first = first_lane(id);
    for (std::size_t other = first; other < first + lanes; ++other) {
      const std::uint64_t found = word(other).load();
      if (other == lane || !is_of(found, tag_of(id))) continue;
      release(lane, mine);
      return {outcome::busy, other, found};
    }
    return {outcome::taken, lane, mine};
  }
  /// Says that the holder lives; false when the lease is not what it was, and so another's by now.
  bool renew(std::size_t lane, std::uint64_t& held) noexcept {
    std::uint64_t before = held;
    if (!word(lane).compare_exchange_strong(before, next(held))) return false;
    held = next(held);
    return true;
  }
  bool holds(std::size_t lane, std::uint64_t held) const noexcept { return word(lane).load() == held; }
  void release(std::size_t lane, std::uint64_t held) noexcept {
    std::uint64_t mine = holder_;
    holder_of(lane).compare_exchange_strong(mine, 0);  // the next one in the lane is not to be taken for this one
    if (word(lane).compare_exchange_strong(held, 0)) wake(lane);
  }

  /// Ends a key's lease, whoever has it; whether there was one.
  bool revoke(const digest& id) noexcept {
    bool any = false;
    for (std::size_t lane = first_lane(id); lane < first_lane(id) + lanes; ++lane)
      if (std::uint64_t found = word(lane).load(); is_of(found, tag_of(id))) any = end(lane, found) || any;
    return any;
  }
  bool revoke_all() noexcept {
    bool any = false;
    for (std::size_t lane = 0; lane < buckets * lanes; ++lane)
      if (std::uint64_t found = word(lane).load(); found != 0) any = end(lane, found) || any;
    return any;
  }

  /// Returns when the lease is let go of, and after `longest` at the latest.
  void wait(std::size_t lane, std::uint64_t seen, std::chrono::nanoseconds longest) noexcept {
    waiting(lane).fetch_add(1);
    sync::futex_wait(half(lane), static_cast<std::uint32_t>(seen), longest);
    if (is_intact()) waiting(lane).fetch_sub(1);
  }
  /// Whether the process that took the lease in this lane lives.
  liveness of_holder(std::size_t lane) const noexcept {
    const std::uint64_t who = holder_of(lane).load();
    if (who == 0) return liveness::unknown;
    if (who == holder_) return liveness::alive;
    struct flock asked = byte(who);
    if (::fcntl(file_.get(), F_OFD_GETLK, &asked) != 0) return liveness::unknown;
    return asked.l_type == F_UNLCK ? liveness::dead : liveness::alive;
  }
  bool is_own(std::size_t lane) const noexcept { return holder_ != 0 && holder_of(lane).load() == holder_; }

 private:
  static constexpr std::size_t none = ~std::size_t{0};
  static constexpr unsigned most_tries = 64;  // an end even where somebody scribbles
  static constexpr std::uint64_t counts = std::uint64_t{1} << 24;

  lease_table(file_descriptor file, std::byte* base, std::chrono::nanoseconds trust)
      : file_(std::move(file)), base_(base), trust_(trust.count()) {
    const std::uint64_t number = random_bits() >> 2 | 1;
    struct flock mine = byte(number);
    if (::fcntl(file_.get(), F_OFD_SETLK, &mine) == 0) holder_ = number;
  }

  static struct flock byte(std::uint64_t at) noexcept {
    struct flock one {};
    one.l_type = F_WRLCK;
    one.l_whence = SEEK_SET;
    one.l_start = static_cast<off_t>(at);
    one.l_len = 1;
    return one;
  }

  static std::uint64_t tag_of(const digest& id) noexcept { return (id.high << 24) | counts; }
  static bool is_of(std::uint64_t found, std::uint64_t tag) noexcept { return (found & ~(counts - 1)) == tag; }
  static std::uint64_t next(std::uint64_t word) noexcept { return (word & ~(counts - 1)) | ((word + 1) & (counts - 1)); }
  /// No two leases of a lane begin with the same count but by a rare chance: who lost one is not to take the next for his.
  std::uint64_t first_count(std::uint64_t version) const noexcept { return ((version + holder_) * 0x9e37'79b9'7f4a'7c15U) >> 40; }
  /// Lanes are numbered through all buckets.
  static std::size_t first_lane(const digest& id) noexcept { return static_cast<std::size_t>(id.low % buckets) * lanes; }

  std::atomic_ref<std::uint64_t> number_at(std::size_t offset) const noexcept {
    return std::atomic_ref<std::uint64_t>(*reinterpret_cast<std::uint64_t*>(base_ + offset));
  }
  std::atomic_ref<std::uint64_t> version_of(std::size_t lane) const noexcept { return number_at(lane / lanes * bucket_size); }
  std::atomic_ref<std::uint64_t> waiting(std::size_t lane) const noexcept { return number_at(lane / lanes * bucket_size + 8); }
  static std::size_t offset_of(std::size_t lane) noexcept { return lane / lanes * bucket_size + 16 + lane % lanes * 16; }
  std::atomic_ref<std::uint64_t> word(std::size_t lane) const noexcept { return number_at(offset_of(lane)); }
  std::atomic_ref<std::uint64_t> holder_of(std::size_t lane) const noexcept { return number_at(offset_of(lane) + 8); }
  /// The low half of a lane's word, never zero while there is a lease.
  const std::uint32_t* half(std::size_t lane) const noexcept { return reinterpret_cast<const std::uint32_t*>(base_ + offset_of(lane)); }

  std::size_t abandoned_among(std::size_t first, std::uint64_t& before) const noexcept {
    for (std::size_t lane = first; lane < first + lanes; ++lane) {
      before = word(lane).load();
      if (of_holder(lane) != liveness::alive) return lane;
    }
    return none;
  }
  bool end(std::size_t lane, std::uint64_t found) noexcept {
    const bool ended = word(lane).compare_exchange_strong(found, 0);
    if (ended) wake(lane);
    return ended;
  }
  void wake(std::size_t lane) const noexcept {
    if (waiting(lane).load() != 0) sync::futex_wake(half(lane));
  }

  file_descriptor file_;
  std::byte* base_;
  std::uint64_t holder_ = 0;
  const std::int64_t trust_;                               // ns
  mutable std::atomic<std::int64_t> trusted_until_{0};  // by the steady clock
};

}  // namespace larder::storage
