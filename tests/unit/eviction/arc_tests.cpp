#include <larder/eviction/arc.hpp>

#include <doctest/doctest.h>
#include <larder/core/concepts.hpp>
#include <larder/testing/eviction_conformance.hpp>

#include <algorithm>
#include <cstddef>
#include <deque>
#include <optional>
#include <vector>

#include "failing_memory.hpp"
#include "order_host.hpp"

using namespace eviction_tests;

namespace {

static_assert(larder::eviction_policy<larder::arc>);
static_assert(!larder::core::has_concurrent_hits<larder::arc>);
static_assert(sizeof(larder::arc::state) == 12);

/// Figure 4 of the paper, with c taken from what is there when room is needed. Where erased entries or another capacity leave
/// more ghosts than the paper knows, the oldest go until its bounds hold.
class naive_arc {
 public:
  void hit(int key) {
    erase(key);
    t2_.push_front(key);
  }
  void erase(int key) {
    std::erase(t1_, key);
    std::erase(t2_, key);
  }
  void insert(int key) {
    c_ = std::max(c_, t1_.size() + t2_.size() + 1);
    meet(key);
    (from_ == nowhere ? t1_ : t2_).push_front(key);
    met_.reset();
  }
  int evict_for(int key) {
    if (met_ != key) c_ = t1_.size() + t2_.size();
    meet(key);
    return replace(from_ == nowhere ? 1 : 0, 1, from_ == b2);
  }
  int evict() {
    c_ = t1_.size() + t2_.size();
    return replace(0, 0, false);
  }

 private:
  enum origin { nowhere, b1, b2 };

  /// Cases II and III up to REPLACE.
  void meet(int key) {
    if (met_ == key) return;
    met_ = key;
    from_ = nowhere;
    const auto once = static_cast<double>(b1_.size());
    const auto again = static_cast<double>(b2_.size());
    if (std::erase(b1_, key) != 0) {
      from_ = b1;
      p_ = std::min(p_ + (once >= again ? 1 : again / once), static_cast<double>(c_));
    } else if (std::erase(b2_, key) != 0) {
      from_ = b2;
      p_ = std::max(p_ - (again >= once ? 1 : once / again), 0.0);
    }
  }
  /// REPLACE, and what case IV deletes for it: the oldest of B1 until T1 and B1 have c with x, then the oldest of B2 until all
  /// have 2c. (Deleted afterwards instead of before, so that "T1 has c pages" is no case of its own: its ghost is the oldest.)
  int replace(std::size_t x_in_l1, std::size_t x_in_all, bool x_in_b2) {
    const auto size = static_cast<double>(t1_.size());
    const bool from_t1 = t2_.empty() || (!t1_.empty() && (size > p_ || (x_in_b2 && size == p_)));
    auto& from = from_t1 ? t1_ : t2_;
    const int key = from.back();
    from.pop_back();
    (from_t1 ? b1_ : b2_).push_front(key);
    while (!b1_.empty() && t1_.size() + b1_.size() + x_in_l1 > c_) b1_.pop_back();
    while (!b2_.empty() && t1_.size() + t2_.size() + b1_.size() + b2_.size() + x_in_all > 2 * c_) b2_.pop_back();
    return key;
  }

  std::deque<int> t1_;  // most recently used first
  std::deque<int> t2_;
  std::deque<int> b1_;
  std::deque<int> b2_;
  double p_ = 0;
  std::size_t c_ = 0;
  std::optional<int> met_;
  origin from_ = nowhere;
};

}  // namespace

TEST_CASE("arc evicts as Figure 4 of its paper, request by request") {
  CHECK(order_differs<larder::arc, naive_arc>(calls::requests_only) == "");
  CHECK(order_differs<larder::arc, naive_arc>(calls::everything) == "");
  CHECK(order_differs<larder::arc, naive_arc, up_to_three>(calls::everything) == "");
}

TEST_CASE("arc evicts in a cache as Figure 4 of its paper, request by request") {
  CHECK(cache_differs<larder::arc, naive_arc>(calls::requests_only) == "");
  CHECK(cache_differs<larder::arc, naive_arc>(calls::everything) == "");
}

TEST_CASE("arc keeps the contract of eviction orders") { CHECK(larder::testing::check_eviction<larder::arc>().text() == ""); }

TEST_CASE("arc lets a scan pass when entries were used twice") {
  host<keyed_order<larder::arc>> cache(100, 100);
  for (int round = 0; round < 2; ++round)
    for (int key = 0; key < 50; ++key) cache.get_or_put(key);
  for (int key = 1000; key < 3000; ++key)
    for (const int evicted : cache.get_or_put(key)) CHECK(evicted >= 1000);
}

TEST_CASE("arc learns once from a key that comes, however many victims it needs") {
  // Three of eight were used twice, and 3 comes back after it was evicted: with one victim for it, then with three.
  for (const std::size_t victims : {1U, 3U}) {
    keyed_order<larder::arc> order(40);
    naive_arc reference;
    const auto both = [&](auto&& f) {
      f(order);
      f(reference);
    };
    both([](auto& each) {
      for (int key = 0; key < 8; ++key) each.insert(key);
      for (int key = 0; key < 3; ++key) each.hit(key);
    });
    for (int key = 100; key < 103; ++key) {
      CHECK(order.evict_for(key) == reference.evict_for(key));
      both([&](auto& each) { each.insert(key); });
    }
    for (std::size_t i = 0; i < victims; ++i) CHECK(order.evict_for(3) == reference.evict_for(3));
    both([](auto& each) { each.insert(3); });
    for (std::size_t i = 0; i < victims; ++i) both([&](auto& each) { each.insert(200 + static_cast<int>(i)); });
    for (int key = 300; key < 320; ++key) {
      CHECK(order.evict_for(key) == reference.evict_for(key));
      both([&](auto& each) { each.insert(key); });
    }
  }
}

TEST_CASE("arc names the same victim for the same key, and learns from it only once") {
  slots<larder::arc> memory{std::vector<slots<larder::arc>::entry>(8)};
  slot_states<larder::arc> states(memory);
  order_of<larder::arc> order(states);
  for (larder::slot s = 0; s < 4; ++s) order.on_insert(s, {hash_of(static_cast<int>(s)), 1});
  order.on_hit(0);
  order.on_hit(1);
  const larder::slot first = order.victim({hash_of(9), 1});
  CHECK(first == 2);
  for (int i = 0; i < 10; ++i) CHECK(order.victim({hash_of(9), 1}) == first);
  order.on_evict(first, {hash_of(2), 1});
  order.on_insert(4, {hash_of(9), 1});
  // The key of slot 2 is back: the share of T1 rises from 0 to 1, and not further however often it is asked for.
  for (int i = 0; i < 10; ++i) CHECK(order.victim({hash_of(2), 1}) == 3);
}

TEST_CASE("arc is still LRU of two kinds under a host that does not tell what comes") {
  keyed_order<larder::arc> order(40);
  for (int key = 0; key < 8; ++key) order.insert(key);
  order.hit(0);
  for (int key = 8; key < 14; ++key) {
    CHECK(order.evict() == key - 7);
    order.insert(key);
  }
  CHECK(order.evict() == 7);
  order.insert(6);  // in B1: used again, and T1 may hold one
  for (int key = 9; key < 14; ++key) order.hit(key);
  CHECK(order.evict() == 0);  // T1 holds one, 8
}

TEST_CASE("arc works without memory for ghosts, as if nobody ever came back") {
  using forgetful = larder::arc::order<slot_states<larder::arc>, failing_memory>;
  host<keyed_order<larder::arc, forgetful>> cache(20, 20);
  for (int key = 0; key < 20; ++key) cache.put(key);
  cache.get_or_put(0);
  for (int key = 20; key < 200; ++key) CHECK(cache.put(key) == std::vector<int>{key - 19});
  CHECK(cache.put(180) == std::vector<int>{181});
  CHECK(cache.put(0) == std::vector<int>{});
  CHECK(cache.put(181) == std::vector<int>{182});
  CHECK(cache.algorithm().order().memory() == 0);
}
