#pragma once

#include <larder/core/concepts.hpp>
#include <larder/core/error.hpp>
#include <larder/core/slot.hpp>
#include <larder/storage/block_search.hpp>
#include <larder/storage/block_segment.hpp>
#include <larder/storage/table_entry.hpp>

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

namespace larder::storage {

/// What a spec's blocks are made of; tests take words that they can watch.
template <class Spec>
struct block_words {
  template <class T>
  using atomic = std::atomic<T>;
  /// How often a reader without a lock begins again when a writer came between.
  static constexpr int most_tries = 16;
};

/// Where a shard's entries are when they are small and their number is limited: in blocks, key and value beside the tags that
/// find them (`entry_block`). A hit touches one block; what the order keeps lies apart, where hits do not come. The first
/// segment of blocks is made for the limit and at most four fifths full; when the limit is raised, or a shard gets more than its part
/// of the keys, segments are added and looked through in turn. No entry ever moves, so slot numbers are stable.
template <class Spec>
class block_places {
 public:
  using key = typename Spec::key;
  using key_view = typename Spec::key_view;
  using payload = typename Spec::payload;
  using entry = block_entry<Spec>;
  using state = typename core::counted_state_of<typename Spec::eviction>::type;
  static constexpr bool counts_uses = core::has_counted_uses<typename Spec::eviction>;
  /// Whether the order still hears of each use of an entry that it has flagged.
  static constexpr bool tells_of_flagged = counts_uses && requires { requires Spec::eviction::hears_of_flagged; };
  static constexpr bool rations_uses = !counts_uses && core::rationed_uses<typename Spec::eviction> != 0;
  /// Whether look-ups need no lock: the entry can be copied while it is written, and a hit changes nothing but marks.
  static constexpr bool concurrent_reads = Spec::synchronized && (counts_uses || rations_uses) && !Spec::keeps_accessed &&
                                           std::is_trivially_copyable_v<entry> && sizeof(entry) % 8 == 0 && alignof(entry) <= 8;
  /// Whether a spec's entries belong into blocks.
  static constexpr bool suits = Spec::bounded && sizeof(entry) <= 48 && alignof(entry) <= 16;

 private:
  using block = entry_block<entry, concurrent_reads, block_words<Spec>::template atomic>;
  using segment = block_segment<block, state, !Spec::rehashes>;
  using search = block_search<block, entry>;

 public:
  block_places(const Spec& spec, std::size_t expected) : tells_all_(expected < rationed_from), spec_(spec) {
    add_segment(blocks_for(expected));
  }
  block_places(const block_places&) = delete;
  block_places& operator=(const block_places&) = delete;
  ~block_places() {
    if constexpr (!std::is_trivially_destructible_v<entry>) for_each([&](slot place) { (*this)[place].~entry(); });
  }

  /// Asks for the memory where a look-up will begin, ahead of it; needs no lock.
  void prefetch(std::uint64_t hash) const noexcept {
    const block* const x = row_.blocks + row_.home(hash);
    core::prefetch(x);
    x->prefetch();
  }

  using cursor = typename search::cursor;
  static constexpr cursor nowhere{};
  /// Nearly every entry is the first with its tag in its own block: only that much is compiled into the caller.
  [[gnu::always_inline]] cursor locate(const key_view& k, std::uint64_t hash) const {
    const std::size_t home = row_.home(hash);
    block* const x = row_.blocks + home;
    x->prefetch();
    const std::uint64_t found = x->tags().with(block_tags::tag_of(hash));
    if (found != 0) [[likely]] {
      const std::uint32_t bit = block_tags::first_bit(found);
      if (x->at_bit(bit).key == k) [[likely]] {
        if (x == nullptr) __builtin_unreachable();  // spares the caller to ask whether it was found
        return {x, bit, static_cast<slot>(home * block::places + block_tags::place_of(bit))};
      }
    }
    return locate_anywhere(k, hash);
  }
  static bool found(const cursor& at) noexcept { return at.in != nullptr; }
  static slot slot_of(const cursor& at) noexcept { return at.number; }
  decltype(auto) operator[](slot place) noexcept { return at(cursor_of(place)); }
  decltype(auto) operator[](slot place) const noexcept { return at(cursor_of(place)); }
  static decltype(auto) at(const cursor& at) noexcept { return at.in->at_bit(at.bit); }

  /// A look-up without a lock, beside at most one writer: f(entry) on a copy that was one moment's truth. Counts a use when
  /// told to; `untold` is how many the order is to be told of. `busy` when writers kept in the way.
  template <class Expired, class F>
  [[gnu::always_inline]] unlocked_read read(const key_view& k, std::uint64_t hash, bool counted, std::uint8_t& untold, Expired&& expired,
                                            F&& f) const
    requires concurrent_reads
  {
    const auto use = [&](block& x, std::size_t place, const entry& e) {
      if (expired(e)) return unlocked_read::too_old;
      f(e);
      if (counted) untold = count(x, place);
      return unlocked_read::hit;
    };
    block& x = row_.blocks[row_.home(hash)];
    x.prefetch();
    const std::uint32_t version = x.version();
    const std::uint64_t found = x.tags().with(block_tags::tag_of(hash));
    if (found != 0) [[likely]] {
      const std::size_t place = block_tags::first(found);
      const entry e = x.copy(place);
      if ((version & 1U) == 0 && x.version_again() == version && e.key == k) [[likely]] return use(x, place, e);
    }
    const auto far = read_anywhere(k, hash);
    return far.outcome == unlocked_read::hit ? use(*far.in, far.place, std::bit_cast<entry>(far.words)) : far.outcome;
  }

  /// One use more of an entry; of how many the order is to be told.
  std::uint8_t count_use(const cursor& at) const noexcept { return count(*at.in, at.place()); }
  /// The uses of an entry that were saved up; they are no more.
  std::uint8_t take_saved(slot number) noexcept
    requires rations_uses
  {
    const cursor at = cursor_of(number);
    const std::uint8_t uses = uses_of(*at.in, at.place());
    if (uses <= 1) return 0;
    set_uses(*at.in, at.place(), 1);
    return uses - 1;
  }
  /// Where uses are rationed: tell(slot, n) for uses that were saved up in the next block, whose counts begin anew. Called once per
  /// insertion, it comes round after as many insertions as there are blocks, about a fifth of the entries.
  template <class Tell>
  void sweep(Tell&& tell)
    requires rations_uses
  {
    if (tells_all_) return;
    segment* in = segments_[swept_segment_].get();
    if (swept_block_ == in->blocks.size()) {
      swept_block_ = 0;
      swept_segment_ = swept_segment_ + 1 == segments_count_.load(std::memory_order_relaxed) ? 0 : swept_segment_ + 1;
      in = segments_[swept_segment_].get();
    }
    block& x = in->blocks[swept_block_];
    for (std::size_t place = 0; place < block::places; ++place)
      if (const std::uint8_t uses = uses_of(x, place); uses != 0) {
        set_uses(x, place, 0);
        if (uses > 1 && x.tags()[place] != 0) tell(in->slot_at(swept_block_, place), static_cast<std::uint8_t>(uses - 1));
      }
    ++swept_block_;
  }

  /// Makes an entry that is not there; `describe(entry)` sets its stamps. Nothing changes when something throws.
  template <class Describe>
  slot emplace(std::uint64_t hash, key&& k, payload&& value, Describe&& describe) {
    segment& in = segment_with_room();
    const block_row<block> row = in.row();
    const std::size_t home = row.home(hash);
    const std::uint32_t half = block_tags::half_of(hash);
    std::size_t b = home;
    std::size_t seen = 1;
    while (in.blocks[b].tags().free(block::places) == 0) b = row.next(b, seen++, hash);
    block& x = in.blocks[b];
    const std::size_t place = block_tags::first(x.tags().free(block::places));
    if constexpr (concurrent_reads) {
      entry made(std::move(k), std::move(value));
      describe(made);
      x.construct(place, made);
    } else {
      x.construct(place, std::move(k), std::move(value));
      describe(x[place]);
    }
    const slot number = in.slot_at(b, place);
    in.remember(number - in.first, hash);
    renew(x, place, in, number);
    x.set_tags(x.tags().set(place, block_tags::tag_of(hash)));
    for (std::size_t i = home, n = 1; n != seen; i = row.next(i, n++, hash)) in.blocks[i].set_tags(in.blocks[i].tags().one_more_passed(half));
    ++in.used;
    ++size_;
    return number;
  }
  /// Takes the entry out, whose key may have been moved from; this was its hash.
  void erase(slot number, std::uint64_t hash) noexcept {
    segment& in = segment_of(number);
    const std::size_t b = in.block_of(number);
    block& x = in.blocks[b];
    const std::size_t place = in.place_of(number);
    const block_row<block> row = in.row();
    const std::uint32_t half = block_tags::half_of(hash);
    for (std::size_t i = row.home(hash), n = 1; i != b; i = row.next(i, n++, hash)) in.blocks[i].set_tags(in.blocks[i].tags().one_less_passed(half));
    x.set_tags(x.tags().set(place, 0));
    x.destroy(place);
    --in.used;
    --size_;
  }
  template <class F>
  void change(const cursor& at, F&& f) {
    at.in->change(at.place(), f);
  }
  template <class F>
  void change(slot number, F&& f) {
    change(cursor_of(number), f);
  }

  std::uint64_t hash_of(slot number) const noexcept {
    if constexpr (Spec::rehashes)
      return spec_.hash((*this)[number].key);
    else
      return segment_of(number).hash(number);
  }
  void renew_state(slot number) noexcept {
    segment& in = segment_of(number);
    renew(in.blocks[in.block_of(number)], in.place_of(number), in, number);
  }

  /// The handle through which the order reaches what it keeps of a slot.
  class states {
   public:
    explicit states(block_places& places) noexcept : places_(&places) {}
    state& operator[](slot s) const noexcept {
      if constexpr (std::is_empty_v<state>)
        return nothing_kept;
      else
        return places_->segment_of(s).state(s);
    }
    void prefetch(slot s) const noexcept { places_->segment_of(s).prefetch(s); }
    std::uint8_t uses(slot s) const noexcept
      requires counts_uses
    {
      const cursor at = places_->cursor_of(s);
      return at.in->count(at.place());
    }
    void set_uses(slot s, std::uint8_t n) const noexcept
      requires counts_uses
    {
      const cursor at = places_->cursor_of(s);
      block_places::set_uses(*at.in, at.place(), n);
    }
    bool flag(slot s) const noexcept
      requires counts_uses
    {
      const cursor at = places_->cursor_of(s);
      return at.in->flag(at.place());
    }
    void set_flag(slot s, bool on) const noexcept
      requires counts_uses
    {
      const cursor at = places_->cursor_of(s);
      at.in->set_flag(at.place(), on);
      if (tells_of_flagged && on) at.in->set_settled(at.place(), false);
    }

   private:
    static inline state nothing_kept{};
    block_places* places_;
  };
  states order_states_handle() noexcept { return states(*this); }

  /// f(slot) for each, in no order. f must not insert.
  template <class F>
  void for_each(F&& f) const {
    for (std::uint32_t s = 0; s < segments_count_.load(std::memory_order_relaxed); ++s) {
      const segment& in = *segments_[s];
      for (std::size_t b = 0; b < in.blocks.size(); ++b) {
        const block_tags tags = in.blocks[b].tags();
        for (std::size_t place = 0; place < block::places; ++place)
          if (tags[place] != 0) f(in.slot_at(b, place));
      }
    }
  }
  std::size_t size() const noexcept { return size_; }
  std::size_t memory() const noexcept {
    std::size_t sum = 0;
    for (std::uint32_t s = 0; s < segments_count_.load(std::memory_order_relaxed); ++s) sum += segments_[s]->memory();
    return sum;
  }

 private:
  static constexpr std::size_t rationed_from = 4096;
  static constexpr std::size_t most_segments = 40;  // each at least as large as all before it

  static std::size_t blocks_for(std::size_t entries) noexcept { return entries * 5 / (block::places * 4) + 1; }

  static constexpr std::uint8_t most_uses = [] {
    if constexpr (counts_uses)
      return static_cast<std::uint8_t>(Spec::eviction::counted_uses);
    else
      return core::rationed_uses<typename Spec::eviction>;
  }();
  static_assert(most_uses <= 1 || most_uses == 3 || (most_uses == 7 && rations_uses),
                "larder: counted_uses is 0, 1 or 3, and rationed_uses 0, 1, 3 or 7");
  [[gnu::always_inline]] std::uint8_t count(block& x, std::size_t place) const noexcept {
    if constexpr (most_uses == 0) return 0;
    if (x.settled(place)) [[likely]] return 0;
    return count_one(x, place);
  }
  [[gnu::noinline]] std::uint8_t count_one(block& x, std::size_t place) const noexcept {
    if constexpr (rations_uses)
      if (tells_all_) return 1;
    const std::uint8_t uses = uses_of(x, place);
    const bool told_anyway = tells_of_flagged && x.flag(place);
    if (uses < most_uses)
      set_uses(x, place, static_cast<std::uint8_t>(uses + 1));
    else if (!told_anyway)
      x.set_settled(place, true);  // the bit was lost
    if constexpr (tells_of_flagged) return told_anyway ? std::uint8_t{1} : std::uint8_t{0};
    return rations_uses && uses == 0 ? std::uint8_t{1} : std::uint8_t{0};  // the first it knows, the rest is saved up
  }
  /// Counts beyond three have the flag as their third bit: orders whose uses are rationed have no other use for it.
  static constexpr bool three_bits = most_uses > 3;
  static std::uint8_t uses_of(const block& x, std::size_t place) noexcept {
    return static_cast<std::uint8_t>(x.count(place) | (three_bits && x.flag(place) ? 4U : 0U));
  }
  static void set_uses(block& x, std::size_t place, std::uint8_t n) noexcept {
    x.set_count(place, n & 3U);
    if constexpr (three_bits) x.set_flag(place, (n & 4U) != 0);
    x.set_settled(place, n == most_uses && !(tells_of_flagged && x.flag(place)));
  }
  static void renew(block& x, std::size_t place, segment& in, slot number) noexcept {
    if constexpr (most_uses != 0) {
      x.set_flag(place, false);
      set_uses(x, place, 0);
    }
    in.renew_state(number);
  }

  [[gnu::noinline]] cursor locate_anywhere(key_view k, std::uint64_t hash) const {
    block_row<block> row = row_;
    slot first = 0;
    for (std::uint32_t next = 1;; ++next) {
      const cursor at = search::locate(row, first, k, hash);
      if (at.in != nullptr || next >= segments_count_.load(std::memory_order_relaxed)) return at;
      row = segments_[next]->row();
      first = segments_[next]->first;
    }
  }
  [[gnu::noinline]] typename search::sight read_anywhere(key_view k, std::uint64_t hash) const {
    block_row<block> row = row_;
    for (std::uint32_t next = 1;; ++next) {
      const auto seen = search::template read<block_words<Spec>::most_tries>(row, k, hash);
      if (seen.outcome != unlocked_read::miss || next >= segments_count_.load(std::memory_order_acquire)) return seen;
      row = segments_[next]->row();
    }
  }

  segment& segment_of(slot number) const noexcept {
    std::uint32_t s = 0;
    while (number >= segments_[s]->end()) [[unlikely]] ++s;
    return *segments_[s];
  }
  cursor cursor_of(slot number) const noexcept {
    const segment& in = segment_of(number);
    return {&in.blocks[in.block_of(number)], block_tags::bit_of(in.place_of(number)), number};
  }

  segment& segment_with_room() {
    const std::uint32_t segments = segments_count_.load(std::memory_order_relaxed);
    for (std::uint32_t s = 0; s < segments; ++s)
      if (segments_[s]->has_room()) return *segments_[s];
    std::size_t blocks = 0;
    for (std::uint32_t s = 0; s < segments; ++s) blocks += segments_[s]->blocks.size();
    return add_segment(blocks);
  }
  segment& add_segment(std::size_t blocks) {
    const std::uint32_t s = segments_count_.load(std::memory_order_relaxed);
    const std::uint64_t from = s == 0 ? 0 : segments_[s - 1]->end();
    if (s == most_segments || from + static_cast<std::uint64_t>(blocks) * block::places >= no_slot)
      core::fail(error_cause::no_space, "a shard holds at most 2^32 - 1 entries; name sharded<N> with a larger N");
    segments_[s] = std::make_unique<segment>(static_cast<slot>(from), blocks);
    if (s == 0) row_ = segments_[0]->row();
    segments_count_.store(s + 1, std::memory_order_release);
    return *segments_[s];
  }

  block_row<block> row_;  // of the first segment
  const bool tells_all_;  // a small cache's hits are cheap, and its hit ratio feels every one of them
  std::atomic<std::uint32_t> segments_count_{0};
  const Spec& spec_;
  std::array<std::unique_ptr<segment>, most_segments> segments_;
  std::size_t size_ = 0;
  std::uint32_t swept_segment_ = 0;
  std::size_t swept_block_ = 0;
};

}  // namespace larder::storage
