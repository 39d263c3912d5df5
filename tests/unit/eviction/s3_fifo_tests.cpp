#include <larder/eviction/s3_fifo.hpp>

#include <doctest/doctest.h>
#include <larder/core/concepts.hpp>
#include <larder/testing/eviction_conformance.hpp>

#include <algorithm>
#include <cstddef>
#include <deque>

#include "failing_memory.hpp"
#include "order_host.hpp"

using namespace eviction_tests;

namespace {

static_assert(larder::eviction_policy<larder::s3_fifo>);
static_assert(larder::core::has_concurrent_hits<larder::s3_fifo>);
static_assert(sizeof(larder::s3_fifo::state) == 12);

/// Algorithm 1 of the paper, with the capacity taken from what is there when room is needed. The ghost queue holds who is left of
/// as many evictions from the small queue.
class naive_s3_fifo {
 public:
  void hit(int key) {
    for (auto* queue : {&small_, &main_})
      for (entry& e : *queue)
        if (e.key == key) e.freq = std::min(e.freq + 1, 3);
  }
  void insert(int key) {
    const auto at = std::find_if(ghost_.begin(), ghost_.end(), [&](const gone& g) { return g.key == key; });
    if (at == ghost_.end()) {
      small_.push_front({key, 0});
    } else {
      ghost_.erase(at);
      main_.push_front({key, 0});
    }
  }
  void erase(int key) {
    for (auto* queue : {&small_, &main_}) std::erase_if(*queue, [&](const entry& e) { return e.key == key; });
  }
  int evict_for(int) { return evict(); }
  int evict() {
    const std::size_t capacity = small_.size() + main_.size();
    for (;;) {
      if (!small_.empty() && small_.size() >= capacity / 10) {
        const entry t = small_.back();
        small_.pop_back();
        if (t.freq > 1) {
          main_.push_front({t.key, 0});
        } else {
          to_ghost(t.key, capacity);
          return t.key;
        }
      } else {
        const entry t = main_.back();
        main_.pop_back();
        if (t.freq == 0) return t.key;
        main_.push_front({t.key, t.freq - 1});
      }
    }
  }

 private:
  struct entry {
    int key;
    int freq;
  };
  struct gone {
    int key;
    int number;
  };

  void to_ghost(int key, std::size_t capacity) {
    ghost_.push_front({key, ++gone_});
    while (ghost_.back().number + static_cast<int>(capacity) <= gone_) ghost_.pop_back();
  }

  std::deque<entry> small_;  // newest first
  std::deque<entry> main_;
  std::deque<gone> ghost_;
  int gone_ = 0;
};

}  // namespace

TEST_CASE("s3_fifo evicts as Algorithm 1 of its paper, request by request") {
  CHECK(order_differs<larder::s3_fifo, naive_s3_fifo>(calls::requests_only) == "");
  CHECK(order_differs<larder::s3_fifo, naive_s3_fifo>(calls::everything) == "");
  CHECK(order_differs<larder::s3_fifo, naive_s3_fifo, up_to_three>(calls::everything) == "");
}

TEST_CASE("s3_fifo evicts in a cache as Algorithm 1 of its paper, request by request") {
  CHECK(cache_differs<larder::s3_fifo, naive_s3_fifo>(calls::requests_only) == "");
  CHECK(cache_differs<larder::s3_fifo, naive_s3_fifo>(calls::everything) == "");
}

TEST_CASE("s3_fifo keeps the contract of eviction orders") {
  CHECK(larder::testing::check_eviction<larder::s3_fifo>().text() == "");
}

TEST_CASE("s3_fifo lets a scan pass that is longer than the cache") {
  host<keyed_order<larder::s3_fifo>> cache(100, 100);
  for (int round = 0; round < 3; ++round)
    for (int key = 0; key < 50; ++key) cache.get_or_put(key);
  for (int key = 1000; key < 3000; ++key)
    for (const int evicted : cache.get_or_put(key)) CHECK(evicted >= 1000);
}

TEST_CASE("s3_fifo brings who comes back soon to the main queue, past newer ones") {
  host<keyed_order<larder::s3_fifo>> cache(20, 20);
  for (int key = 0; key < 20; ++key) cache.put(key);
  CHECK(cache.put(20) == std::vector<int>{0});
  CHECK(cache.put(0) == std::vector<int>{1});
  std::vector<int> left;
  for (int key = 21; key < 60; ++key)
    for (const int evicted : cache.put(key)) left.push_back(evicted);
  CHECK(std::find(left.begin(), left.end(), 0) == left.end());
  CHECK(std::find(left.begin(), left.end(), 20) != left.end());
}

TEST_CASE("s3_fifo counts three uses and writes nothing beyond them") {
  slots<larder::s3_fifo> memory{std::vector<slots<larder::s3_fifo>::entry>(1)};
  slot_states<larder::s3_fifo> states(memory);
  order_of<larder::s3_fifo> order(states);
  order.on_insert(0, {hash_of(1), 1});
  for (int uses = 1; uses <= 5; ++uses) {
    order.on_hit(0);
    CHECK(states[0].uses.load() == std::min(uses, 3));
  }
}

TEST_CASE("s3_fifo works without memory for ghosts, as if nobody ever came back") {
  using forgetful = larder::s3_fifo::order<slot_states<larder::s3_fifo>, failing_memory>;
  host<keyed_order<larder::s3_fifo, forgetful>> cache(20, 20);
  for (int key = 0; key < 20; ++key) cache.put(key);
  for (int key = 20; key < 200; ++key) CHECK(cache.put(key) == std::vector<int>{key - 20});
  CHECK(cache.put(179) == std::vector<int>{180});
  CHECK(cache.algorithm().order().memory() == 0);
}
