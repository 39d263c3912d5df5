#pragma once

// The order in which the processes that share a directory of segments changed it: a ring of words in a mapped file. A change is made
// by placing one word at the end with one compare-and-swap, by whoever has seen every word before it; so no process ever waits for
// another one, and one that is stopped or killed at any instruction holds nobody up.
//
//   header, 4096 bytes   magic "LARDERL\n", version, number of slots, sequence of position 0, id, zeros, XXH3-64 of bytes 0..47;
//                        at 64: the active segment and its end, since which position, what it was at first, and up to where there is room; at 128: the oldest segment that counts; at 192: a hint of the log's end
//   slot, 16 bytes       the word: round of the ring 8 bits, kind 4, segment 26, unit 26; beside it the low half of the key's
//                        digest, exclusive-or the word
//
// The log says what is published to those who work at the same time. What survives them are the segments; a log is never needed to read
// them, and whoever finds nobody else in the directory starts a new one.

#include <larder/core/error.hpp>
#include <larder/format/segment_record.hpp>
#include <larder/storage/posix_file.hpp>

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

namespace larder::storage {

class shared_log {
 public:
  enum class change : std::uint8_t {
    record = 1,   ///< the record at the place is published
    evicted = 2,  ///< the record at the place was evicted
    sealed = 3,   ///< nothing more comes into the segment, whose records end at the unit
    dropped = 4,  ///< every segment below this one is gone
    removed = 5,  ///< this segment alone is gone
    retired = 6,  ///< another log has taken over
  };
  struct entry {
    change what = change::record;
    format::record_place place;
  };
  enum class outlook : std::uint8_t { found, not_yet, lost };
  /// Up to where records of a segment may be taken, or, while somebody makes room, up to where he does.
  struct room_end {
    std::uint32_t segment = 0;
    std::uint32_t unit = 0;
    bool in_the_making = false;

    static room_end at(std::uint32_t segment, std::uint64_t offset, bool in_the_making) noexcept {
      return {segment, static_cast<std::uint32_t>(offset / format::record_place::unit_size), in_the_making};
    }
    std::uint64_t offset() const noexcept { return unit * format::record_place::unit_size; }
    std::uint64_t word() const noexcept { return std::uint64_t{segment} << 32 | unit | (in_the_making ? making_bit : 0); }
    static room_end of_word(std::uint64_t word) noexcept {
      return {static_cast<std::uint32_t>(word >> 32), static_cast<std::uint32_t>(word & (making_bit - 1)), (word & making_bit) != 0};
    }

   private:
    static constexpr std::uint64_t making_bit = std::uint64_t{1} << 31;
  };

  shared_log() noexcept = default;
  shared_log(shared_log&& other) noexcept
      : file_(std::move(other.file_)),
        base_(std::exchange(other.base_, nullptr)),
        size_(std::exchange(other.size_, 0)),
        slots_log2_(other.slots_log2_),
        first_sequence_(other.first_sequence_),
        read_only_(other.read_only_) {}
  shared_log& operator=(shared_log&& other) noexcept {
    std::swap(file_, other.file_);
    std::swap(base_, other.base_);
    std::swap(size_, other.size_);
    std::swap(slots_log2_, other.slots_log2_);
    std::swap(first_sequence_, other.first_sequence_);
    std::swap(read_only_, other.read_only_);
    return *this;
  }
  ~shared_log() {
    if (base_ != nullptr) ::munmap(base_, size_);
  }
  explicit operator bool() const noexcept { return base_ != nullptr; }

  /// Makes a new log under a temporary name and puts it in the place of what is at `path`. Throws `file_error`.
  static shared_log create(const std::string& path, const std::string& staging, unsigned slots_log2, std::uint64_t first_sequence,
                           std::uint32_t oldest, format::record_place active, std::uint64_t id) {
    shared_log made;
    made.slots_log2_ = slots_log2;
    made.first_sequence_ = first_sequence;
    made.file_ = open_file(staging, O_RDWR | O_CREAT | O_EXCL);
    if (!made.file_) fail_file("create", staging, errno);
    try {
      made.size_ = size_for(slots_log2);
      // Every page is there before it is written through the mapping: a full device is an error here and no signal later.
      if (const int number = allocate(made.file_, made.size_); number != 0) fail_file("make room for", path, number);
      made.map(path);
      std::byte* const at = made.base_;
      std::memcpy(at, magic.data(), magic.size());
      std::memcpy(at + 8, &version, 4);
      const std::uint32_t slots = slots_log2;
      std::memcpy(at + 12, &slots, 4);
      std::memcpy(at + 16, &first_sequence, 8);
      std::memcpy(at + 24, &id, 8);
      const std::uint64_t checksum = XXH3_64bits(at, 48);
      std::memcpy(at + 48, &checksum, 8);
      made.number_at(oldest_offset).store(oldest, std::memory_order_relaxed);
      made.active().store(active.word(), std::memory_order_relaxed);
      made.number_at(begin_offset).store(active.word(), std::memory_order_relaxed);
      made.room().store(active.unit == 0 ? 0 : active.word(), std::memory_order_relaxed);
      if (::rename(staging.c_str(), path.c_str()) != 0) fail_file("create", path, errno);
    } catch (...) {
      ::unlink(staging.c_str());
      throw;
    }
    return made;
  }

  /// The log at `path`, or nothing when there is none that is whole. With `read_only` the file need not be writable and is not written: for
  /// who only looks, and places nothing. Throws `file_error` when the system refuses.
  static std::optional<shared_log> open(const std::string& path, bool read_only = false) {
    shared_log found;
    found.read_only_ = read_only;
    found.file_ = open_file(path, (read_only ? O_RDONLY : O_RDWR) | O_NONBLOCK);
    if (!found.file_) {
      if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP || errno == ENXIO || errno == EISDIR) return std::nullopt;
      fail_file("open", path, errno);
    }
    std::array<std::byte, 56> header{};
    const file_identity identity = identify(found.file_, path);
    if (!identity.regular || read_at(found.file_, header.data(), header.size(), 0, path) != header.size()) return std::nullopt;
    std::uint32_t found_version = 0;
    std::uint64_t checksum = 0;
    std::memcpy(&found_version, header.data() + 8, 4);
    std::memcpy(&found.slots_log2_, header.data() + 12, 4);
    std::memcpy(&found.first_sequence_, header.data() + 16, 8);
    std::memcpy(&checksum, header.data() + 48, 8);
    if (std::memcmp(header.data(), magic.data(), magic.size()) != 0 || XXH3_64bits(header.data(), 48) != checksum ||
        found_version != version || found.slots_log2_ > 24 || identity.size != size_for(found.slots_log2_))
      return std::nullopt;
    found.size_ = identity.size;
    found.map(path);
    return found;
  }

  std::uint64_t slots() const noexcept { return std::uint64_t{1} << slots_log2_; }
  /// The sequence that belongs to a position.
  std::uint64_t sequence_at(std::uint64_t position) const noexcept { return first_sequence_ + position; }

  /// What is at a position: an entry, nothing yet, or it was overwritten by a later round.
  outlook read(std::uint64_t position, entry& to) const noexcept {
    // The round has eight bits only: who is behind by more than the ring is not to be misled by one that comes again.
    if (number_at(end_offset).load(std::memory_order_relaxed) > position + slots()) return outlook::lost;
    const std::uint64_t word = slot(position).load(std::memory_order_acquire);
    const auto round = static_cast<std::uint8_t>(word >> 56);
    if (round != round_of(position)) return static_cast<std::uint8_t>(round + 1) == round_of(position) ? outlook::not_yet : outlook::lost;
    to = decode(word);
    return outlook::found;
  }
  /// Whether there is nothing at a position yet: all that a reader asks who has seen everything before it. One that was overwritten is no end.
  bool ends_at(std::uint64_t position) const noexcept {
    return static_cast<std::uint8_t>((slot(position).load(std::memory_order_acquire) >> 56) + 1) == round_of(position);
  }
  /// The first position with nothing at it.
  std::uint64_t end() noexcept {
    const auto hint = number_at(end_offset);
    std::uint64_t position = hint.load(std::memory_order_relaxed);
    while (!ends_at(position)) ++position;
    raise_end(position);
    return position;
  }
  /// Places an entry at a position where there is none; false when somebody else was faster.
  bool append(std::uint64_t position, const entry& what, std::uint64_t tag) noexcept {
    const auto at = slot(position);
    std::uint64_t before = at.load(std::memory_order_relaxed);
    if (static_cast<std::uint8_t>((before >> 56) + 1) != round_of(position)) return false;
    const std::uint64_t word = encode(what, position);
    if (!at.compare_exchange_strong(before, word, std::memory_order_acq_rel, std::memory_order_relaxed)) return false;
    tag_at(position).store(tag ^ word, std::memory_order_relaxed);
    if (position % 64 == 0) raise_end(position);
    return true;
  }
  /// Places an entry at the end, whatever came before it meanwhile, and says where.
  std::uint64_t append_at_end(std::uint64_t from, const entry& what, std::uint64_t tag) noexcept {
    for (std::uint64_t position = from;; ++position)
      if (append(position, what, tag)) return position;
  }
  /// The low half of the digest of the key whose record is published at a position; anything when its publisher was killed just then.
  std::uint64_t tag(std::uint64_t position) const noexcept {
    return tag_at(position).load(std::memory_order_relaxed) ^ slot(position).load(std::memory_order_relaxed);
  }

  /// The segment that takes records and where it ends, as the word of a place; with unit 0 it is sealed, and the next number's turn.
  std::atomic_ref<std::uint64_t> active() const noexcept { return number_at(active_offset); }
  /// The position at which the active segment was opened: what was published in it is named from there on.
  std::atomic_ref<std::uint64_t> active_since() const noexcept { return number_at(since_offset); }
  /// The word of a `room_end`: nobody takes room beyond it.
  std::atomic_ref<std::uint64_t> room() const noexcept { return number_at(room_offset); }
  /// Where records were to come when the log began: what the segment holds before that was published earlier.
  format::record_place begin() const noexcept {
    return format::record_place::of_word(number_at(begin_offset).load(std::memory_order_relaxed));
  }
  /// Segments below this one do not count any more.
  std::uint32_t oldest() const noexcept { return static_cast<std::uint32_t>(number_at(oldest_offset).load(std::memory_order_acquire)); }
  void raise_oldest(std::uint32_t to) const noexcept {
    const auto at = number_at(oldest_offset);
    std::uint64_t now = at.load(std::memory_order_relaxed);
    while (now < to && !at.compare_exchange_weak(now, to, std::memory_order_acq_rel, std::memory_order_relaxed)) {
    }
  }
  /// From now on this process, or a child of it, is seen to follow the log, as long as the log's file is open in it.
  void hold() const noexcept {
    struct flock lock = first_byte(F_RDLCK);
    ::fcntl(file_.get(), F_OFD_SETLK, &lock);  // where there are no such locks, nobody is seen
  }
  /// Whether somebody is seen to follow the log. Asks without taking anything that others could have to wait for.
  bool is_held() const noexcept {
    struct flock lock = first_byte(F_WRLCK);
    return ::fcntl(file_.get(), F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
  }
  /// Whether the file is still named and as long as its mapping: nobody removed or cut it.
  bool intact() const noexcept {
    struct stat answer {};
    if (::fstat(file_.get(), &answer) != 0) return true;  // nobody says otherwise
    return answer.st_nlink != 0 && static_cast<std::uint64_t>(answer.st_size) >= size_;
  }
  /// Whether the file is still named and was cut.
  bool is_cut() const noexcept {
    struct stat answer {};
    return ::fstat(file_.get(), &answer) == 0 && answer.st_nlink != 0 && static_cast<std::uint64_t>(answer.st_size) < size_;
  }

 private:
  static constexpr std::array<char, 8> magic{'L', 'A', 'R', 'D', 'E', 'R', 'L', '\n'};
  static constexpr std::uint32_t version = 2;
  static constexpr std::size_t header_size = 4096;
  static constexpr std::size_t active_offset = 64;
  static constexpr std::size_t since_offset = 72;
  static constexpr std::size_t begin_offset = 80;
  static constexpr std::size_t room_offset = 88;
  static constexpr std::size_t oldest_offset = 128;
  static constexpr std::size_t end_offset = 192;
  static constexpr std::uint64_t number_mask = (std::uint64_t{1} << 26) - 1;

  static struct flock first_byte(int type) noexcept {
    struct flock lock {};
    lock.l_type = static_cast<short>(type);
    lock.l_whence = SEEK_SET;
    lock.l_len = 1;
    return lock;
  }
  static std::size_t size_for(unsigned slots_log2) noexcept { return header_size + (std::size_t{16} << slots_log2); }

  static int allocate(const file_descriptor& file, std::uint64_t size) noexcept {
    if (uninterrupted([&] { return ::fallocate(file.get(), 0, 0, static_cast<off_t>(size)); }) == 0) return 0;
    return errno == EOPNOTSUPP || errno == ENOSYS ? ::posix_fallocate(file.get(), 0, static_cast<off_t>(size)) : errno;
  }
  void map(const std::string& path) {
    void* const address = ::mmap(nullptr, size_, read_only_ ? PROT_READ : PROT_READ | PROT_WRITE, MAP_SHARED, file_.get(), 0);
    if (address == MAP_FAILED) fail_file("map", path, errno);
    base_ = static_cast<std::byte*>(address);
  }

  void raise_end(std::uint64_t to) noexcept {
    if (read_only_) return;
    const auto hint = number_at(end_offset);
    std::uint64_t now = hint.load(std::memory_order_relaxed);
    while (now < to && !hint.compare_exchange_weak(now, to, std::memory_order_relaxed)) {
    }
  }
  std::atomic_ref<std::uint64_t> number_at(std::size_t offset) const noexcept {
    return std::atomic_ref<std::uint64_t>(*reinterpret_cast<std::uint64_t*>(base_ + offset));
  }
  std::atomic_ref<std::uint64_t> slot(std::uint64_t position) const noexcept {
    return number_at(header_size + 16 * static_cast<std::size_t>(position & (slots() - 1)));
  }
  std::atomic_ref<std::uint64_t> tag_at(std::uint64_t position) const noexcept {
    return number_at(header_size + 16 * static_cast<std::size_t>(position & (slots() - 1)) + 8);
  }
  std::uint8_t round_of(std::uint64_t position) const noexcept { return static_cast<std::uint8_t>((position >> slots_log2_) + 1); }

  std::uint64_t encode(const entry& what, std::uint64_t position) const noexcept {
    return std::uint64_t{round_of(position)} << 56 | static_cast<std::uint64_t>(what.what) << 52 |
           (what.place.segment & number_mask) << 26 | (what.place.unit & number_mask);
  }
  /// A segment's number is the one with these low bits that is nearest to the oldest that counts, before it or after it.
  entry decode(std::uint64_t word) const noexcept {
    const std::uint32_t near = oldest();
    const std::uint64_t after = ((word >> 26) - near) & number_mask;
    const auto number = static_cast<std::uint32_t>(after <= number_mask / 2 ? near + after : near - (number_mask + 1 - after));
    return {static_cast<change>(word >> 52 & 15), {number, static_cast<std::uint32_t>(word & number_mask)}};
  }

  file_descriptor file_;
  std::byte* base_ = nullptr;
  std::size_t size_ = 0;
  unsigned slots_log2_ = 0;
  std::uint64_t first_sequence_ = 0;
  bool read_only_ = false;
};

}  // namespace larder::storage
