#pragma once

// A cache in memory as anybody would write it on paper: a list of entries, searched from one end to the other, and one list
// per order. Slow, and obviously right. The property tests do everything to it and to the cache, and compare.

#include <larder/observe/removal_listener.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "memory_composition.hpp"
#include "memory_subject.hpp"

namespace model {

/// Who leaves next, by name.
class order {
 public:
  virtual ~order() = default;
  virtual void come(const std::string& key, std::uint64_t weight) = 0;
  virtual void use(const std::string& key) = 0;
  virtual void go(const std::string& key) = 0;
  virtual std::optional<std::string> victim() = 0;
  /// Whether a replacement that takes no more room is a use; else it comes anew.
  virtual bool uses_replacements() const { return false; }
};

/// Keys from the one that came or was used first to the last. Three orders differ only in what counts and who goes.
class sequence : public order {
 public:
  sequence(bool uses_count, bool newest_goes) : uses_count_(uses_count), newest_goes_(newest_goes) {}
  void come(const std::string& key, std::uint64_t) override { keys_.push_back(key); }
  void use(const std::string& key) override {
    if (!uses_count_) return;
    keys_.remove(key);
    keys_.push_back(key);
  }
  void go(const std::string& key) override { keys_.remove(key); }
  std::optional<std::string> victim() override {
    if (keys_.empty()) return std::nullopt;
    return newest_goes_ ? keys_.back() : keys_.front();
  }

 private:
  bool uses_count_;
  bool newest_goes_;
  std::list<std::string> keys_;
};

/// A queue in which a used key is let off once.
class second_chance : public order {
 public:
  bool uses_replacements() const override { return true; }
  void come(const std::string& key, std::uint64_t) override { keys_.push_back({key, false}); }
  void use(const std::string& key) override {
    for (auto& row : keys_)
      if (row.first == key) row.second = true;
  }
  void go(const std::string& key) override {
    keys_.remove_if([&](const auto& row) { return row.first == key; });
  }
  std::optional<std::string> victim() override {
    while (!keys_.empty() && keys_.front().second) {
      keys_.push_back({keys_.front().first, false});
      keys_.pop_front();
    }
    if (keys_.empty()) return std::nullopt;
    return keys_.front().first;
  }

 private:
  std::list<std::pair<std::string, bool>> keys_;
};

/// SIEVE as its paper tells it: a queue by arrival and a hand that goes from the oldest towards the newest and then begins
/// again; it takes the mark from who has one, and whom it finds without one goes, while the hand steps on.
class sifted : public order {
 public:
  bool uses_replacements() const override { return true; }
  void come(const std::string& key, std::uint64_t) override { keys_.push_back({key, false}); }
  void use(const std::string& key) override {
    if (const auto row = find(key); row != keys_.end()) row->second = true;
  }
  void go(const std::string& key) override {
    const auto row = find(key);
    if (row == keys_.end()) return;
    if (hand_ == key) {
      const auto newer = std::next(row);
      hand_ = newer == keys_.end() ? std::nullopt : std::optional(newer->first);
    }
    keys_.erase(row);
  }
  std::optional<std::string> victim() override {
    if (keys_.empty()) return std::nullopt;
    auto at = hand_ ? find(*hand_) : keys_.begin();
    while (at->second) {
      at->second = false;
      if (++at == keys_.end()) at = keys_.begin();
    }
    hand_ = at->first;
    return hand_;
  }

 private:
  using rows = std::vector<std::pair<std::string, bool>>;
  rows::iterator find(const std::string& key) {
    return std::find_if(keys_.begin(), keys_.end(), [&](const auto& row) { return row.first == key; });
  }

  rows keys_;                        // the oldest first, each with its mark
  std::optional<std::string> hand_;  // nothing: at the oldest
};

/// The heaviest; among equals the one that came first.
class heaviest : public order {
 public:
  void come(const std::string& key, std::uint64_t weight) override { rows_.push_back({key, weight}); }
  void use(const std::string&) override {}
  void go(const std::string& key) override {
    std::erase_if(rows_, [&](const auto& row) { return row.first == key; });
  }
  std::optional<std::string> victim() override {
    if (rows_.empty()) return std::nullopt;
    auto most = rows_.begin();
    for (auto row = rows_.begin(); row != rows_.end(); ++row)
      if (row->second > most->second) most = row;
    return most->first;
  }

 private:
  std::vector<std::pair<std::string, std::uint64_t>> rows_;
};

struct row {
  std::string key;
  std::string value;
  std::int64_t written = 0;
  std::int64_t accessed = 0;
  std::int64_t deadline = never;
  int pins = 0;
};

struct counts {
  std::uint64_t hits = 0, misses = 0, insertions = 0, evictions = 0, expirations = 0, refused = 0;
  bool operator==(const counts&) const = default;
};

class table {
 public:
  /// What is not limited stays `no_limit` whatever `c` says.
  table(const rules& r, std::unique_ptr<order> o, const amounts& c) : rules_(r), order_(std::move(o)) {
    limits_.fill(no_limit);
    for (std::size_t d = 0; d < dimension_count; ++d)
      if (r.limited[d]) limits_[d] = c[d];
  }

  std::int64_t now = 0;
  counts counted;
  std::vector<departure> left;

  std::optional<std::string> get(const std::string& key) {
    row* r = living(key);
    ++(r != nullptr ? counted.hits : counted.misses);
    if (r == nullptr) return std::nullopt;
    r->accessed = now;
    if (r->pins == 0) order_->use(key);
    return r->value;
  }
  std::optional<std::string> peek(const std::string& key) {
    row* r = living(key);
    return r == nullptr ? std::nullopt : std::optional(r->value);
  }

  bool put(const std::string& key, const std::string& value, std::int64_t time_to_live = never) {
    row fresh{key, value, now, now, time_to_live == never ? never : now + time_to_live, 0};
    const row* old = living(key);
    const auto size = size_of(fresh);
    bool can_fit = true;
    for (std::size_t d = 0; d < dimension_count; ++d) can_fit = can_fit && size[d] <= limits_[d];
    if (!can_fit) {
      if (old != nullptr) drop(key, larder::removal_cause::replaced);
      ++counted.refused;
      return false;
    }
    if (old != nullptr && !grows(size_of(*old), size)) {
      left.push_back({old->key, old->value, larder::removal_cause::replaced});
      fresh.pins = old->pins;
      const bool in_order = old->pins == 0;
      const auto at = std::find_if(rows_.begin(), rows_.end(), [&](const row& r) { return r.key == key; });
      if (in_order && order_->uses_replacements()) {
        order_->use(key);
      } else if (in_order) {
        order_->go(key);
        order_->come(key, order_weight(fresh));
      }
      *at = fresh;
      ++counted.insertions;
      return true;
    }
    // The old value makes room first; it is told of last, since it is replaced only once there is room.
    std::optional<departure> replaced;
    if (old != nullptr) {
      fresh.pins = old->pins;
      replaced.emplace(old->key, old->value, larder::removal_cause::replaced);
      if (old->pins == 0) order_->go(key);
      std::erase_if(rows_, [&](const row& r) { return r.key == key; });
    }
    const bool roomy = make_room(size);
    if (replaced) left.push_back(*replaced);
    if (!roomy) {
      ++counted.refused;
      return false;
    }
    rows_.push_back(fresh);
    if (fresh.pins == 0) order_->come(key, order_weight(fresh));
    ++counted.insertions;
    return true;
  }
  bool put_if_absent(const std::string& key, const std::string& value) { return living(key) == nullptr && put(key, value); }

  bool erase(const std::string& key) {
    if (living(key) == nullptr) return false;
    drop(key, larder::removal_cause::erased);
    return true;
  }
  template <class Predicate>
  std::size_t erase_if(Predicate predicate) {
    std::vector<std::string> chosen;
    for (const row& r : rows_)
      if (!too_old(r) && predicate(r.key, r.value)) chosen.push_back(r.key);
    for (const std::string& key : chosen) drop(key, larder::removal_cause::erased);
    return chosen.size();
  }
  void clear() {
    while (!rows_.empty())
      drop(rows_.front().key, too_old(rows_.front()) ? larder::removal_cause::expired : larder::removal_cause::erased);
  }
  std::size_t purge_expired() {
    std::vector<std::string> old;
    for (const row& r : rows_)
      if (too_old(r)) old.push_back(r.key);
    for (const std::string& key : old) drop(key, larder::removal_cause::expired);
    return old.size();
  }

  void set_limit(std::size_t d, std::uint64_t n) {
    limits_[d] = n;
    shrink();
  }
  std::uint64_t limit(std::size_t d) const { return limits_[d]; }

  bool pin(const std::string& key) {
    for (row& r : rows_)
      if (r.key == key && !too_old(r)) {
        if (r.pins++ == 0) order_->go(key);
        return true;
      }
    return false;
  }
  /// `key` must still be pinned by the caller's pin.
  void unpin(const std::string& key) {
    for (row& r : rows_)
      if (r.key == key && --r.pins == 0) order_->come(key, order_weight(r));
    shrink();
  }
  bool holds(const std::string& key) const {
    return std::any_of(rows_.begin(), rows_.end(), [&](const row& r) { return r.key == key; });
  }

  const std::vector<row>& rows() const { return rows_; }
  bool too_old(const row& r) const {
    return now > r.deadline || (rules_.after_write != never && now - r.written > rules_.after_write) ||
           (rules_.after_access != never && now - r.accessed > rules_.after_access);
  }
  /// Entries, bytes, weight; zero in what is not counted.
  amounts used() const {
    amounts sum{};
    for (const row& r : rows_)
      for (std::size_t d = 0; d < dimension_count; ++d) sum[d] += size_of(r)[d];
    return sum;
  }
  bool any_pinned() const {
    return std::any_of(rows_.begin(), rows_.end(), [](const row& r) { return r.pins != 0; });
  }
  std::uint64_t stored_size(const std::string& value) const { return rules_.stored_size == nullptr ? value.size() : rules_.stored_size(value); }
  amounts size_of(const row& r) const {
    return {1, rules_.limited[dimension::bytes] ? stored_size(r.value) : 0, rules_.limited[dimension::weight] ? r.key.size() + r.value.size() : 0};
  }

 private:
  std::uint64_t order_weight(const row& r) const {
    return rules_.limited[dimension::weight] && !rules_.limited[dimension::bytes] ? r.key.size() + r.value.size() : stored_size(r.value);
  }
  static bool grows(const amounts& from, const amounts& to) {
    for (std::size_t d = 0; d < dimension_count; ++d)
      if (to[d] > from[d]) return true;
    return false;
  }
  /// The row of a key; one that is too old is dropped when it is met.
  row* living(const std::string& key) {
    for (row& r : rows_)
      if (r.key == key) {
        if (!too_old(r)) return &r;
        drop(key, larder::removal_cause::expired);
        return nullptr;
      }
    return nullptr;
  }
  void drop(const std::string& key, larder::removal_cause cause) {
    for (const row& r : rows_)
      if (r.key == key) {
        if (r.pins == 0) order_->go(key);
        if (cause == larder::removal_cause::evicted) ++counted.evictions;
        if (cause == larder::removal_cause::expired) ++counted.expirations;
        left.emplace_back(r.key, r.value, cause);
        break;
      }
    const std::string name = key;  // `key` may be the row's own
    std::erase_if(rows_, [&](const row& r) { return r.key == name; });
  }
  bool evict() {
    const std::optional<std::string> key = order_->victim();
    if (!key) return false;
    for (const row& r : rows_)
      if (r.key == *key) {
        drop(*key, too_old(r) ? larder::removal_cause::expired : larder::removal_cause::evicted);
        return true;
      }
    return false;
  }
  bool make_room(const amounts& size) {
    // Each limit that this put reaches goes down to its mark.
    amounts marks{no_limit, no_limit, no_limit};
    if (rules_.mark > 0)
      for (std::size_t d = 0; d < dimension_count; ++d)
        if (limits_[d] != no_limit && used()[d] + size[d] >= limits_[d])
          marks[d] = static_cast<std::uint64_t>(rules_.mark * static_cast<double>(limits_[d]));
    const auto marked = [&] {
      for (std::size_t d = 0; d < dimension_count; ++d)
        if (marks[d] != no_limit && used()[d] + size[d] > marks[d]) return false;
      return true;
    };
    while (!marked() && evict()) {
    }
    const auto fits = [&] {
      for (std::size_t d = 0; d < dimension_count; ++d)
        if (limits_[d] != no_limit && used()[d] + size[d] > limits_[d]) return false;
      return true;
    };
    while (!fits())
      if (!evict()) return false;
    return true;
  }
  void shrink() {
    const auto over = [&] {
      for (std::size_t d = 0; d < dimension_count; ++d)
        if (used()[d] > limits_[d]) return true;
      return false;
    };
    while (over() && evict()) {
    }
  }

  rules rules_;
  std::unique_ptr<order> order_;
  amounts limits_;
  std::vector<row> rows_;
};

}  // namespace model
