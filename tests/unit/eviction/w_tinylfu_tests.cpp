#include <larder/eviction/w_tinylfu.hpp>

#include <doctest/doctest.h>
#include <larder/cache.hpp>
#include <larder/core/concepts.hpp>
#include <larder/eviction/lru.hpp>
#include <larder/testing/eviction_conformance.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <utility>
#include <vector>

#include "reference_run.hpp"

namespace {

using reference_run::key;

static_assert(larder::eviction_policy<larder::w_tinylfu>);
static_assert(!larder::core::has_concurrent_hits<larder::w_tinylfu>);
static_assert(sizeof(larder::w_tinylfu::state) == 12);

/// The papers' algorithm over three lists, newest first; only the sketch is the order's own (it has tests of its own).
class naive_w_tinylfu {
 public:
  explicit naive_w_tinylfu(bool fixed) : fixed_(fixed) {}

  void insert(key k, larder::entry_info info) {
    window_.insert(window_.begin(), {k, info.hash});
    sketch_.cover(count());
    sketch_.count(sketched(info.hash));
    ++misses_;
    adapt();
    keep_shares();
  }
  void hit(key k) {
    for (auto* list : {&window_, &probation_, &protected_}) {
      const auto at = find(*list, k);
      if (at == list->end()) continue;
      const row used = *at;
      list->erase(at);
      auto& to = list == &window_ ? window_ : protected_;
      to.insert(to.begin(), used);
      sketch_.count(sketched(used.hash));
      ++hits_;
      adapt();
      if (list == &probation_) keep_shares();
      return;
    }
  }
  void erase(key k) {
    for (auto* list : {&window_, &probation_, &protected_})
      std::erase_if(*list, [&](const row& r) { return r.k == k; });
  }
  void evict(key k) {
    erase(k);
    evicted_ = true;
  }
  std::optional<key> victim() const {
    const auto& main = probation_.empty() ? protected_ : probation_;
    if (count() == 0) return std::nullopt;
    if (main.empty()) return window_.back().k;
    if (window_.size() < window_share()) return main.back().k;  // the one that comes finds room there
    const unsigned candidate = sketch_.estimate(sketched(window_.back().hash));
    const unsigned victim = sketch_.estimate(sketched(main.back().hash));
    const bool admitted = candidate > victim || (candidate > 5 && chance());
    return admitted ? main.back().k : window_.back().k;
  }

 private:
  struct row {
    key k;
    std::uint64_t hash;
  };
  using rows = std::vector<row>;

  static rows::iterator find(rows& list, key k) {
    return std::find_if(list.begin(), list.end(), [&](const row& r) { return r.k == k; });
  }
  static std::uint64_t sketched(std::uint64_t hash) { return hash >> 32U & 0xfffffffcU; }
  std::size_t count() const { return window_.size() + probation_.size() + protected_.size(); }
  std::size_t window_share() const {
    return std::max(static_cast<std::size_t>(std::floor(static_cast<double>(count()) * share_)), std::size_t{1});
  }
  bool chance() const {
    const std::uint64_t x = misses_ * 0x9e3779b97f4a7c15ULL;
    return (x ^ x >> 32U) * 0xd6e8feb86659fd93ULL < std::uint64_t{1} << 57U;
  }
  static void demote(rows& from, rows& to) {
    to.insert(to.begin(), from.back());
    from.pop_back();
  }
  void keep_shares() {
    for (int i = 0; i < 8; ++i)
      if (window_.size() > window_share()) demote(window_, probation_);
    for (int i = 0; i < 8; ++i)
      if (protected_.size() > (probation_.size() + protected_.size()) * 8 / 10) demote(protected_, probation_);
  }
  void adapt() {
    const std::uint64_t asked = hits_ + misses_ - asked_before_;
    if (fixed_ || asked < 2000 || asked < 10 * count()) return;
    const double ratio = static_cast<double>(hits_ - hits_before_) / static_cast<double>(asked);
    if (evicted_) {
      if (ratio_) {
        const double change = ratio - *ratio_;
        const double amount = change >= 0 ? step_ : -step_;
        share_ = std::min(std::max(share_ + amount, 0.01), 0.8);
        step_ = std::fabs(change) >= 0.05 ? (amount >= 0 ? 0.0625 : -0.0625) : 0.98 * amount;
      }
      ratio_ = ratio;
    }
    asked_before_ = hits_ + misses_;
    hits_before_ = hits_;
  }

  bool fixed_;
  rows window_, probation_, protected_;
  larder::eviction::frequency_sketch<> sketch_;
  std::uint64_t misses_ = 0, hits_ = 0, asked_before_ = 0, hits_before_ = 0;
  std::optional<double> ratio_;
  double share_ = 0.01, step_ = 0.0625;
  bool evicted_ = false;
};

/// Hits of a cache of 200 entries over so many requests by `next`.
template <class Policy, class Next>
std::uint64_t hits_of(const Policy& policy, int requests, Next next) {
  larder::cache<std::uint64_t, int, Policy, larder::max_entries, larder::unsynchronized> cache(policy, larder::max_entries{200});
  for (int i = 0; i < requests; ++i) {
    const std::uint64_t k = next(i);
    if (!cache.get(k)) cache.put(k, 0);
  }
  return cache.stats().hits;
}

}  // namespace

TEST_CASE("w_tinylfu keeps the contract") {
  CHECK(larder::testing::check_eviction<larder::w_tinylfu>().text() == "");
  CHECK(larder::testing::check_eviction(larder::w_tinylfu{.fixed_window = true}).text() == "");
}

TEST_CASE("w_tinylfu evicts what a naive reference evicts, request by request") {
  for (const bool fixed : {false, true}) {
    CAPTURE(fixed);
    const larder::w_tinylfu policy{.fixed_window = fixed};
    CHECK(reference_run::differs(policy, naive_w_tinylfu{fixed}) == "");
    CHECK(reference_run::differs(policy, naive_w_tinylfu{fixed}, 5) == "");
    for (std::uint64_t seed = 1; seed <= 4; ++seed) {
      const reference_run::settings set{.capacity = 250, .steps = 40'000, .requests_only = seed > 2};
      CHECK(reference_run::first_difference(policy, naive_w_tinylfu{fixed}, seed, set) == "");
    }
    for (const reference_run::asked keys : {reference_run::asked::of_late, reference_run::asked::once}) {
      const reference_run::settings set{.capacity = 250, .steps = 60'000, .keys = keys, .requests_only = true};
      CHECK(reference_run::first_difference(policy, naive_w_tinylfu{fixed}, 1, set) == "");
    }
  }
}

TEST_CASE("w_tinylfu keeps what is wanted often through a stream of keys that are wanted once") {
  larder::cache<int, int, larder::w_tinylfu, larder::max_entries, larder::unsynchronized> cache(larder::max_entries{100});
  for (int round = 0; round < 3; ++round)
    for (int k = 0; k < 90; ++k)
      if (!cache.get(k)) cache.put(k, k);
  for (int k = 1000; k < 1500; ++k) cache.put(k, k);
  int kept = 0;
  for (int k = 0; k < 90; ++k) kept += cache.contains(k) ? 1 : 0;
  CHECK(kept >= 88);
}

TEST_CASE("w_tinylfu learns that another key has become popular, and forgets the old ones") {
  larder::cache<int, int, larder::w_tinylfu, larder::max_entries, larder::unsynchronized> cache(larder::max_entries{50});
  const auto use = [&](int from) {
    int misses = 0;
    for (int round = 0; round < 40; ++round)
      for (int k = from; k < from + 45; ++k)
        if (!cache.get(k)) {
          cache.put(k, k);
          misses += round >= 35 ? 1 : 0;
        }
    return misses;
  };
  CHECK(use(0) == 0);
  CHECK(use(1000) == 0);
}

TEST_CASE("a newcomer that is wanted no more than the victim of w_tinylfu wins once in 128, when it is wanted often") {
  struct states {
    std::vector<larder::w_tinylfu::state>* of;
    larder::w_tinylfu::state& operator[](larder::slot s) const noexcept { return (*of)[s]; }
  };
  std::vector<larder::w_tinylfu::state> slots(2);
  const auto lucky_rounds = [&](int newcomers) {  // each of them comes in turn
    larder::w_tinylfu::order<states> order(larder::w_tinylfu{}, states{&slots});
    slots = {{}, {}};
    order.on_insert(0, {reference_run::known_hash{}(0), 1});
    order.on_insert(1, {reference_run::known_hash{}(1), 1});
    int lucky = 0;
    for (std::uint64_t round = 0; round < 10'000; ++round) {
      order.on_erase(1);
      slots[1] = {};
      order.on_insert(1, {reference_run::known_hash{}(1 + round % static_cast<std::uint64_t>(newcomers)), 1});
      order.on_hit(0);
      lucky += order.victim() == 0 ? 1 : 0;
    }
    return lucky;
  };
  CHECK(lucky_rounds(1) > 40);
  CHECK(lucky_rounds(1) < 130);
  CHECK(lucky_rounds(8) == 0);
}

TEST_CASE("the window of w_tinylfu grows where use is by recency and stays small where it is by popularity") {
  const auto recent = [random = std::mt19937_64(1)](int i) mutable {  // each key is wanted four times in 300 requests
    const auto newest = static_cast<std::uint64_t>(i) / 4;
    return newest - std::min<std::uint64_t>(newest, random() % 75);
  };
  const std::uint64_t lru = hits_of(larder::lru{}, 200'000, recent);
  CHECK(hits_of(larder::w_tinylfu{}, 200'000, recent) > lru * 90 / 100);
  CHECK(hits_of(larder::w_tinylfu{.fixed_window = true}, 200'000, recent) < lru * 80 / 100);

  const auto popular = [random = std::mt19937_64(1)](int) mutable {
    const std::uint64_t few = 1 + random() % 20'000;
    const std::uint64_t fewer = 1 + random() % few;
    return random() % fewer;
  };
  const std::uint64_t fixed = hits_of(larder::w_tinylfu{.fixed_window = true}, 200'000, popular);
  CHECK(hits_of(larder::w_tinylfu{}, 200'000, popular) > fixed * 92 / 100);
  CHECK(hits_of(larder::lru{}, 200'000, popular) < fixed * 90 / 100);
}
