#pragma once

// The reuse distances of a sample of the keys: SHARDS (Waldspurger, Park, Garthwaite, Ahmad, "Efficient MRC construction with
// SHARDS", FAST 2015) in its fixed-size form. A key is followed when its hash, mixed once more, is below a threshold; at first all
// are. Distances among the followed keys, divided by the share of keys that is followed, are distances among all. Unlike there
// * only keys within reach of eight times the capacity are kept, so that the threshold falls for larger caches only;
// * the threshold falls in steps of an eighth, which takes one pass over the keys instead of a heap beside them;
// * the look-ups that were not seen are counted as hits by way of the misses: each sampled miss stands for 1/rate misses, and
//   the hits are what remains of all look-ups, which the cache counts exactly (the paper's SHARDS-adj, without its bucket);
// * keys that left through `erase` leave a hole that the next newcomer fills, as in the cache: entries behind it do not come back.
//
// A look-up that is not sampled costs a multiplication and a comparison with a word that is read only. One that is costs 50 to
// 150 ns and a lock. 14 bytes per followed key and 3 (counting entries) or 15 (weighing) for its marks, 950 kB at most.

#include <larder/core/hit_ratio_curve.hpp>
#include <larder/observe/mark_set.hpp>
#include <larder/observe/recency_line.hpp>
#include <larder/observe/tracked_keys.hpp>
#include <larder/sync/counter.hpp>
#include <larder/sync/unsynchronized.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <limits>
#include <mutex>
#include <type_traits>
#include <utility>

namespace larder::observe {

/// What an entry weighs for a sampler.
struct entry_weight {
  std::uint64_t amount = 1;
  bool known = true;  ///< else a guess for a key that is met for the first time
};

/// Follows the keys of one cache. `Weighed`: their weights are summed, else their number. `Shared`: by several threads at once.
template <bool Weighed, bool Shared>
class reuse_sampler {
 public:
  static constexpr std::size_t most_tracked = std::size_t{1} << 15;

  /// `most` keys are followed at once, a power of two from 64 to 2^15.
  explicit reuse_sampler(std::uint64_t capacity, std::size_t most = most_tracked) : most_(most) {
    threshold_.store(all);
    keys_.reset(least);
    reset_marks(least);
    capacity_ = capacity;
    scale();
  }

  /// Whether the key is followed. The cache asks this for each look-up that counts.
  bool samples(std::uint64_t hash) const noexcept { return mix(hash) <= threshold_.load(); }

  /// A look-up of a followed key that counts and what came of it. An entry that was there becomes the newest.
  [[gnu::noinline]] void look_up(std::uint64_t hash, bool hit, entry_weight weight) noexcept {
    const std::lock_guard lock(mutex_);
    const std::uint64_t mixed = mix(hash);
    if (mixed > threshold_.load()) return;
    ++sampled_;
    const id who = keys_.find(mixed);
    if (who != nobody) {
      seen_ += each_;
      count(who);
      if (hit) renew(who, weight.known ? weight.amount : line_.amount(keys_.mark_of(who)));
    } else if (hit) {
      // It was there before anybody looked, unless it is one that was let go for being out of reach.
      (complete_ ? unknown_ : seen_) += each_;
      enter(mixed, weight.amount);
    } else {
      seen_ += each_;
    }
  }
  /// A followed key was put with this weight; `newest`: in any cache that is large enough for it.
  [[gnu::noinline]] void put(std::uint64_t hash, std::uint64_t weight, bool newest) noexcept {
    const std::lock_guard lock(mutex_);
    const std::uint64_t mixed = mix(hash);
    if (mixed > threshold_.load()) return;
    const id who = keys_.find(mixed);
    if (who == nobody)
      enter(mixed, weight);
    else if (newest || weight != line_.amount(keys_.mark_of(who)))
      renew(who, weight);
  }
  /// A followed key left by the program's own will.
  [[gnu::noinline]] void forget(std::uint64_t hash) noexcept {
    const std::lock_guard lock(mutex_);
    if (const id who = keys_.find(mix(hash)); who != nobody) leave(who, true);
  }
  /// Whether a followed key's weight is known.
  [[gnu::noinline]] bool knows(std::uint64_t hash) noexcept {
    const std::lock_guard lock(mutex_);
    return keys_.find(mix(hash)) != nobody;
  }
  void forget_all() noexcept {
    const std::lock_guard lock(mutex_);
    empty();
  }

  /// Counts anew; so far the cache had this many look-ups.
  void restart(std::uint64_t look_ups) noexcept {
    const std::lock_guard lock(mutex_);
    begin(look_ups);
  }
  /// Counts anew for another capacity. What is known of the keys stays.
  void set_capacity(std::uint64_t capacity, std::uint64_t look_ups) noexcept {
    const std::lock_guard lock(mutex_);
    if (capacity == capacity_) return;
    capacity_ = capacity;
    scale();
    classify();
    trim();
    if (threshold_.load() != all && keys_.size() < most_ / 4) {  // too few of the keys that now matter: follow more
      threshold_.store(all);
      empty();
      scale();
    }
    begin(look_ups);
  }

  /// What is known by now; the cache had this many look-ups in all.
  hit_ratio_curve curve(capacity_unit unit, std::uint64_t look_ups) const noexcept {
    const std::lock_guard lock(mutex_);
    hit_ratio_curve known;
    known.unit = unit;
    known.capacity = capacity_;
    known.look_ups = look_ups - std::min(begun_at_, look_ups);
    known.sampled = sampled_;
    known.sampling_rate = rate_;
    const double counted = sampled_all_ ? seen_ : static_cast<double>(known.look_ups) - unknown_;
    double hits = 0;
    for (std::size_t g = 0; g < points; ++g) {
      hits += steps_[g];
      known.hit_ratios[g] = counted <= 0 ? 0.0 : std::clamp(1.0 - (seen_ - hits) / counted, 0.0, 1.0);
    }
    // A share of 1000 look-ups is known to 0.016; and either all capacities were filled or keys do come back.
    const bool reused = seen_ + unknown_ >= 1.25 * static_cast<double>(keys_.size()) / rate_;
    known.settled = sampled_ >= 1000 && (!complete_ || reused);
    return known;
  }

  std::size_t tracked() const noexcept {
    const std::lock_guard lock(mutex_);
    return keys_.size();
  }
  std::size_t bytes() const noexcept {
    const std::lock_guard lock(mutex_);
    return sizeof(*this) + keys_.bytes() + line_.bytes() + holes_.bytes() + large_.bytes();
  }

 private:
  using amount = std::conditional_t<Weighed, std::uint64_t, std::uint8_t>;
  using id = tracked_keys::id;
  using mark = tracked_keys::mark;
  static constexpr id nobody = tracked_keys::nobody;
  static constexpr std::uint64_t all = std::numeric_limits<std::uint64_t>::max();
  static constexpr std::size_t least = 64;
  static constexpr std::size_t points = hit_ratio_curve::points;
  struct alignas(64) mutex_type : std::conditional_t<Shared, std::mutex, unsynchronized::mutex> {};

  static constexpr std::uint64_t mix(std::uint64_t hash) noexcept { return hash * 0x9e3779b97f4a7c15ULL; }

  /// What follows from the capacity and the rate.
  void scale() noexcept {
    rate_ = threshold_.load() == all ? 1.0 : static_cast<double>(threshold_.load()) * 0x1p-64;
    each_ = 1.0 / rate_;
    for (std::size_t g = 0; g < points; ++g) capacities_[g] = hit_ratio_curve::capacity_at(capacity_, g);
  }
  void begin(std::uint64_t look_ups) noexcept {
    begun_at_ = look_ups;
    sampled_ = 0;
    seen_ = unknown_ = 0;
    steps_.fill(0);
    sampled_all_ = threshold_.load() == all;
  }
  void empty() noexcept {
    keys_.reset(keys_.room());
    reset_marks(keys_.room());
    by_class_.fill(0);
    complete_ = true;
  }
  void reset_marks(std::size_t keys) {
    line_.reset(keys + keys / 2);
    holes_.reset(line_.marks());
    if constexpr (Weighed) large_.reset(line_.marks());
  }

  // ------------------------------------------------------------------------------------------------ distances

  /// Whether an entry with so much newer than itself is in a cache of this capacity.
  bool within(std::size_t point, std::uint64_t own, std::uint64_t newer) const noexcept {
    return own <= capacities_[point] && static_cast<double>(newer) <= static_cast<double>(capacities_[point] - own) * rate_;
  }
  /// How many of the smallest capacities are too small for an entry of this weight; the weight's class.
  std::size_t class_of(std::uint64_t weight) const noexcept {
    if (!Weighed || weight <= capacities_[0]) return 0;
    return static_cast<std::size_t>(std::lower_bound(capacities_.begin(), capacities_.end(), weight) - capacities_.begin());
  }

  /// Counts a look-up of a followed key for the capacities at which it hits.
  void count(id who) noexcept {
    const mark m = keys_.mark_of(who);
    const std::uint64_t own = line_.amount(m);
    const std::uint64_t newer = line_.newer_than(m);
    std::array<std::uint64_t, points> passed{};  // by capacity: what does not even fit
    bool any = false;
    if constexpr (Weighed) {
      std::size_t seen = 0;
      large_.for_each_newer(m, [&](mark big) {
        const std::uint64_t weight = line_.amount(big);
        for (std::size_t g = 0; g < points && capacities_[g] < weight; ++g) passed[g] += weight;
        any = true;
        return ++seen < most_large;
      });
    }
    if (!any) {  // what hits at one capacity hits at all that are larger
      std::size_t low = 0;
      for (std::size_t high = points; low != high;) {
        const std::size_t middle = (low + high) / 2;
        if (within(middle, own, newer))
          high = middle;
        else
          low = middle + 1;
      }
      steps_[low] += each_;
      return;
    }
    bool before = false;
    for (std::size_t g = 0; g < points; ++g) {
      const bool now = within(g, own, newer - passed[g]);
      if (now != before) steps_[g] += now ? each_ : -each_;
      before = now;
    }
  }

  // ------------------------------------------------------------------------------------------- keys and their order

  void enter(std::uint64_t mixed, std::uint64_t weight) noexcept {
    if (class_of(weight) == points) return;  // too large for all
    if (keys_.size() == keys_.room()) {
      if (keys_.room() >= most_ || !grow()) thin_out();
      if (mixed > threshold_.load()) return;
    }
    const id who = keys_.insert(mixed);
    if (class_of(weight) == 0) fill_holes(-1, weight);
    put_newest(who, weight);
    trim();
  }
  void renew(id who, std::uint64_t weight) noexcept {
    const mark m = keys_.mark_of(who);
    const std::uint64_t had = line_.amount(m);
    if (class_of(weight) == points) return leave(who, true);
    // What it leaves behind is as large as what it fills on its way up: nothing moves between and below.
    const bool small = class_of(weight) == 0;
    const std::uint64_t hole = weight != had ? (class_of(had) == 0 ? had : 0) : small ? fill_holes(m, weight) : 0;
    take_off(m, hole);
    if (weight != had && small) fill_holes(-1, weight);
    put_newest(who, weight);
    if (weight != had) trim();
  }
  void leave(id who, bool with_hole) noexcept {
    const mark m = keys_.mark_of(who);
    take_off(m, with_hole && class_of(line_.amount(m)) == 0 ? std::uint64_t{line_.amount(m)} : 0);
    keys_.erase(who);
  }

  void put_newest(id who, std::uint64_t weight) noexcept {
    if (line_.full()) deal_anew();
    const mark m = line_.push(who, static_cast<amount>(weight));
    keys_.set_mark(who, m);
    if constexpr (Weighed)
      if (const std::size_t c = class_of(weight); c != 0) {
        large_.insert(m);
        by_class_[c] += weight;
      }
  }
  void take_off(mark m, std::uint64_t hole) noexcept {
    if constexpr (Weighed)
      if (const std::size_t c = class_of(line_.amount(m)); c != 0) {
        large_.erase(m);
        by_class_[c] -= line_.amount(m);
      }
    line_.leave_hole(m, static_cast<amount>(hole));
    if (hole != 0) holes_.insert(m);
  }
  /// Takes so much of the newest holes that are newer than a mark, and says how much there was.
  std::uint64_t fill_holes(std::int64_t than, std::uint64_t weight) noexcept {
    std::uint64_t left = weight;
    if (left != 0)
      holes_.for_each_newer(than, [&](mark m) {
        const std::uint64_t taken = std::min<std::uint64_t>(left, line_.amount(m));
        left -= taken;
        line_.leave_hole(m, static_cast<amount>(line_.amount(m) - taken));
        if (line_.amount(m) == 0) holes_.erase(m);
        return left != 0;
      });
    return weight - left;
  }
  void drop_holes() noexcept {
    holes_.for_each_newer(-1, [&](mark m) {
      line_.erase(m);
      holes_.erase(m);
      return true;
    });
  }

  /// Whether the oldest, of this weight, is in a cache of one of the capacities.
  bool in_reach(std::uint64_t own) const noexcept {
    std::uint64_t newer = line_.total() - own;
    for (std::size_t g = points; g-- > 0 && own <= capacities_[g];) {
      if (within(g, own, newer)) return true;
      if (!Weighed || large_.size() == 0) return false;  // what is too small is so for all that are smaller
      newer -= by_class_[g];                             // too large for the next smaller one
    }
    return false;
  }
  /// Lets go of the oldest as long as it is in none of the caches.
  void trim() noexcept {
    for (mark oldest = line_.oldest(); oldest != line_.end(); oldest = line_.oldest()) {
      const id who = line_.at(oldest);
      if (who == nobody) {
        line_.erase(oldest);
        holes_.erase(oldest);
        continue;
      }
      if (in_reach(line_.amount(oldest))) return;
      leave(who, false);
      complete_ = false;
    }
  }

  /// Marks anew for the same order.
  void deal_anew() noexcept {
    if (holes_.size() > line_.marks() / 8) drop_holes();
    holes_.reset(line_.marks());
    if constexpr (Weighed) large_.reset(line_.marks());
    line_.compact([&](id who, mark, mark to) {
      if (who == nobody) {
        holes_.insert(to);
        return;
      }
      keys_.set_mark(who, to);
      if constexpr (Weighed)
        if (class_of(line_.amount(to)) != 0) large_.insert(to);
    });
  }
  /// Sorts the weights by the capacities that changed.
  void classify() noexcept {
    if constexpr (Weighed) {
      by_class_.fill(0);
      large_.reset(line_.marks());
      for (mark m = line_.oldest(); m != line_.end(); ++m) {
        if (line_.at(m) == nobody) continue;
        const std::uint64_t weight = line_.amount(m);
        const std::size_t c = class_of(weight);
        if (c == points) {  // too large for all
          keys_.erase(line_.at(m));
          line_.erase(m);
        } else if (c != 0) {
          large_.insert(m);
          by_class_[c] += weight;
        }
      }
    }
  }

  /// Room for twice as many keys; without memory it stays as it is.
  bool grow() noexcept {
    try {
      tracked_keys wider;
      wider.reset(keys_.room() * 2);
      recency_line<amount> longer;
      longer.reset(wider.room() + wider.room() / 2);
      mark_set more_holes;
      more_holes.reset(longer.marks());
      mark_set more_large;
      if constexpr (Weighed) more_large.reset(longer.marks());
      for (mark m = line_.oldest(); m != line_.end(); ++m) {
        const id who = line_.at(m);
        if (who == nobody && line_.amount(m) == 0) continue;
        const id moved = who == nobody ? nobody : wider.insert(keys_.hash(who));
        const mark to = longer.push(moved, line_.amount(m));
        if (moved == nobody) {
          more_holes.insert(to);
          continue;
        }
        wider.set_mark(moved, to);
        if constexpr (Weighed)
          if (class_of(line_.amount(m)) != 0) more_large.insert(to);
      }
      keys_ = std::move(wider);
      line_ = std::move(longer);
      holes_ = std::move(more_holes);
      large_ = std::move(more_large);
      return true;
    } catch (const std::exception&) {
      return false;
    }
  }
  /// Follows an eighth fewer keys.
  void thin_out() noexcept {
    while (keys_.size() > keys_.room() - keys_.room() / 16) {
      const std::uint64_t lower = threshold_.load() - threshold_.load() / 8;
      drop_holes();  // nobody knows whose they were
      for (mark m = line_.oldest(); m != line_.end(); ++m)
        if (const id who = line_.at(m); who != nobody && keys_.hash(who) > lower) leave(who, false);
      threshold_.store(lower);
      sampled_all_ = false;
      scale();
    }
    trim();
  }

  static constexpr std::size_t most_large = 1024;  // that are looked at for one distance

  sync::counter<Shared> threshold_;  // read by every look-up, written seldom: the mutex begins another line
  mutable mutex_type mutex_;
  const std::size_t most_;
  tracked_keys keys_;
  recency_line<amount> line_;
  mark_set holes_;
  mark_set large_;  // heavier than the smallest capacity
  std::array<std::uint64_t, points + 1> by_class_{};
  std::uint64_t capacity_ = 0;
  std::array<std::uint64_t, points> capacities_{};
  double rate_ = 1;                          // the share of the keys that is followed
  double each_ = 1;                          // look-ups that one of a followed key stands for
  std::array<double, points + 1> steps_{};   // hits that this capacity has and the one before has not
  double seen_ = 0;                          // look-ups with a known distance, or none
  double unknown_ = 0;                       // look-ups of entries that were there before the sampler
  std::uint64_t sampled_ = 0;
  std::uint64_t begun_at_ = 0;
  bool sampled_all_ = true;
  bool complete_ = true;  // no key was let go for being out of reach
};

}  // namespace larder::observe
