// What an order hears when a value is replaced: a use where the policy says so and the new value takes no more room, else that
// the entry went and came again. No more room is taken than the new value needs, pinned or not.
#include <larder/larder.hpp>

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace {

/// Writes down what its order is told; first in, first out.
template <bool IsUse>
struct telling {
  using policy_axis = larder::axis::eviction;
  static constexpr bool replacement_is_use = IsUse;
  using state = larder::fifo::state;
  std::vector<std::string>* heard = nullptr;

  template <class States>
  struct order {
    order(const telling& policy, States states) noexcept : queue(states), heard(policy.heard) {}
    void on_insert(larder::slot s, larder::entry_info info) noexcept {
      heard->push_back("insert " + std::to_string(info.weight));
      queue.on_insert(s, info);
    }
    void on_hit(larder::slot s) noexcept {
      heard->push_back("hit");
      queue.on_hit(s);
    }
    void on_erase(larder::slot s) noexcept {
      heard->push_back("erase");
      queue.on_erase(s);
    }
    void on_evict(larder::slot s, larder::entry_info info) noexcept {
      heard->push_back("evict");
      queue.on_evict(s, info);
    }
    larder::slot victim() noexcept { return queue.victim(); }
    larder::fifo::order<States> queue;
    std::vector<std::string>* heard;
  };
};

using words = std::vector<std::string>;

}  // namespace

TEST_CASE_TEMPLATE("a replacement that takes no more room is a use where the policy says so", Locking, larder::unsynchronized, larder::sharded<1>) {
  words heard;
  auto c = larder::make_cache<std::string, std::string>(telling<true>{&heard}, larder::max_bytes{10}, Locking{});
  c.put("a", "1234");
  c.put("b", "1");
  heard.clear();
  CHECK(c.put("a", "5678"));
  CHECK(heard == words{"hit"});
  CHECK(c.weight() == 5);
  CHECK(c.put("a", "90"));
  CHECK(heard == words{"hit", "hit"});
  CHECK(c.weight() == 3);
  CHECK(c.get("a") == "90");
  heard.clear();
  CHECK(c.put("a", "abc"));  // larger
  CHECK(heard == words{"erase", "insert 3"});
  CHECK(c.weight() == 4);
  heard.clear();
  CHECK(c.put("b", "123456789"));
  CHECK(heard == words{"erase", "evict", "insert 9"});
  CHECK(c.weight() == 9);
  CHECK(c.stats().insertions == 6);
}

TEST_CASE("without that the entry goes and comes again") {
  words heard;
  auto c = larder::make_cache<int, int>(telling<false>{&heard}, larder::max_entries{2});
  c.put(1, 1);
  c.put(2, 2);
  c.put(1, 3);
  CHECK(heard == words{"insert 4", "insert 4", "erase", "insert 4"});
  c.put(4, 4);  // 2 is the oldest now
  CHECK(c.contains(1));
  CHECK_FALSE(c.contains(2));
}

TEST_CASE_TEMPLATE("of a pinned entry's replacement the order hears nothing", Policy, telling<true>, telling<false>) {
  words heard;
  auto c = larder::make_cache<std::string, std::string>(Policy{&heard}, larder::max_bytes{10});
  c.put("a", "1234");
  auto lease = c.pin("a");
  c.set_capacity(2);  // less than what is pinned
  heard.clear();
  CHECK_FALSE(c.put("b", "12"));
  CHECK(c.weight() == 4);
  c.set_capacity(6);
  CHECK(c.put("a", "12"));
  CHECK(heard.empty());
  CHECK(c.weight() == 2);
  CHECK(c.put("b", "1234"));
  CHECK(c.contains("a"));
  lease.release();
  CHECK(c.put("c", "12345"));
  CHECK_FALSE(c.contains("b"));
}

TEST_CASE("popular entries stay popular when their values are replaced") {
  const auto survives = []<class Policy>(Policy policy) {
    auto c = larder::make_cache<int, int>(policy, larder::max_entries{100});
    for (int round = 0; round < 20; ++round)
      for (int key = 0; key < 10; ++key)
        if (!c.get(key)) c.put(key, round);
    for (int i = 0; i < 1000; ++i) {
      c.put(i % 10, i);       // what is popular is renewed
      c.put(1000 + i, i);     // among many that nobody asks for
    }
    int there = 0;
    for (int key = 0; key < 10; ++key) there += c.contains(key) ? 1 : 0;
    return there;
  };
  CHECK(survives(larder::lru{}) == 10);
  CHECK(survives(larder::clock{}) == 10);
  CHECK(survives(larder::sieve{}) == 10);
  CHECK(survives(larder::s3_fifo{}) == 10);
  CHECK(survives(larder::lfu{}) == 10);
  CHECK(survives(larder::arc{}) == 10);
  CHECK(survives(larder::lirs{}) == 10);
  CHECK(survives(larder::w_tinylfu{}) == 10);
  CHECK(survives(larder::adaptive{}) == 10);
}
