#include <larder/eviction/cyclic.hpp>

#include <doctest/doctest.h>
#include <larder/cache.hpp>
#include <larder/core/concepts.hpp>
#include <larder/testing/eviction_conformance.hpp>

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <optional>
#include <random>
#include <vector>

#include "reference_run.hpp"

namespace {

using reference_run::key;

static_assert(larder::eviction_policy<larder::cyclic>);
static_assert(!larder::core::has_concurrent_hits<larder::cyclic>);
static_assert(sizeof(larder::cyclic::state) == 12);

/// The newest use goes, unless the oldest one is older than twice the longest cycle seen and 64 requests per entry.
class naive_cyclic {
 public:
  void insert(key k, larder::entry_info) { in_.push_back({k, ++now_}); }
  void hit(key k) {
    ++now_;
    for (row& r : in_) {
      if (r.k != k) continue;
      longest_ = std::max(longest_, now_ - r.last);
      r.last = now_;
    }
  }
  void erase(key k) {
    std::erase_if(in_, [&](const row& r) { return r.k == k; });
  }
  void evict(key k) { erase(k); }
  std::optional<key> victim() const {
    if (in_.empty()) return std::nullopt;
    const auto [oldest, newest] = std::minmax_element(in_.begin(), in_.end(), [](const row& a, const row& b) { return a.last < b.last; });
    const std::uint64_t age = now_ - oldest->last;
    return age > 2 * longest_ && age > 64 * in_.size() ? oldest->k : newest->k;
  }

 private:
  struct row {
    key k;
    std::uint64_t last;
  };
  std::vector<row> in_;
  std::uint64_t now_ = 0;
  std::uint64_t longest_ = 0;
};

using cyclic_cache = larder::cache<int, int, larder::cyclic, larder::max_entries>;

int loads_of(cyclic_cache& cache, const std::vector<int>& keys) {
  int loads = 0;
  for (const int k : keys)
    cache.get_or_load(k, [&](const int& wanted) {
      ++loads;
      return wanted;
    });
  return loads;
}

/// The least loads for these requests where each load must be stored: what is wanted furthest ahead goes.
int fewest_loads(const std::vector<int>& requests, std::size_t room) {
  std::vector<int> in;
  int loads = 0;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    if (std::find(in.begin(), in.end(), requests[i]) != in.end()) continue;
    ++loads;
    const auto next = [&](int k) { return std::find(requests.begin() + static_cast<std::ptrdiff_t>(i), requests.end(), k); };
    if (in.size() == room) in.erase(std::max_element(in.begin(), in.end(), [&](int a, int b) { return next(a) < next(b); }));
    in.push_back(requests[i]);
  }
  return loads;
}

std::vector<int> passes(int count, int layers) {
  std::vector<int> requests;
  for (int i = 0; i < count * layers; ++i) requests.push_back(i % layers);
  return requests;
}

int cyclic_loads(int layers, std::uint64_t room, int count) {
  cyclic_cache cache(larder::max_entries{room});
  return loads_of(cache, passes(count, layers));
}

}  // namespace

TEST_CASE("cyclic keeps the contract") { CHECK(larder::testing::check_eviction<larder::cyclic>().text() == ""); }

TEST_CASE("cyclic evicts what a naive reference evicts, request by request") {
  CHECK(reference_run::differs(larder::cyclic{}, naive_cyclic{}) == "");
}

TEST_CASE("passes over a cycle that is larger than the cache load as little as is possible") {
  CHECK(cyclic_loads(4, 3, 3) == 6);
  CHECK(cyclic_loads(4, 2, 3) == 9);
  CHECK(cyclic_loads(12, 4, 10) == 90);
  CHECK(cyclic_loads(12, 8, 10) == 50);
  CHECK(cyclic_loads(32, 31, 2) == 33);
  for (const int layers : {2, 5, 12, 33})
    for (int room = 1; room <= layers; ++room)
      CHECK(cyclic_loads(layers, static_cast<std::uint64_t>(room), 10) == fewest_loads(passes(10, layers), static_cast<std::size_t>(room)));
}

TEST_CASE("a new order each pass hits as often as the room allows") {
  std::mt19937_64 random(3);
  std::vector<int> keys(1000);
  std::iota(keys.begin(), keys.end(), 0);
  cyclic_cache cache(larder::max_entries{350});
  loads_of(cache, keys);
  int loads = 0;
  for (int pass = 0; pass < 20; ++pass) {
    std::shuffle(keys.begin(), keys.end(), random);
    loads += loads_of(cache, keys);
  }
  CHECK(loads < 20 * 1000 * 66 / 100);  // 65 % is the least there can be, LRU loads 93 %
}

TEST_CASE("what a cycle that is over left behind makes room for the next") {
  cyclic_cache cache(larder::max_entries{8});
  loads_of(cache, passes(10, 12));
  std::vector<int> other = passes(100, 12);
  for (int& k : other) k += 100;
  loads_of(cache, other);
  other.resize(11 * 12);  // eleven passes: each entry is loaded with the same frequency once in that time
  CHECK(loads_of(cache, other) == 12 * (12 - 1) - 12 * (8 - 1));
}
