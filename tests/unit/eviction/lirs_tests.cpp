#include <larder/eviction/lirs.hpp>

#include <doctest/doctest.h>
#include <larder/core/concepts.hpp>
#include <larder/testing/eviction_conformance.hpp>

#include <algorithm>
#include <cstddef>
#include <deque>
#include <map>
#include <vector>

#include "failing_memory.hpp"
#include "order_host.hpp"

using namespace eviction_tests;

namespace {

static_assert(larder::eviction_policy<larder::lirs>);
static_assert(!larder::core::has_concurrent_hits<larder::lirs>);
static_assert(sizeof(larder::lirs::state) == 16);

/// Section 3 of the paper with a real stack S, pruned entry by entry. c is what is there when room is needed; until it is known
/// all are LIR. Non-resident blocks leave S when c blocks were pushed as HIR after them.
class naive_lirs {
 public:
  void hit(int key) {
    if (kinds_.at(key) == lir) {
      std::erase(stack_, key);
      stack_.push_front(key);
      prune();
    } else if (in_stack(key)) {
      std::erase(queue_, key);
      to_lir(key);
    } else {
      std::erase(queue_, key);
      push(key);
    }
  }
  void insert(int key) {
    c_ = std::max(c_, residents() + 1);
    if (in_stack(key) || lirs() < most_lirs())
      to_lir(key);
    else
      push(key);
  }
  void erase(int key) {
    std::erase(stack_, key);
    std::erase(queue_, key);
    kinds_.erase(key);
    prune();
  }
  int evict_for(int) { return evict(); }
  int evict() {
    c_ = residents();
    filled_ = true;
    demote_excess();
    if (queue_.empty()) demote();
    const int key = queue_.front();
    queue_.pop_front();
    if (in_stack(key) && pushed_.at(key) >= oldest_push_) {
      kinds_.at(key) = gone;
    } else {
      std::erase(stack_, key);
      kinds_.erase(key);
    }
    return key;
  }

 private:
  enum kind { lir, hir, gone };

  std::size_t count(kind wanted) const {
    return static_cast<std::size_t>(
        std::count_if(kinds_.begin(), kinds_.end(), [&](const auto& k) { return k.second == wanted; }));
  }
  std::size_t lirs() const { return count(lir); }
  std::size_t residents() const { return count(lir) + count(hir); }
  std::size_t most_lirs() const { return filled_ ? c_ - std::max<std::size_t>(1, c_ / 100) : 1'000'000; }
  bool in_stack(int key) const { return std::find(stack_.begin(), stack_.end(), key) != stack_.end(); }

  /// To the top of S as LIR; the LIR at its bottom makes room for it.
  void to_lir(int key) {
    std::erase(stack_, key);
    stack_.push_front(key);
    kinds_[key] = lir;
    prune();
    demote_excess();
  }
  /// To the top of S and the end of Q as HIR.
  void push(int key) {
    stack_.push_front(key);
    queue_.push_back(key);
    kinds_[key] = hir;
    pushed_[key] = ++pushes_;
    oldest_push_ = std::max(oldest_push_, pushes_ - static_cast<int>(c_) + 1);
    std::vector<int> too_old;
    for (const auto& [k, what] : kinds_)
      if (what == gone && pushed_.at(k) < oldest_push_) too_old.push_back(k);
    for (const int k : too_old) erase(k);
    prune();
  }
  void demote_excess() {
    while (lirs() > most_lirs()) demote();
  }
  void demote() {
    const int key = stack_.back();
    stack_.pop_back();
    kinds_.at(key) = hir;
    queue_.push_back(key);
    prune();
  }
  void prune() {
    while (!stack_.empty() && kinds_.at(stack_.back()) != lir) {
      if (kinds_.at(stack_.back()) == gone) kinds_.erase(stack_.back());
      stack_.pop_back();
    }
  }

  std::deque<int> stack_;  // top first
  std::deque<int> queue_;  // first to leave first
  std::map<int, kind> kinds_;
  std::map<int, int> pushed_;
  int pushes_ = 0;
  int oldest_push_ = 0;
  std::size_t c_ = 0;
  bool filled_ = false;
};

}  // namespace

TEST_CASE("lirs evicts as its paper says, request by request") {
  CHECK(order_differs<larder::lirs, naive_lirs>(calls::requests_only) == "");
  CHECK(order_differs<larder::lirs, naive_lirs>(calls::everything) == "");
  CHECK(order_differs<larder::lirs, naive_lirs, up_to_three>(calls::everything) == "");
}

TEST_CASE("lirs evicts in a cache as its paper says, request by request") {
  CHECK(cache_differs<larder::lirs, naive_lirs>(calls::requests_only) == "");
  CHECK(cache_differs<larder::lirs, naive_lirs>(calls::everything) == "");
}

TEST_CASE("lirs with a queue of several entries evicts as its paper says, request by request") {
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    const std::size_t capacity = 150 + 60 * seed;
    host<keyed_order<larder::lirs>> subject(capacity, 4 * capacity, seed);
    host<naive_lirs> reference(capacity);
    CHECK(first_difference(subject, reference, capacity, seed, calls::everything, 6000) == "");
  }
}

TEST_CASE("lirs keeps the contract of eviction orders") { CHECK(larder::testing::check_eviction<larder::lirs>().text() == ""); }

TEST_CASE("lirs keeps nearly as much of a loop as fits, where LRU keeps nothing") {
  host<keyed_order<larder::lirs>> cache(100, 100);
  int misses = 0;
  for (int round = 0; round < 12; ++round)
    for (int key = 0; key < 125; ++key) misses += static_cast<int>(cache.get_or_put(key).size());
  CHECK(misses <= 25 + 11 * 26);
}

TEST_CASE("lirs lets a scan pass that is longer than the cache") {
  host<keyed_order<larder::lirs>> cache(100, 100);
  for (int key = 0; key < 99; ++key) cache.get_or_put(key);
  for (int key = 1000; key < 3000; ++key)
    for (const int evicted : cache.get_or_put(key)) CHECK((evicted == 0 || evicted >= 1000));
}

TEST_CASE("lirs works without memory for ghosts, as if nobody ever came back") {
  using forgetful = larder::lirs::order<slot_states<larder::lirs>, failing_memory>;
  host<keyed_order<larder::lirs, forgetful>> cache(20, 20);
  for (int key = 0; key < 21; ++key) cache.put(key);
  for (int key = 21; key < 200; ++key) CHECK(cache.put(key) == std::vector<int>{key - 1});
  CHECK(cache.put(198) == std::vector<int>{199});
  CHECK(cache.algorithm().order().memory() == 0);
}
