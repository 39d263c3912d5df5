#pragma once

// Holds an eviction order to a naive reference of its paper: a host in a few lines, which follows the rules of the contract, is
// played twice with the same random requests, once over the order and once over the reference, and each must evict the same
// keys at the same time. The same is done with a cache in place of the first.
//
// A reference has: hit(key), insert(key), erase(key), evict_for(key) -> key (the cache is full, `key` comes), evict() -> key
// (somebody else needs the room); the evicted key is out already.

#include <larder/cache.hpp>
#include <larder/core/slot.hpp>
#include <larder/limit/max_entries.hpp>
#include <larder/observe/removal_listener.hpp>
#include <larder/storage/table_entry.hpp>
#include <larder/sync/unsynchronized.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

namespace eviction_tests {

inline std::uint64_t hash_of(int key) noexcept {
  std::uint64_t x = static_cast<std::uint64_t>(key) + std::uint64_t{0x9e3779b97f4a7c15};
  x = (x ^ (x >> 30)) * std::uint64_t{0xbf58476d1ce4e5b9};
  x = (x ^ (x >> 27)) * std::uint64_t{0x94d049bb133111eb};
  return x ^ (x >> 31);
}

/// The slots of an imaginary cache.
template <class Policy>
struct slots {
  struct entry : larder::storage::order_field<typename Policy::state> {};
  std::vector<entry> entries;
  entry& operator[](larder::slot s) { return entries[s]; }
};
template <class Policy>
using slot_states = larder::storage::order_states<slots<Policy>>;
template <class Policy>
using order_of = typename Policy::template order<slot_states<Policy>>;

/// An order by key, in slots that are used again in random order.
template <class Policy, class Order = order_of<Policy>>
class keyed_order {
 public:
  explicit keyed_order(std::size_t places, std::uint64_t seed = 1)
      : memory_{std::vector<typename slots<Policy>::entry>(places)}, states_(memory_), order_(states_), random_(seed) {
    for (std::size_t s = 0; s < places; ++s) free_.push_back(static_cast<larder::slot>(s));
  }
  Order& order() noexcept { return order_; }

  void hit(int key) { order_.on_hit(places_.at(key)); }
  void insert(int key) {
    std::swap(free_[random_() % free_.size()], free_.back());
    const larder::slot s = free_.back();
    free_.pop_back();
    places_[key] = s;
    keys_[s] = key;
    memory_[s].renew_state();
    order_.on_insert(s, {hash_of(key), 1});
  }
  void erase(int key) {
    order_.on_erase(places_.at(key));
    release(key);
  }
  int evict_for(int key) {
    if constexpr (requires { order_.victim(larder::entry_info{}); })
      return evict_slot(order_.victim(larder::entry_info{hash_of(key), 1}));
    else
      return evict();
  }
  int evict() { return evict_slot(order_.victim()); }

 private:
  /// -1 for no victim or one that is not there.
  int evict_slot(larder::slot s) {
    const auto at = keys_.find(s);
    if (at == keys_.end()) return -1;
    const int key = at->second;
    order_.on_evict(s, {hash_of(key), 1});
    release(key);
    return key;
  }
  void release(int key) {
    const larder::slot s = places_.at(key);
    keys_.erase(s);
    places_.erase(key);
    free_.push_back(s);
  }

  slots<Policy> memory_;
  slot_states<Policy> states_;
  Order order_;
  std::mt19937_64 random_;
  std::vector<larder::slot> free_;
  std::map<int, larder::slot> places_;
  std::map<larder::slot, int> keys_;
};

/// How heavy an entry is: all alike, or up to three times as heavy, so that one may need the room of several.
struct alike {
  static constexpr std::size_t heaviest = 1;
  std::size_t operator()(int) const noexcept { return 1; }
};
struct up_to_three {
  static constexpr std::size_t heaviest = 3;
  std::size_t operator()(int key) const noexcept { return 1 + hash_of(key) % heaviest; }
};

/// What a cache of so many entries does with its order, in words of keys. Each member says who was evicted.
template <class Algorithm, class Weigh = alike>
class host {
 public:
  explicit host(std::size_t capacity) : capacity_(capacity) {}
  host(std::size_t capacity, std::size_t places, std::uint64_t seed = 1) : algorithm_(places, seed), capacity_(capacity) {}
  Algorithm& algorithm() noexcept { return algorithm_; }

  std::vector<int> get_or_put(int key) {
    if (!in_.contains(key)) return put(key);
    if (!pinned_.contains(key)) algorithm_.hit(key);
    return {};
  }
  std::vector<int> put(int key) {
    std::vector<int> evicted;
    if (in_.contains(key)) {
      if (!pinned_.contains(key)) algorithm_.hit(key);  // a replacement is a use, for every order that comes here
      return {};
    } else {
      while (weight_ + Weigh{}(key) > capacity_) {
        if (in_.size() == pinned_.size()) return evicted;
        evicted.push_back(algorithm_.evict_for(key));
        if (!drop(evicted.back())) return evicted;
      }
      in_.insert(key);
      weight_ += Weigh{}(key);
    }
    algorithm_.insert(key);
    return evicted;
  }
  std::vector<int> erase(int key) {
    if (drop(key) && pinned_.erase(key) == 0) algorithm_.erase(key);
    return {};
  }
  std::vector<int> pin_or_unpin(int key) {
    if (pinned_.erase(key) != 0) {
      algorithm_.insert(key);
    } else if (in_.contains(key)) {
      algorithm_.erase(key);
      pinned_.insert(key);
    }
    return {};
  }
  std::vector<int> unpin_and_resize(std::size_t capacity) {
    for (const int key : pinned_) algorithm_.insert(key);
    pinned_.clear();
    capacity_ = capacity;
    std::vector<int> evicted;
    while (weight_ > capacity_) {
      evicted.push_back(algorithm_.evict());
      if (!drop(evicted.back())) break;
    }
    return evicted;
  }

 private:
  bool drop(int key) {
    if (in_.erase(key) == 0) return false;
    weight_ -= Weigh{}(key);
    return true;
  }

  Algorithm algorithm_;
  std::size_t capacity_;
  std::size_t weight_ = 0;
  std::set<int> in_;
  std::set<int> pinned_;
};

/// The same in a cache.
template <class Policy>
class real_host {
 public:
  explicit real_host(std::size_t capacity)
      : cache_(Policy{}, larder::max_entries{capacity}, larder::removal_listener{noting{&evicted_}}) {}

  std::vector<int> get_or_put(int key) {
    if (!cache_.get(key)) cache_.put(key, key);
    return told();
  }
  std::vector<int> put(int key) {
    cache_.put(key, key);
    return told();
  }
  std::vector<int> erase(int key) {
    cache_.erase(key);
    pins_.erase(key);
    return told();
  }
  std::vector<int> pin_or_unpin(int key) {
    if (pins_.erase(key) == 0)
      if (auto pin = cache_.pin(key)) pins_.emplace(key, std::move(pin));
    return told();
  }
  std::vector<int> unpin_and_resize(std::size_t capacity) {
    while (!pins_.empty()) pins_.erase(pins_.begin());  // in the order of the keys, as the other host
    cache_.set_capacity(larder::max_entries{capacity});
    return told();
  }

 private:
  struct noting {
    std::vector<int>* evicted;
    void operator()(const int& key, const int&, larder::removal_cause cause) const {
      if (cause == larder::removal_cause::evicted) evicted->push_back(key);
    }
  };
  using cache = larder::cache<int, int, Policy, larder::max_entries, larder::unsynchronized, larder::removal_listener<noting>>;

  std::vector<int> told() { return std::exchange(evicted_, {}); }

  std::vector<int> evicted_;
  cache cache_;
  std::map<int, typename cache::lease> pins_;
};

/// Keys as programs ask for them: in turns skewed, uniform, in a loop longer than the cache, and new ones.
class requests {
 public:
  requests(std::uint64_t seed, int capacity) : random_(seed), capacity_(capacity) {}

  std::size_t below(std::size_t n) { return random_() % n; }
  int next_key() {
    if (below(50) == 0) phase_ = below(4);
    const auto any = [&](int n) { return static_cast<int>(below(static_cast<std::size_t>(n))); };
    switch (phase_) {
      case 0:
        return any(1 + any(3 * capacity_));
      case 1:
        return any(3 * capacity_);
      case 2:
        return at_++ % (capacity_ + capacity_ / 4 + 2);
      default:
        return below(3) == 0 ? 1'000'000 + new_++ : any(2 * capacity_);
    }
  }

 private:
  std::mt19937_64 random_;
  int capacity_;
  std::size_t phase_ = 0;
  int at_ = 0;
  int new_ = 0;
};

enum class calls { requests_only, everything };

/// Plays both and says where they first differ; nothing when they never do.
template <class Subject, class Reference>
std::string first_difference(Subject& subject, Reference& reference, std::size_t capacity, std::uint64_t seed, calls which,
                             std::size_t steps) {
  requests random(seed, static_cast<int>(capacity));
  std::ostringstream said;
  const auto same = [&](std::size_t step, const char* what, int key, const std::vector<int>& got,
                        const std::vector<int>& wanted) {
    if (got == wanted) return true;
    said << "capacity " << capacity << ", seed " << seed << ", step " << step << ", " << what << " " << key << ": evicted";
    for (const int k : got) said << " " << k;
    said << ", the reference";
    for (const int k : wanted) said << " " << k;
    return false;
  };
  for (std::size_t step = 0; step < steps; ++step) {
    const int key = random.next_key();
    const std::size_t what = which == calls::everything ? random.below(100) : 100;
    bool agree = true;
    if (what == 0) {
      const std::size_t other = 3 + random.below(2 * capacity);
      agree = same(step, "resize", static_cast<int>(other), subject.unpin_and_resize(other), reference.unpin_and_resize(other));
    } else if (what < 5) {
      agree = same(step, "erase", key, subject.erase(key), reference.erase(key));
    } else if (what < 10) {
      agree = same(step, "put", key, subject.put(key), reference.put(key));
    } else if (what < 14) {
      agree = same(step, "pin", key, subject.pin_or_unpin(key), reference.pin_or_unpin(key));
    } else {
      agree = same(step, "get", key, subject.get_or_put(key), reference.get_or_put(key));
    }
    if (!agree) return said.str();
  }
  return {};
}

/// The first difference between an order and its reference over many seeds and capacities, driven directly.
template <class Policy, class Reference, class Weigh = alike>
std::string order_differs(calls which, std::size_t rounds = 90, std::size_t steps = 1000) {
  for (std::uint64_t seed = 1; seed <= rounds; ++seed) {
    const std::size_t capacity = Weigh::heaviest + seed * 7 % 45;
    host<keyed_order<Policy>, Weigh> subject(capacity, 4 * capacity + 4, seed);
    host<Reference, Weigh> reference(capacity);
    if (std::string said = first_difference(subject, reference, capacity, seed, which, steps); !said.empty()) return said;
  }
  return {};
}

/// The same through a cache.
template <class Policy, class Reference>
std::string cache_differs(calls which, std::size_t rounds = 45, std::size_t steps = 1000) {
  for (std::uint64_t seed = 1; seed <= rounds; ++seed) {
    const std::size_t capacity = 1 + seed * 7 % 45;
    real_host<Policy> subject(capacity);
    host<Reference> reference(capacity);
    if (std::string said = first_difference(subject, reference, capacity, seed, which, steps); !said.empty()) return said;
  }
  return {};
}

}  // namespace eviction_tests
