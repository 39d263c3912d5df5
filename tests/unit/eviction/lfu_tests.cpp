#include <larder/eviction/lfu.hpp>

#include <doctest/doctest.h>
#include <larder/cache.hpp>
#include <larder/core/concepts.hpp>
#include <larder/testing/eviction_conformance.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "reference_run.hpp"
#include "scarce_memory.hpp"

namespace {

using reference_run::key;

static_assert(larder::eviction_policy<larder::lfu>);
static_assert(!larder::core::has_concurrent_hits<larder::lfu>);
static_assert(sizeof(larder::lfu::state) == 12);

/// Fewest uses, then used least recently.
class naive_lfu {
 public:
  void insert(key k, larder::entry_info) { in_.push_back({k, 1, ++now_}); }
  void hit(key k) {
    for (row& r : in_)
      if (r.k == k) r = {k, r.uses + 1, ++now_};
  }
  void erase(key k) {
    std::erase_if(in_, [&](const row& r) { return r.k == k; });
  }
  void evict(key k) { erase(k); }
  std::optional<key> victim() const {
    if (in_.empty()) return std::nullopt;
    return std::min_element(in_.begin(), in_.end(), [](const row& a, const row& b) {
             return a.uses != b.uses ? a.uses < b.uses : a.last < b.last;
           })->k;
  }

 private:
  struct row {
    key k;
    std::uint64_t uses;
    std::uint64_t last;
  };
  std::vector<row> in_;
  std::uint64_t now_ = 0;
};

}  // namespace

TEST_CASE("lfu keeps the contract") { CHECK(larder::testing::check_eviction<larder::lfu>().text() == ""); }

TEST_CASE("lfu evicts what a naive reference evicts, request by request") {
  CHECK(reference_run::differs(larder::lfu{}, naive_lfu{}) == "");
}

TEST_CASE("lfu evicts the fewest uses, among equals the least recently used") {
  larder::cache<int, int, larder::lfu, larder::max_entries, larder::unsynchronized> cache(larder::max_entries{3});
  for (const int k : {1, 2, 3}) cache.put(k, k);
  for (const int k : {1, 2, 3, 2, 1}) cache.get(k);  // three uses each for 1 and 2, of which 2 is the older
  cache.put(4, 4);
  CHECK_FALSE(cache.contains(3));
  for (int i = 0; i < 5; ++i) cache.get(4);
  cache.put(5, 5);
  CHECK_FALSE(cache.contains(2));
  CHECK(cache.contains(1));
}

TEST_CASE("lfu counts a replacement as a use") {
  larder::cache<int, int, larder::lfu, larder::max_entries, larder::unsynchronized> cache(larder::max_entries{2});
  cache.put(1, 1);
  for (int i = 0; i < 9; ++i) cache.get(1);
  cache.put(2, 2);
  cache.get(2);
  cache.put(1, 1);
  cache.put(3, 3);
  CHECK(cache.contains(1));
  CHECK_FALSE(cache.contains(2));
}

TEST_CASE("lfu keeps its place when every entry has another number of uses") {
  constexpr int entries = 200;
  larder::cache<int, int, larder::lfu, larder::max_entries, larder::unsynchronized> cache(larder::max_entries{entries});
  for (int k = 0; k < entries; ++k) cache.put(k, k);
  for (int round = 0; round < entries; ++round)
    for (int k = round; k < entries; ++k) cache.get(k);
  for (int k = 0; k < entries - 1; ++k) {
    cache.put(1000 + k, k);
    CHECK_FALSE(cache.contains(k));
    cache.erase(1000 + k);
    CHECK(cache.put(2000, 0));  // fills the place, and is the next to go
    cache.put(3000 + k, 0);
    CHECK_FALSE(cache.contains(2000));
    for (int i = 0; i < 2 * entries; ++i) cache.get(3000 + k);
  }
}

TEST_CASE("lfu without memory for another number of uses still makes a used entry the newest of its like") {
  using memory = reference_run::scarce_memory<std::byte>;
  struct states {
    std::vector<larder::lfu::state>* of;
    larder::lfu::state& operator[](larder::slot s) const noexcept { return (*of)[s]; }
  };
  std::vector<larder::lfu::state> slots(3);
  memory::left = 1;
  larder::lfu::order<states, memory> order{states{&slots}};
  for (const larder::slot s : {0U, 1U, 2U}) order.on_insert(s, {s, 1});
  order.on_hit(0);
  CHECK(order.victim() == 1);
  order.on_hit(1);
  order.on_hit(1);
  CHECK(order.victim() == 2);
  memory::left = 100;
  order.on_hit(2);
  CHECK(order.victim() == 0);
  memory::left = 0;
  order.on_hit(2);  // alone with its number: needs no memory
  order.on_hit(0);
  order.on_hit(1);
  CHECK(order.victim() == 0);
  for (const larder::slot s : {0U, 1U, 2U}) {
    CHECK(order.victim() == s);
    order.on_evict(s, {s, 1});
  }
  CHECK(order.victim() == larder::no_slot);
}
