#pragma once

// A block of a few entries and all that a look-up needs of them, in one stretch of whole cache lines: a tag of seven bits per
// entry, how many entries were turned away for want of room, a version for readers without a lock, four bits of use per entry,
// and the entries. A hit touches nothing else, so it costs what a bare hash table's find does.

#include <larder/core/prefetch.hpp>

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace larder::storage {

namespace detail {

inline constexpr std::size_t block_header = 16;
inline constexpr std::size_t cache_line = 64;
inline constexpr std::size_t most_in_block = 7;

constexpr std::size_t block_size(std::size_t entry_size, std::size_t entries) noexcept {
  return (block_header + entry_size * entries + cache_line - 1) / cache_line * cache_line;
}
/// The number of entries per block that wastes least.
constexpr std::size_t best_in_block(std::size_t entry_size) noexcept {
  std::size_t best = most_in_block;
  for (std::size_t n = most_in_block - 1; n >= 3; --n)
    if (block_size(entry_size, n) * best < block_size(entry_size, best) * n) best = n;
  return best;
}

/// Two lines that belong together are fetched together.
constexpr std::size_t block_alignment(std::size_t entry_size) noexcept {
  return block_size(entry_size, best_in_block(entry_size)) % (2 * cache_line) == 0 ? 2 * cache_line : cache_line;
}

}  // namespace detail

/// What a block says of its entries to a look-up: a tag of seven bits each, nothing for a free place, and in the top byte how many entries
/// went on to another block: those of each half of the hashes apart, so that half of the searches that would follow need not (`many` and
/// a half is not counted any more).
class block_tags {
 public:
  static constexpr std::uint64_t many = 15;
  /// The tag of an entry: its top bit says that the place is taken.
  static constexpr std::uint8_t taken = 0x80;

  explicit block_tags(std::uint64_t word) noexcept : word_(word) {}
  std::uint64_t word() const noexcept { return word_; }

  /// One bit set, the top one of its byte, for each place with that tag; now and then for another that is taken, too.
  std::uint64_t with(std::uint64_t tag) const noexcept {
    // A byte becomes zero where the tags are the same. Taking one from each borrows at zeros only, and free places, whose
    // top bit stays set, are masked out; a borrow can pass on to the next byte, which costs one comparison of keys.
    const std::uint64_t x = word_ ^ (tag * ones);
    return (x - ones) & ~x & tops;
  }
  /// The same for the free ones among the first `places`.
  std::uint64_t free(std::size_t places) const noexcept { return ~word_ & tops & ((std::uint64_t{1} << (8 * places)) - 1); }
  /// The lowest bit that is set, and the place whose byte a bit is in.
  static std::uint32_t first_bit(std::uint64_t found) noexcept { return static_cast<std::uint32_t>(std::countr_zero(found)); }
  static std::uint32_t place_of(std::uint32_t bit) noexcept { return bit / 8; }
  static std::size_t first(std::uint64_t found) noexcept { return place_of(first_bit(found)); }
  /// The bit by which a place is found.
  static std::uint32_t bit_of(std::size_t place) noexcept { return static_cast<std::uint32_t>(place * 8 + 7); }

  /// Bits 24 to 30: the shard is chosen by the lowest, the half by the one below, the block by the upper 32.
  static std::uint8_t tag_of(std::uint64_t hash) noexcept { return static_cast<std::uint8_t>((hash >> 24) | taken); }
  /// The half of the hashes, 0 or 1: by the bit below the tag's.
  static std::uint32_t half_of(std::uint64_t hash) noexcept { return static_cast<std::uint32_t>(hash >> 23) & 1U; }
  std::uint64_t passed(std::uint32_t half) const noexcept { return (word_ >> (56 + 4 * half)) & many; }
  std::uint8_t operator[](std::size_t place) const noexcept { return static_cast<std::uint8_t>(word_ >> (8 * place)); }

  block_tags set(std::size_t place, std::uint8_t tag) const noexcept {
    return block_tags((word_ & ~(std::uint64_t{0xff} << (8 * place))) | (static_cast<std::uint64_t>(tag) << (8 * place)));
  }
  block_tags one_more_passed(std::uint32_t half) const noexcept { return block_tags(passed(half) == many ? word_ : word_ + one(half)); }
  block_tags one_less_passed(std::uint32_t half) const noexcept { return block_tags(passed(half) == many ? word_ : word_ - one(half)); }

 private:
  static std::uint64_t one(std::uint32_t half) noexcept { return std::uint64_t{1} << (56 + 4 * half); }
  static constexpr std::uint64_t ones = 0x0001010101010101ULL;
  static constexpr std::uint64_t tops = 0x0080808080808080ULL;
  std::uint64_t word_;
};

/// The block. With `Shared`, one writer at a time (under a lock) and any number of readers (without one): entries must be
/// trivially copyable then, are read and written as words, and a reader takes what it read only when `version` did not change.
/// Without, entries are plain objects. `Atomic` is for tests that step through its use.
template <class Entry, bool Shared, template <class> class Atomic = std::atomic>
class alignas(detail::block_alignment(sizeof(Entry))) entry_block {
 public:
  static constexpr std::size_t places = detail::best_in_block(sizeof(Entry));

  /// Asks for the lines behind the first before the tags say which is needed: both are on their way at once.
  void prefetch() const noexcept {
    constexpr std::size_t lines = sizeof(entry_block) / detail::cache_line;
    for (std::size_t i = 1; i < lines; ++i) core::prefetch(reinterpret_cast<const std::byte*>(this) + i * detail::cache_line);
  }

  block_tags tags() const noexcept { return block_tags(tags_.load(std::memory_order_acquire)); }
  void set_tags(block_tags tags) noexcept { tags_.store(tags.word(), std::memory_order_release); }

  // ---------------------------------------------------------------------------------------- four bits per entry

  /// A count of two bits. Readers without a lock change it, too, and overwrite each other's and the writer's changes of the
  /// block's counts at times: it is for what may be lost, and no hit waits for the lock of a bus.
  std::uint8_t count(std::size_t place) const noexcept {
    return static_cast<std::uint8_t>(std::uint32_t{counts_.load(std::memory_order_relaxed)} >> (2 * place) & 3U);
  }
  void set_count(std::size_t place, std::uint8_t n) noexcept {
    const std::uint32_t others = counts_.load(std::memory_order_relaxed) & ~(std::uint32_t{3} << (2 * place));
    counts_.store(static_cast<std::uint16_t>(others | (std::uint32_t{n} << (2 * place))), std::memory_order_relaxed);
  }
  /// A bit that is right where only the writer sets it.
  bool flag(std::size_t place) const noexcept { return (std::uint32_t{flags_.load(std::memory_order_relaxed)} >> place & 1U) != 0; }
  void set_flag(std::size_t place, bool on) noexcept { set_bit(flags_, place, on); }
  /// Whether a hit has nothing to write: all that a hit tests. As easily lost as a count.
  bool settled(std::size_t place) const noexcept {
    return (std::uint32_t{settled_.load(std::memory_order_relaxed)} >> place & 1U) != 0;
  }
  void set_settled(std::size_t place, bool on) noexcept { set_bit(settled_, place, on); }

  // -------------------------------------------------------------------------------------------------- entries

  /// The entry itself, or for shared blocks a copy; under the writers' lock.
  decltype(auto) operator[](std::size_t place) noexcept {
    if constexpr (Shared)
      return copy(place);
    else
      return static_cast<Entry&>(*std::launder(reinterpret_cast<Entry*>(storage_.data() + place * sizeof(Entry))));
  }

  /// The entry whose place was found by this bit of the tags: eight times its number, near enough, spares computing that.
  decltype(auto) at_bit(std::uint32_t bit) noexcept {
    if constexpr (Shared || sizeof(Entry) % 8 != 0)
      return (*this)[block_tags::place_of(bit)];
    else
      return static_cast<Entry&>(
          *std::launder(reinterpret_cast<Entry*>(storage_.data() + (bit - block_tags::bit_of(0)) * (sizeof(Entry) / 8))));
  }

  /// A copy for readers without a lock; it is one entry only if `version` is the same before and after.
  [[gnu::always_inline]] Entry copy(std::size_t place) const noexcept
    requires Shared
  {
    std::array<std::uint64_t, words> read;
    for (std::size_t i = 0; i < words; ++i) read[i] = storage_[place * words + i].load(std::memory_order_acquire);
    return std::bit_cast<Entry>(read);
  }
  /// Even when no writer is at work on an entry of the block.
  std::uint32_t version() const noexcept { return version_.load(std::memory_order_acquire); }
  std::uint32_t version_again() const noexcept { return version_.load(std::memory_order_relaxed); }

  /// Makes the entry in a place that is free; the tag comes later.
  template <class... Arguments>
  void construct(std::size_t place, Arguments&&... arguments) {
    if constexpr (Shared)
      write(place, Entry(std::forward<Arguments>(arguments)...));
    else
      ::new (static_cast<void*>(storage_.data() + place * sizeof(Entry))) Entry(std::forward<Arguments>(arguments)...);
  }
  void destroy(std::size_t place) noexcept {
    if constexpr (!Shared) std::destroy_at(&(*this)[place]);
  }
  /// f(entry) changes the entry.
  template <class F>
  void change(std::size_t place, F&& f) {
    if constexpr (Shared) {
      Entry e = copy(place);
      f(e);
      write(place, e);
    } else {
      f((*this)[place]);
    }
  }

 private:
  static constexpr std::size_t words = sizeof(Entry) / sizeof(std::uint64_t);
  static_assert(!Shared || (std::is_trivially_copyable_v<Entry> && sizeof(Entry) % sizeof(std::uint64_t) == 0));

  /// Each store is a release and each load of a reader an acquire: who sees a new word sees the odd version, too.
  void write(std::size_t place, const Entry& e) noexcept {
    std::array<std::uint64_t, words> written;
    std::memcpy(written.data(), &e, sizeof(Entry));
    const std::uint32_t before = version_.load(std::memory_order_relaxed);
    version_.store(before + 1, std::memory_order_relaxed);
    for (std::size_t i = 0; i < words; ++i) storage_[place * words + i].store(written[i], std::memory_order_release);
    version_.store(before + 2, std::memory_order_release);
  }

  static void set_bit(Atomic<std::uint8_t>& bits, std::size_t place, bool on) noexcept {
    const std::uint32_t others = bits.load(std::memory_order_relaxed) & ~(std::uint32_t{1} << place);
    bits.store(static_cast<std::uint8_t>(others | (std::uint32_t{on} << place)), std::memory_order_relaxed);
  }

  static constexpr std::size_t room = detail::block_size(sizeof(Entry), places) - detail::block_header;
  struct shared_storage : std::array<Atomic<std::uint64_t>, room / sizeof(std::uint64_t)> {};
  struct alignas(16) own_storage : std::array<std::byte, room> {};

  Atomic<std::uint64_t> tags_{0};
  Atomic<std::uint32_t> version_{0};
  Atomic<std::uint16_t> counts_{0};
  Atomic<std::uint8_t> flags_{0};
  Atomic<std::uint8_t> settled_{0};
  std::conditional_t<Shared, shared_storage, own_storage> storage_;
};

}  // namespace larder::storage
