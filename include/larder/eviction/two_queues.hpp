#pragma once

#include <larder/core/slot.hpp>
#include <larder/eviction/ghost_memory.hpp>
#include <larder/eviction/ghost_table.hpp>
#include <larder/eviction/slot_list.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace larder::eviction {

/// How `two_queues` behave.
struct queue_rule {
  std::string_view name;
  double newcomers;             ///< share of the entries that newcomers pass through
  std::uint8_t uses_to_stay;    ///< who was used so often among the newcomers goes to the main queue
  double return_span;           ///< in cache sizes: who comes back within so many evictions may go to the main queue at once
  std::uint32_t one_in = 0;     ///< one in so many newcomers goes to the main queue, used or not; 0: none
  bool uses_buy_rounds = true;  ///< in the main queue each use is worth a round, else all uses are worth one
  bool by_recency = false;      ///< one queue in two parts, newer and older; who was used in either goes to the head of it
};

/// Entries by arrival in two FIFO queues, newcomers and main, with reinsertion of those that were used: by its rule S3-FIFO, LIRS,
/// 2Q, LRU or a pinned set, up to details. The rule may change at any time: what is then in the wrong queue goes when its turn
/// comes, a few entries for each that is evicted.
/// Who comes back goes to the main queue only if it was away for a shorter time than the tail of the main queue has gone without
/// a use (the LIRS rule, with times to the precision of a round): so a loop longer than the cache does not displace the part of
/// itself that is in. Until the cache is full, and when it has become much emptier, newcomers go to the main queue.
/// A use is a counter up to three, which is the owner's: `states.uses(s)`, `states.set_uses(s, n)`. A state has `prev`, `next`,
/// `stamp` and `in_main`.
template <class States, class Memory = ghost_memory>
class two_queues {
 public:
  static constexpr std::uint8_t most_uses = 3;

  two_queues(States states, const queue_rule& rule) noexcept : states_(states), newcomers_(states), main_(states), rule_(&rule) {}

  void follow(const queue_rule& rule) noexcept { rule_ = &rule; }
  std::size_t size() const noexcept { return newcomers_size_ + main_size_; }
  /// How many there usually are when room is needed; 0 before the first time.
  std::size_t capacity() const noexcept { return static_cast<std::size_t>(usual_ + 0.5); }

  void on_insert(slot s, std::uint64_t hash) noexcept {
    if (rule_->by_recency && capacity_ != 0) return put_in_newcomers(s);
    const std::uint64_t age = ghosts_.take(hash);
    if (has_spare_room() || returns_soon(age))
      put_in_main(s, 0);
    else
      put_in_newcomers(s);
  }

  void on_erase(slot s) noexcept { take_out(s); }

  void on_evict(slot s, std::uint64_t hash) noexcept {
    if (rule_->by_recency || !states_[s].in_main) ghosts_.push(hash, remembered_sizes * capacity());
    if (!states_[s].in_main) ++newcomers_gone_;
    take_out(s);
  }

  /// The cache is full when it asks, so what is there is its capacity.
  slot victim() noexcept {
    if (size() == 0) return no_slot;
    capacity_ = size();
    usual_ =
        usual_ == 0 ? static_cast<double>(capacity_) : usual_ + (static_cast<double>(capacity_) - usual_) / evictions_to_get_used;
    return rule_->by_recency ? oldest() : least_wanted();
  }

  std::size_t memory() const noexcept { return ghosts_.memory(); }

 private:
  static constexpr std::size_t remembered_sizes = 2;   // no rule has a longer span
  static constexpr double evictions_to_get_used = 64;  // to another number of entries: longer than one heavy entry takes
  static constexpr int turns_per_return = 64;  // so that nobody waits for a whole round; a round is soon complete all the same
  static constexpr int moves_per_victim = 4;   // more than one, so that a change of rule comes to its end

  std::size_t newcomers_limit(std::size_t entries) const noexcept {
    return std::max<std::size_t>(static_cast<std::size_t>(static_cast<double>(entries) * rule_->newcomers), 1);
  }
  bool has_spare_room() const noexcept { return capacity_ == 0 || size() + newcomers_limit(capacity_) < capacity_; }

  bool returns_soon(std::uint64_t age) noexcept {
    if (age == ghosts_.absent || static_cast<double>(age) >= rule_->return_span * usual_) return false;
    for (int turns = 0; main_size_ != 0 && states_.uses(main_.back()) != 0; ++turns) {
      if (turns == turns_per_return) return false;  // nobody knows how long the tail has gone without a use
      reinsert(main_.back());
    }
    return main_size_ == 0 || age + newcomers_size_ < evictions_since(states_[main_.back()].stamp);
  }

  slot least_wanted() noexcept {
    while (size() != 0) {
      const bool from_newcomers = newcomers_size_ != 0 && (main_size_ == 0 || newcomers_size_ >= newcomers_limit(size()));
      const slot s = from_newcomers ? newcomers_.back() : main_.back();
      if (!from_newcomers) {
        if (states_.uses(s) == 0) return s;
        reinsert(s);
      } else {
        if (states_.uses(s) < rule_->uses_to_stay && !is_let_in()) return s;
        take_out(s);
        put_in_main(s, 0);
      }
    }
    return no_slot;
  }
  bool is_let_in() noexcept {
    if (rule_->one_in == 0 || newcomers_gone_ + 1 < rule_->one_in) return false;
    newcomers_gone_ = 0;
    return true;
  }

  /// About the least recently used. The newer part passes on who was not used there, so a use is seen twice in a round.
  slot oldest() noexcept {
    while (size() > 1) {
      for (int moves = 0; newcomers_size_ > newcomers_limit(size()) && (moves < moves_per_victim || main_size_ == 0); ++moves)
        renew_or_pass(newcomers_.back());
      while (main_size_ != 0) {
        if (states_.uses(main_.back()) == 0) return main_.back();
        renew_or_pass(main_.back());
      }
    }
    return size() == 0 ? no_slot : newcomers_size_ != 0 ? newcomers_.back() : main_.back();
  }
  void renew_or_pass(slot s) noexcept {
    take_out(s);
    if (states_.uses(s) == 0) return put_in_main(s, 0);
    states_.set_uses(s, 0);
    put_in_newcomers(s);
  }

  void reinsert(slot s) noexcept {
    const std::uint8_t uses = states_.uses(s);
    take_out(s);
    put_in_main(s, rule_->uses_buy_rounds ? static_cast<std::uint8_t>(uses - 1) : std::uint8_t{0});
  }
  void put_in_newcomers(slot s) noexcept {
    states_[s].in_main = false;
    newcomers_.push_front(s);
    ++newcomers_size_;
  }
  void put_in_main(slot s, std::uint8_t uses) noexcept {
    states_[s].in_main = true;
    states_[s].stamp = static_cast<std::uint16_t>(ghosts_.pushed() >> stamp_bits());
    states_.set_uses(s, uses);
    main_.push_front(s);
    ++main_size_;
  }
  void take_out(slot s) noexcept {
    const bool from_main = states_[s].in_main;
    (from_main ? main_ : newcomers_).erase(s);
    --(from_main ? main_size_ : newcomers_size_);
  }

  /// A stamp counts evictions in 128ths to 256ths of the capacity, so 16 bits last for at least 256 times the capacity.
  int stamp_bits() const noexcept { return std::max(0, static_cast<int>(std::bit_width(capacity())) - 8); }
  std::uint64_t evictions_since(std::uint16_t stamp) const noexcept {
    return std::uint64_t{static_cast<std::uint16_t>((ghosts_.pushed() >> stamp_bits()) - stamp)} << stamp_bits();
  }

  [[no_unique_address]] States states_;
  slot_list<States> newcomers_;  // by recency: the newer part
  slot_list<States> main_;       // by recency: the older part
  std::size_t newcomers_size_ = 0;
  std::size_t main_size_ = 0;
  std::size_t capacity_ = 0;
  const queue_rule* rule_;
  ghost_table<Memory> ghosts_;  // of newcomers that left
  std::uint32_t newcomers_gone_ = 0;
  double usual_ = 0;  // capacity; not the same as at present where entries have weights
};

}  // namespace larder::eviction
