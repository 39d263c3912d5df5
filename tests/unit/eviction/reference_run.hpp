#pragma once

// Plays the same random requests to three caches and says where they first differ in what they evict or refuse: a host of a few
// lines over a naive reference of an eviction order, the same host over the order itself, and `larder::cache`.
//
// A reference has: insert(key, entry_info), hit(key), erase(key), evict(key) and victim() -> optional<key>, which changes
// nothing that can be seen.

#include <larder/cache.hpp>
#include <larder/core/axis.hpp>
#include <larder/core/slot.hpp>
#include <larder/limit/max_entries.hpp>
#include <larder/limit/max_weight.hpp>
#include <larder/limit/weigher.hpp>
#include <larder/observe/removal_listener.hpp>
#include <larder/storage/table_entry.hpp>
#include <larder/sync/unsynchronized.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace reference_run {

using key = std::uint64_t;

/// So that the reference knows the hash that the cache tells the order.
struct known_hash {
  using policy_axis = larder::axis::hasher;
  static constexpr bool is_avalanching = true;
  std::uint64_t operator()(key k) const noexcept {
    k = (k + 0x9e3779b97f4a7c15ULL) * 0xbf58476d1ce4e5b9ULL;
    k = (k ^ k >> 32U) * 0x94d049bb133111ebULL;
    return k ^ k >> 29U;
  }
};

/// The order itself, by key, in slots that are used again in random order.
template <class Policy>
class order_in_slots {
 public:
  order_in_slots(const Policy& policy, std::size_t places, std::uint64_t seed)
      : memory_{std::vector<entry>(places)}, states_(memory_), order_(larder::storage::make_order<order>(policy, states_)), random_(seed) {
    for (std::size_t s = 0; s < places; ++s) free_.push_back(static_cast<larder::slot>(s));
  }
  order_in_slots(const order_in_slots&) = delete;

  void insert(key k, larder::entry_info info) {
    std::swap(free_[random_() % free_.size()], free_.back());
    const larder::slot s = free_.back();
    free_.pop_back();
    memory_[s].renew_state();
    keys_[s] = k;
    in_[k] = {s, info};
    order_.on_insert(s, info);
  }
  void hit(key k) { order_.on_hit(in_.at(k).first); }
  void erase(key k) {
    order_.on_erase(in_.at(k).first);
    forget(k);
  }
  void evict(key k) {
    order_.on_evict(in_.at(k).first, in_.at(k).second);
    forget(k);
  }
  std::optional<key> victim() {
    const larder::slot s = order_.victim();
    if (s == larder::no_slot) return std::nullopt;
    return keys_.at(s);
  }

 private:
  struct entry : larder::storage::order_field<typename Policy::state> {};
  struct slots {
    std::vector<entry> entries;
    entry& operator[](larder::slot s) { return entries[s]; }
  };
  using states = larder::storage::order_states<slots>;
  using order = typename Policy::template order<states>;

  void forget(key k) {
    const larder::slot s = in_.at(k).first;
    keys_.erase(s);
    in_.erase(k);
    free_.push_back(s);
  }

  slots memory_;
  states states_;
  order order_;
  std::mt19937_64 random_;
  std::vector<larder::slot> free_;
  std::map<key, std::pair<larder::slot, larder::entry_info>> in_;
  std::map<larder::slot, key> keys_;
};

/// What a request did. -1 stands for a refusal.
using outcome = std::vector<std::int64_t>;
inline constexpr std::int64_t refused = -1;

/// A cache with two limits over any of the above: what the contract of eviction orders says, and no more.
template <class Order>
class small_host {
 public:
  small_host(Order& order, bool replacement_is_use, std::uint64_t most, std::uint64_t heaviest)
      : order_(order), replacement_is_use_(replacement_is_use), most_(most), heaviest_(heaviest) {}

  outcome get_or_put(key k, std::uint64_t weight) {
    const auto at = in_.find(k);
    if (at == in_.end()) return put(k, weight);
    if (!at->second.pinned) order_.hit(k);
    return {};
  }
  outcome put(key k, std::uint64_t weight) {
    outcome done;
    bool pinned = false;
    if (weight > heaviest_) {
      erase(k);
      return {refused};
    }
    if (const auto at = in_.find(k); at != in_.end()) {
      pinned = at->second.pinned;
      if (replacement_is_use_ && weight <= at->second.weight) {
        if (!pinned) order_.hit(k);
        weight_ -= at->second.weight - weight;
        at->second.weight = weight;
        return {};
      }
      const bool grows = weight > at->second.weight;
      take_out(k);
      if (!grows) {  // has its room, however much is pinned
        keep(k, weight, pinned);
        return {};
      }
    }
    while (in_.size() + 1 > most_ || weight_ + weight > heaviest_) {
      if (!evict_one(done)) {
        done.push_back(refused);
        return done;
      }
    }
    keep(k, weight, pinned);
    return done;
  }
  outcome erase(key k) {
    if (in_.contains(k)) take_out(k);
    return {};
  }
  outcome pin_or_unpin(key k) {
    const auto at = in_.find(k);
    if (at == in_.end()) return {};
    at->second.pinned = !at->second.pinned;
    if (at->second.pinned) {
      order_.erase(k);
      return {};
    }
    order_.insert(k, {known_hash{}(k), at->second.weight});
    return resize(most_);  // pins may have kept more than there is room for
  }
  outcome resize(std::uint64_t most) {
    most_ = most;
    outcome done;
    while (in_.size() > most_ && evict_one(done)) {
    }
    return done;
  }
  std::size_t size() const { return in_.size(); }

 private:
  struct row {
    std::uint64_t weight = 0;
    bool pinned = false;
  };

  void keep(key k, std::uint64_t weight, bool pinned) {
    in_[k] = {weight, pinned};
    weight_ += weight;
    if (!pinned) order_.insert(k, {known_hash{}(k), weight});
  }
  void take_out(key k) {
    if (!in_.at(k).pinned) order_.erase(k);
    weight_ -= in_.at(k).weight;
    in_.erase(k);
  }
  bool evict_one(outcome& done) {
    const std::optional<key> victim = order_.victim();
    if (!victim) return false;
    order_.evict(*victim);
    weight_ -= in_.at(*victim).weight;
    in_.erase(*victim);
    done.push_back(static_cast<std::int64_t>(*victim));
    return true;
  }

  Order& order_;
  bool replacement_is_use_;
  std::uint64_t most_;
  std::uint64_t heaviest_;
  std::uint64_t weight_ = 0;
  std::map<key, row> in_;
};

/// The same requests to a real cache.
template <class Policy>
class real_host {
 public:
  real_host(const Policy& policy, std::uint64_t most, std::uint64_t heaviest)
      : cache_(policy, larder::max_entries{most}, larder::max_weight{heaviest}, larder::weigher<weigh>(weigh{}),
               larder::removal_listener<note>(note{&evicted_})) {}

  outcome get_or_put(key k, std::uint64_t weight) { return cache_.get(k) ? outcome{} : put(k, weight); }
  outcome put(key k, std::uint64_t weight) {
    const bool stored = cache_.put(k, weight);
    outcome done = std::exchange(evicted_, {});
    if (!stored) done.push_back(refused);
    if (!cache_.contains(k)) pins_.erase(k);
    return done;
  }
  outcome erase(key k) {
    cache_.erase(k);
    pins_.erase(k);
    return std::exchange(evicted_, {});
  }
  outcome pin_or_unpin(key k) {
    if (pins_.erase(k) == 0)
      if (auto pin = cache_.pin(k)) pins_.emplace(k, std::move(pin));
    return std::exchange(evicted_, {});
  }
  outcome resize(std::uint64_t most) {
    cache_.set_capacity(larder::max_entries{most});
    return std::exchange(evicted_, {});
  }
  std::size_t size() const { return cache_.size(); }

 private:
  struct weigh {
    std::uint64_t operator()(const key&, const std::uint64_t& weight) const { return weight; }
  };
  struct note {
    outcome* evicted;
    void operator()(const key& k, const std::uint64_t&, larder::removal_cause cause) const {
      if (cause == larder::removal_cause::evicted) evicted->push_back(static_cast<std::int64_t>(k));
    }
  };
  using cache = larder::cache<key, std::uint64_t, Policy, known_hash, larder::max_entries, larder::max_weight, larder::weigher<weigh>,
                              larder::unsynchronized, larder::removal_listener<note>>;

  outcome evicted_;
  cache cache_;
  std::map<key, typename cache::lease> pins_;
};

/// Which keys are asked for: in turns skewed, uniform, in a loop longer than the cache, and seen once; or always those that came
/// of late; or each once.
enum class asked : std::uint8_t { in_turns, of_late, once };

class request_keys {
 public:
  request_keys(std::uint64_t seed, std::uint64_t capacity, asked which) : random_(seed), capacity_(capacity), which_(which) {}
  std::uint64_t below(std::uint64_t n) { return random_() % n; }
  key next() {
    if (which_ == asked::once) return new_++;
    if (which_ == asked::of_late) {
      const std::uint64_t newest = new_++ / 16;
      return newest - std::min(newest, below(3 * capacity_ / 4));
    }
    if (below(50 + 5 * capacity_) == 0) phase_ = below(4);
    if (phase_ == 0) return below(1 + below(1 + below(4 * capacity_)));
    if (phase_ == 1) return below(3 * capacity_);
    if (phase_ == 2) return at_++ % (capacity_ + capacity_ / 4 + 2);
    return below(3) == 0 ? 1'000'000 + new_++ : below(2 * capacity_);
  }

 private:
  std::mt19937_64 random_;
  std::uint64_t capacity_;
  asked which_;
  std::uint64_t phase_ = 0;
  std::uint64_t at_ = 0;
  std::uint64_t new_ = 0;
};

struct settings {
  std::uint64_t capacity = 10;
  std::uint64_t heaviest_entry = 1;  ///< weights from 0 to this; the cache holds half of `capacity` of the heaviest
  std::size_t steps = 2000;
  asked keys = asked::in_turns;
  bool requests_only = false;  ///< no erasures, replacements, pins, changes of the capacity
};

/// Plays all three; nothing when they never differ.
template <class Policy, class Reference>
std::string first_difference(const Policy& policy, Reference reference, std::uint64_t seed, const settings& set) {
  const std::uint64_t half = set.heaviest_entry * set.capacity / 2;
  const std::uint64_t weight = set.heaviest_entry == 1 ? set.capacity * 4 : std::max(half, set.heaviest_entry - 1);
  order_in_slots<Policy> order(policy, set.capacity * 4 + 4, seed);
  small_host<order_in_slots<Policy>> by_order(order, larder::core::replacement_is_use<Policy>, set.capacity, weight);
  small_host<Reference> by_reference(reference, larder::core::replacement_is_use<Policy>, set.capacity, weight);
  real_host<Policy> by_cache(policy, set.capacity, weight);
  request_keys random(seed, set.capacity, set.keys);

  std::ostringstream said;
  const auto tell = [&](const char* who, const outcome& did) {
    said << "; " << who << ":";
    for (const std::int64_t k : did) said << " " << k;
  };
  for (std::size_t step = 0; step < set.steps; ++step) {
    const key k = random.next();
    const std::uint64_t w = set.heaviest_entry == 1 ? 1 : (random.below(4) == 0 ? random.below(set.heaviest_entry + 1) : 1 + k % 5);
    const std::uint64_t what = set.requests_only ? 100 : random.below(100);
    const std::uint64_t most = 1 + random.below(2 * set.capacity);
    const auto ask = [&](auto& host) {
      if (what == 0) return host.resize(most);
      if (what < 5) return host.erase(k);
      if (what < 12) return host.put(k, w);
      if (what < 17) return host.pin_or_unpin(k);
      return host.get_or_put(k, w);
    };
    const outcome wanted = ask(by_reference);
    const outcome direct = ask(by_order);
    const outcome cached = ask(by_cache);
    if (direct == wanted && cached == wanted && by_order.size() == by_reference.size() && by_cache.size() == by_reference.size()) continue;
    said << "capacity " << set.capacity << ", seed " << seed << ", step " << step << ", key " << k << ", kind " << what;
    tell("reference", wanted);
    tell("order", direct);
    tell("cache", cached);
    return said.str();
  }
  return {};
}

/// The first difference over many seeds and small capacities, with everything that a host may do in between and without.
template <class Policy, class Reference>
std::string differs(const Policy& policy, const Reference& reference, std::uint64_t heaviest_entry = 1, std::uint64_t rounds = 100) {
  for (std::uint64_t seed = 1; seed <= rounds; ++seed) {
    settings set{.capacity = 1 + seed * 7 % 45, .heaviest_entry = heaviest_entry, .requests_only = seed % 3 == 0};
    if (std::string said = first_difference(policy, reference, seed, set); !said.empty()) return said;
  }
  return {};
}

}  // namespace reference_run
