#pragma once

#include <larder/observe/capacity_scale.hpp>
#include <larder/observe/hit_counts.hpp>
#include <larder/observe/mark_set.hpp>
#include <larder/observe/recency_line.hpp>
#include <larder/observe/tracked_keys.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <type_traits>
#include <utility>

namespace larder::observe {

/// The followed keys in the order of an `lru` cache that is as large as the largest of the capacities, so that one order tells for
/// all of them what is in (Mattson, Gecsei, Slutz, Traiger, "Evaluation techniques for storage hierarchies", 1970). Keys that
/// leave by the program's own will leave a hole, which whatever comes from behind it fills, as in a cache: those behind
/// the hole do not come back. With weights, what is heavier than a capacity does not count at that capacity: it is refused there.
template <bool Weighed>
class reuse_stack {
 public:
  using id = tracked_keys::id;
  static constexpr id nobody = tracked_keys::nobody;

  /// The scale is the owner's, who says when it changed.
  explicit reuse_stack(const capacity_scale& scale) : scale_(scale) {
    keys_.reset(least);
    reset_marks();
  }
  reuse_stack(const reuse_stack&) = delete;
  reuse_stack& operator=(const reuse_stack&) = delete;

  std::size_t size() const noexcept { return keys_.size(); }
  id find(std::uint64_t key) const noexcept { return keys_.find(key); }
  std::uint64_t weight(id who) const noexcept { return line_.amount(keys_.mark_of(who)); }
  /// Brings what is known of some keys into the processor's caches, for all of them side by side: key(0), key(1), ... so many.
  template <class KeyAt>
  void touch(KeyAt&& key, std::size_t count) noexcept {
    std::array<id, 64> found{};
    count = std::min(count, found.size());
    for (std::size_t i = 0; i < count; ++i) found[i] = keys_.first_met(key(i));
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < count; ++i)
      if (found[i] != nobody)
        sum += std::uint64_t{line_.amount(keys_.mark_of(found[i]))} + std::uint64_t{line_.at(keys_.mark_of(found[i]))};
    touched_ = sum;  // so that it is not left out
  }
  /// Whether a key was let go because no capacity would have held it.
  bool overflowed() const noexcept { return overflowed_; }

  void clear() noexcept {
    keys_.reset(keys_.room());
    reset_marks();
    by_class_.fill(0);
    overflowed_ = false;
  }

  /// Counts a look-up of the key for the capacities that hold it.
  void measure(id who, hit_counts& counts) const noexcept {
    const mark m = keys_.mark_of(who);
    const std::uint64_t own = line_.amount(m);
    const double each = 1.0 / scale_.rate();
    // Nothing counts for more than one: there are no more keys than marks, and most keys that are used again are near.
    if (!Weighed && scale_.holds(0, own, line_.end() - m - 1)) return counts.hit_from(0, each);
    const std::uint64_t newer = line_.newer_than(m);
    if (large_.size() == 0) return counts.hit_from(scale_.first_to_hold(own, newer), each);
    std::array<std::uint64_t, points> refused{};  // by capacity: what is newer and does not even fit
    std::size_t met = 0;
    large_.for_each_newer(m, [&](mark big) {
      const std::uint64_t weight = line_.amount(big);
      for (std::size_t g = 0; g < points && scale_[g] < weight; ++g) refused[g] += weight;
      return ++met < most_met;
    });
    if (met == 0) return counts.hit_from(scale_.first_to_hold(own, newer), each);
    counts.hit_where([&](std::size_t g) { return scale_.holds(g, own, newer - refused[g]); }, each);
  }

  /// A new key, as the newest; false when there is no memory for it.
  bool enter(std::uint64_t key, std::uint64_t weight) noexcept {
    if (class_of(weight) == points) return true;  // refused everywhere
    if (keys_.size() == keys_.room() && (keys_.room() == tracked_keys::most || !rebuild(keys_.room() * 2))) return false;
    const id who = keys_.insert(key);
    if (class_of(weight) == 0) fill_holes(-1, weight);
    put_newest(who, weight);
    trim();
    return true;
  }
  /// Makes the key the newest, with a weight that may have changed.
  void renew(id who, std::uint64_t weight) noexcept {
    const mark m = keys_.mark_of(who);
    const std::uint64_t had = line_.amount(m);
    if (weight == had) {
      // What it leaves behind is as large as what it fills on its way up: between the two everything stays.
      take_off(m, holes_.size() != 0 && class_of(weight) == 0 ? fill_holes(m, weight) : 0);
      put_newest(who, weight);
    } else if (class_of(weight) == points) {
      leave(who);
    } else {
      take_off(m, class_of(had) == 0 ? had : 0);
      if (class_of(weight) == 0) fill_holes(-1, weight);
      put_newest(who, weight);
      trim();
    }
  }
  /// The program dropped the key.
  void leave(id who) noexcept {
    const std::uint64_t had = weight(who);
    drop(who, class_of(had) == 0 ? had : 0);
  }

  /// Keeps the keys up to this one.
  void keep_up_to(std::uint64_t highest) noexcept {
    drop_holes();  // nobody knows whose they were
    for (mark m = line_.oldest(); m != line_.end(); ++m)
      if (const id who = line_.at(m); who != nobody && keys_.hash(who) > highest) drop(who, 0);
  }
  /// The scale changed its rate, or by `capacities_changed` all of it.
  void rescale(bool capacities_changed) noexcept {
    if (capacities_changed) classify();
    trim();
    if (keys_.size() <= keys_.room() / 4 && keys_.room() > least) rebuild(keys_.room() / 2);  // closer together
  }

  std::size_t bytes() const noexcept { return keys_.bytes() + line_.bytes() + holes_.bytes() + large_.bytes(); }

 private:
  using amount = std::conditional_t<Weighed, std::uint64_t, std::uint8_t>;
  using mark = tracked_keys::mark;
  static constexpr std::size_t points = capacity_scale::points;
  static constexpr std::size_t least = 64;
  static constexpr std::size_t most_met = 1024;  // heavy entries that are looked at for one distance

  /// More of them are dealt anew less often.
  static std::size_t marks_for(std::size_t keys) noexcept { return Weighed ? keys + keys / 2 : keys * 2; }
  std::size_t class_of([[maybe_unused]] std::uint64_t weight) const noexcept {
    if constexpr (Weighed)
      return scale_.class_of(weight);
    else
      return 0;
  }
  void reset_marks() {
    line_.reset(marks_for(keys_.room()));
    holes_.reset(line_.marks());
    if constexpr (Weighed) large_.reset(line_.marks());
  }

  void put_newest(id who, std::uint64_t weight) noexcept {
    if (line_.full()) deal_anew();
    const mark m = line_.push(who, static_cast<amount>(weight));
    keys_.set_mark(who, m);
    if (const std::size_t c = class_of(weight); c != 0) {
      large_.insert(m);
      by_class_[c] += weight;
    }
  }
  void take_off(mark m, std::uint64_t hole) noexcept {
    if (const std::size_t c = class_of(line_.amount(m)); c != 0) {
      large_.erase(m);
      by_class_[c] -= line_.amount(m);
    }
    line_.leave_hole(m, static_cast<amount>(hole));
    if (hole != 0) holes_.insert(m);
  }
  void drop(id who, std::uint64_t hole) noexcept {
    take_off(keys_.mark_of(who), hole);
    keys_.erase(who);
  }

  /// Takes so much of the holes that are newer than a mark, the newest first, and says how much there was.
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
    for (std::size_t g = points; g-- > 0 && own <= scale_[g];) {
      if (scale_.holds(g, own, newer)) return true;
      if (large_.size() == 0) return false;  // what is too small is so for all that are smaller
      newer -= by_class_[g];                 // refused at the next smaller one
    }
    return false;
  }
  /// Lets go of the oldest as long as it is in none of the caches.
  void trim() noexcept {
    for (mark oldest = line_.oldest(); oldest != line_.end(); oldest = line_.oldest()) {
      if (const id who = line_.at(oldest); who == nobody) {
        line_.erase(oldest);
        holes_.erase(oldest);
      } else {
        if (in_reach(line_.amount(oldest))) return;
        drop(who, 0);
        overflowed_ = true;
      }
    }
  }

  /// Marks anew for the same order.
  void deal_anew() noexcept {
    if (holes_.size() > line_.marks() / 8) drop_holes();
    holes_.reset(line_.marks());
    if constexpr (Weighed) large_.reset(line_.marks());
    line_.compact([&](id who, mark to) {
      if (who == nobody)
        holes_.insert(to);
      else
        keys_.set_mark(who, to);
      if (who != nobody && class_of(line_.amount(to)) != 0) large_.insert(to);
    });
  }
  /// Sorts the weights by capacities that changed.
  void classify() noexcept {
    if constexpr (Weighed) {
      by_class_.fill(0);
      large_.reset(line_.marks());
      for (mark m = line_.oldest(); m != line_.end(); ++m) {
        const id who = line_.at(m);
        const std::size_t c = class_of(line_.amount(m));
        if (c == 0) continue;
        if (who == nobody || c == points) {  // refused everywhere
          if (who != nobody) keys_.erase(who);
          line_.erase(m);
          holes_.erase(m);
          continue;
        }
        large_.insert(m);
        by_class_[c] += line_.amount(m);
      }
    }
  }

  /// The same with room for so many keys; without memory all stays as it is.
  bool rebuild(std::size_t room) noexcept {
    try {
      tracked_keys keys;
      keys.reset(room);
      recency_line<amount> line;
      line.reset(marks_for(room));
      mark_set holes;
      holes.reset(line.marks());
      mark_set large;
      if constexpr (Weighed) large.reset(line.marks());
      if (holes_.size() > line.marks() / 8) drop_holes();
      for (mark m = line_.oldest(); m != line_.end(); ++m) {
        const id who = line_.at(m);
        if (who == nobody && line_.amount(m) == 0) continue;
        const id moved = who == nobody ? nobody : keys.insert(keys_.hash(who));
        const mark to = line.push(moved, line_.amount(m));
        if (moved == nobody)
          holes.insert(to);
        else
          keys.set_mark(moved, to);
        if (moved != nobody && class_of(line_.amount(m)) != 0) large.insert(to);
      }
      keys_ = std::move(keys);
      line_ = std::move(line);
      holes_ = std::move(holes);
      large_ = std::move(large);
      return true;
    } catch (const std::exception&) {
      return false;
    }
  }

  const capacity_scale& scale_;
  tracked_keys keys_;
  recency_line<amount> line_;
  mark_set holes_;
  mark_set large_;  // heavier than the smallest capacity
  std::array<std::uint64_t, points + 1> by_class_{};
  bool overflowed_ = false;
  volatile std::uint64_t touched_ = 0;
};

}  // namespace larder::observe
