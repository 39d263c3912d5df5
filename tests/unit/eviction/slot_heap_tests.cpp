#include <larder/eviction/slot_heap.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <random>
#include <set>
#include <utility>
#include <vector>

namespace {

using larder::no_slot;
using larder::slot;

struct node : larder::eviction::heap_links {
  std::uint64_t rank = 0;
};
struct lower_rank {
  bool operator()(const node& a, const node& b) const noexcept { return a.rank < b.rank; }
};
struct nodes {
  std::vector<node>* of;
  node& operator[](slot s) const noexcept { return (*of)[s]; }
};
static_assert(sizeof(larder::eviction::heap_links) == 12);

}  // namespace

TEST_CASE("a slot_heap names the lowest of what is in, whatever comes and goes") {
  std::mt19937_64 random(7);
  for (int round = 0; round < 20; ++round) {
    std::vector<node> memory(200);
    larder::eviction::slot_heap<nodes, lower_rank> heap(nodes{&memory});
    std::set<std::pair<std::uint64_t, slot>> sorted;
    for (int step = 0; step < 5000; ++step) {
      const auto s = static_cast<slot>(random() % memory.size());
      const std::pair<std::uint64_t, slot> known{memory[s].rank, s};
      if (random() % 5 == 0 && !sorted.empty()) {
        const slot top = heap.top();
        heap.erase(top);
        sorted.erase({memory[top].rank, top});
      } else if (sorted.contains(known)) {
        heap.erase(s);
        sorted.erase(known);
      } else {
        memory[s].rank = random() % 1'000'000 * 256 + s;  // no two alike
        heap.push(s);
        sorted.insert({memory[s].rank, s});
      }
      REQUIRE(heap.empty() == sorted.empty());
      REQUIRE(heap.top() == (sorted.empty() ? no_slot : sorted.begin()->second));
    }
  }
}
