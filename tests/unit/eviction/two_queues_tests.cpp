#include <larder/eviction/two_queues.hpp>

#include <larder/core/axis.hpp>
#include <larder/eviction/ghost_table.hpp>
#include <larder/eviction/rule_trial.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "failing_memory.hpp"
#include "order_host.hpp"

using namespace eviction_tests;
using larder::eviction::queue_rule;

namespace {

constexpr auto& rules = larder::eviction::rule_trial<>::rules;
constexpr std::size_t changing = rules.size();  // the next rule after each 40 insertions

/// The rule for so many insertions so far.
const queue_rule& rule_at(std::size_t which, std::size_t insertions) {
  return rules[which == changing ? insertions / 40 % rules.size() : which];
}

/// An eviction policy that is nothing but `two_queues` under one rule.
template <std::size_t which>
struct ruled {
  using policy_axis = larder::axis::eviction;
  struct state : larder::eviction::links {
    std::uint16_t stamp = 0;
    std::uint8_t used = 0;
    bool in_main = false;
  };
  template <class States, class Memory = larder::eviction::ghost_memory>
  class order {
   public:
    explicit order(States states) noexcept : states_{states}, queues_(states_, rule_at(which, 0)) {}
    void on_insert(larder::slot s, larder::entry_info info) noexcept {
      queues_.follow(rule_at(which, ++insertions_));
      queues_.on_insert(s, info.hash);
    }
    void on_hit(larder::slot s) noexcept {
      if (states_[s].used < queues_.most_uses) ++states_[s].used;
    }
    void on_erase(larder::slot s) noexcept { queues_.on_erase(s); }
    void on_evict(larder::slot s, larder::entry_info info) noexcept { queues_.on_evict(s, info.hash); }
    larder::slot victim() noexcept { return queues_.victim(); }
    std::size_t memory() const noexcept { return queues_.memory(); }

   private:
    struct counted_states {
      States states;
      state& operator[](larder::slot s) const noexcept { return states[s]; }
      std::uint8_t uses(larder::slot s) const noexcept { return states[s].used; }
      void set_uses(larder::slot s, std::uint8_t n) const noexcept { states[s].used = n; }
    };
    counted_states states_;
    larder::eviction::two_queues<counted_states, Memory> queues_;
    std::size_t insertions_ = 0;
  };
};

/// The same over deques, newest first, for capacities below 128 (so that stamps are exact). Ghosts have tests of their own.
template <std::size_t which>
class naive {
 public:
  void hit(int key) {
    for (queue* each : {&newcomers_, &main_})
      for (entry& e : *each)
        if (e.key == key) e.uses = std::min(e.uses + 1, 3);
  }
  void insert(int key) {
    rule_ = &rule_at(which, ++insertions_);
    if (rule_->by_recency && capacity_ != 0) {
      newcomers_.push_front({key, 0, 0});
      return;
    }
    const std::uint64_t age = ghosts_.take(hash_of(key));
    const bool spare = capacity_ == 0 || size() + limit(capacity_) < capacity_;
    bool soon = age != ghosts_.absent && static_cast<double>(age) < rule_->return_span * usual_;
    if (!spare && soon) {
      int turns = 0;
      for (; turns < 64 && !main_.empty() && main_.back().uses > 0; ++turns) turn();
      const bool known = main_.empty() || main_.back().uses == 0;
      soon = known && (main_.empty() || age + newcomers_.size() < ghosts_.pushed() - main_.back().stamp);
    }
    (spare || soon ? main_ : newcomers_).push_front({key, 0, ghosts_.pushed()});
  }
  void erase(int key) {
    for (queue* each : {&newcomers_, &main_}) std::erase_if(*each, [&](const entry& e) { return e.key == key; });
  }
  int evict_for(int) { return evict(); }
  int evict() {
    capacity_ = size();
    usual_ += usual_ == 0 ? static_cast<double>(capacity_) : (static_cast<double>(capacity_) - usual_) / 64;
    return rule_->by_recency ? evict_oldest() : evict_least_wanted();
  }

 private:
  struct entry {
    int key;
    int uses;
    std::uint64_t stamp;
  };
  using queue = std::deque<entry>;

  std::size_t size() const { return newcomers_.size() + main_.size(); }
  std::size_t limit(std::size_t entries) const {
    return std::max<std::size_t>(static_cast<std::size_t>(static_cast<double>(entries) * rule_->newcomers), 1);
  }
  static entry pop(queue& from) {
    const entry last = from.back();
    from.pop_back();
    return last;
  }
  void turn() {
    entry e = pop(main_);
    main_.push_front({e.key, rule_->uses_buy_rounds ? e.uses - 1 : 0, ghosts_.pushed()});
  }
  int gone(queue& from) {
    if (rule_->by_recency || &from == &newcomers_)
      ghosts_.push(hash_of(from.back().key), 2 * static_cast<std::size_t>(usual_ + 0.5));
    if (&from == &newcomers_) ++newcomers_gone_;
    return pop(from).key;
  }

  int evict_least_wanted() {
    for (;;) {
      if (!newcomers_.empty() && (main_.empty() || newcomers_.size() >= limit(size()))) {
        const bool let_in = rule_->one_in != 0 && newcomers_gone_ + 1 >= rule_->one_in;
        if (newcomers_.back().uses < rule_->uses_to_stay && !let_in) return gone(newcomers_);
        if (newcomers_.back().uses < rule_->uses_to_stay) newcomers_gone_ = 0;
        main_.push_front({pop(newcomers_).key, 0, ghosts_.pushed()});
      } else if (main_.back().uses == 0) {
        return gone(main_);
      } else {
        turn();
      }
    }
  }
  int evict_oldest() {
    while (size() > 1) {
      for (int moves = 0; newcomers_.size() > limit(size()) && (moves < 4 || main_.empty()); ++moves) pass(newcomers_);
      while (!main_.empty() && main_.back().uses != 0) pass(main_);
      if (!main_.empty()) return gone(main_);
    }
    return gone(main_.empty() ? newcomers_ : main_);
  }
  void pass(queue& from) {
    const entry e = pop(from);
    (e.uses == 0 ? main_ : newcomers_).push_front({e.key, 0, ghosts_.pushed()});
  }

  const queue_rule* rule_ = &rule_at(which, 0);
  queue newcomers_;
  queue main_;
  larder::eviction::ghost_table<> ghosts_;
  std::size_t capacity_ = 0;
  std::size_t insertions_ = 0;
  std::uint32_t newcomers_gone_ = 0;
  double usual_ = 0;
};

template <std::size_t which>
struct rule_number {
  static constexpr std::size_t value = which;
};

}  // namespace

TEST_CASE_TEMPLATE("two queues evict as deques under the same rule, request by request", number, rule_number<0>, rule_number<1>,
                   rule_number<2>, rule_number<3>, rule_number<4>, rule_number<changing>) {
  using subject = ruled<number::value>;
  using reference = naive<number::value>;
  CHECK(order_differs<subject, reference>(calls::requests_only) == "");
  CHECK(order_differs<subject, reference>(calls::everything) == "");
  CHECK(order_differs<subject, reference, up_to_three>(calls::everything) == "");
}

TEST_CASE("what is in two queues fills the main one again after a clear, so that a loop finds a part of itself") {
  host<keyed_order<ruled<0>>> cache(100, 100);
  for (int key = 0; key < 300; ++key) cache.put(key);
  for (int key = 0; key < 300; ++key) cache.erase(key);
  std::size_t evictions = 0;
  for (int round = 0; round < 10; ++round)
    for (int key = 1000; key < 1400; ++key) evictions += cache.get_or_put(key).size();
  CHECK(evictions < 10 * 400 - 100 - 9 * 90);
}

TEST_CASE("a change to recency moves a few entries for each that leaves") {
  // From nearly all in the main queue to the newer part's share and back: the victim is found in few steps each time, and
  // nobody is lost on the way.
  constexpr std::size_t capacity = 2000;
  using policy = ruled<changing>;
  host<keyed_order<policy>> cache(capacity, capacity);
  std::size_t evicted = 0;
  for (int key = 0; key < 10'000; ++key) evicted += cache.get_or_put(key).size();
  CHECK(evicted == 10'000 - capacity);
}

TEST_CASE("two queues work without memory for ghosts, as if nobody ever came back") {
  using forgetful = ruled<1>::order<slot_states<ruled<1>>, failing_memory>;
  host<keyed_order<ruled<1>, forgetful>> cache(20, 20);
  for (int key = 0; key < 200; ++key) CHECK(cache.put(key).size() == (key < 20 ? 0U : 1U));
  for (const int evicted : cache.put(100)) CHECK(evicted >= 0);
  CHECK(cache.algorithm().order().memory() == 0);
}
