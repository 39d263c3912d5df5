// An order may ask for whom it makes room: `victim(entry_info)` is called by puts, `victim()` by everything else.

#include <larder/core/concepts.hpp>
#include <larder/eviction/slot_list.hpp>
#include <larder/larder.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <string>
#include <vector>

namespace {

struct question {
  bool for_somebody;
  std::uint64_t hash;
  std::uint64_t weight;
  bool operator==(const question&) const = default;
};

/// First in, first out, and keeps a record of what it was asked.
struct asked_fifo {
  using policy_axis = larder::axis::eviction;
  using state = larder::eviction::links;
  std::vector<question>* asked = nullptr;

  template <class States>
  class order {
   public:
    order(const asked_fifo& policy, States states) : asked_(policy.asked), list_(states) {}
    void on_insert(larder::slot s, larder::entry_info) noexcept { list_.push_front(s); }
    void on_hit(larder::slot) noexcept {}
    void on_erase(larder::slot s) noexcept { list_.erase(s); }
    void on_evict(larder::slot s, larder::entry_info) noexcept { list_.erase(s); }
    larder::slot victim() noexcept {
      asked_->push_back({false, 0, 0});
      return list_.back();
    }
    larder::slot victim(larder::entry_info incoming) noexcept {
      asked_->push_back({true, incoming.hash, incoming.weight});
      return list_.back();
    }

   private:
    std::vector<question>* asked_;
    larder::eviction::slot_list<States> list_;
  };
};

template <class... Policies>
using texts = larder::cache<std::string, std::string, asked_fifo, larder::unsynchronized, Policies...>;

}  // namespace

TEST_CASE("a put tells the order for whom the room is") {
  std::vector<question> asked;
  texts<larder::max_entries> c(asked_fifo{&asked}, larder::max_entries{2});
  c.put("a", "1");
  c.put("b", "22");
  CHECK(asked.empty());
  c.put("c", "333");
  CHECK(asked == std::vector<question>{{true, c.hash_of("c"), 3}});
  CHECK_FALSE(c.contains("a"));
}

TEST_CASE("a put that needs the room of several asks for the same entry each time") {
  std::vector<question> asked;
  texts<larder::max_bytes> c(asked_fifo{&asked}, larder::max_bytes{6});
  c.put("a", "12");
  c.put("b", "12");
  c.put("c", "12");
  c.put("d", "12345");
  const question d{true, c.hash_of("d"), 5};
  CHECK(asked == std::vector<question>{d, d, d});
  CHECK(c.weight() == 5);
}

TEST_CASE("shrinking makes room for nobody") {
  std::vector<question> asked;
  texts<larder::max_entries> c(asked_fifo{&asked}, larder::max_entries{3});
  for (const char* key : {"a", "b", "c"}) c.put(key, "");
  c.set_capacity(1);
  CHECK(asked == std::vector<question>{{false, 0, 0}, {false, 0, 0}});
  CHECK(c.contains("c"));
}

TEST_CASE("making room in another shard is for nobody of that shard") {
  std::vector<question> asked;
  larder::cache<int, int, asked_fifo, larder::max_entries, larder::sharded<2>, larder::identity> c(asked_fifo{&asked}, larder::max_entries{1});
  int other = 1;
  while ((c.hash_of(other) & 1) == (c.hash_of(0) & 1)) ++other;
  c.put(0, 0);
  c.put(other, 1);
  CHECK(asked == std::vector<question>{{false, 0, 0}});  // its own shard, which holds nothing, is not asked
  CHECK(c.peek(other) == 1);
  CHECK_FALSE(c.contains(0));
}
