// Over several shards the order is not one for all, so that there is no model of who leaves. What must hold all the same: a hit
// is the last value put, the weight is the sum of what is there and within the capacity, and nothing is refused that fits.

#include <larder/cache.hpp>
#include <larder/eviction/clock.hpp>
#include <larder/eviction/lru.hpp>
#include <larder/limit/weigher.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <rapidcheck.h>

namespace {



struct weigh {
  std::uint64_t operator()(const std::string& key, const std::string& value) const { return key.size() + value.size(); }
};

template <class Cache, class Limit>
bool keeps_its_word(Limit limit, const std::function<std::unique_ptr<Cache>(std::map<std::string, std::string>&)>& make) {
  return rc::check([&] {
    std::map<std::string, std::string> in;  // what is in the cache, by puts and by what the listener says
    const auto cache = make(in);
    std::uint64_t capacity = limit.value;
    const auto steps = *rc::gen::container<std::vector<std::pair<std::uint32_t, std::uint32_t>>>(
        rc::gen::pair(rc::gen::inRange<std::uint32_t>(0, 1000), rc::gen::inRange<std::uint32_t>(0, 1000)));
    for (std::size_t i = 0; i < steps.size(); ++i) {
      const std::string key = "k" + std::to_string(steps[i].first % 40);
      const std::string value = std::to_string(i) + std::string(steps[i].second % 30, 'x');
      const std::uint64_t weight = std::is_same_v<Limit, larder::max_entries> ? 1
                                   : std::is_same_v<Limit, larder::max_bytes> ? value.size()
                                                                              : key.size() + value.size();
      switch (steps[i].second % 16) {
        case 0:
          RC_ASSERT(cache->erase(key) == (in.erase(key) != 0));
          break;
        case 1: {
          const auto known = in.find(key);
          const std::string expected = known == in.end() ? value : known->second;
          if (known == in.end() && weight <= capacity) in[key] = value;
          RC_ASSERT(cache->get_or_load(key, [&] { return value; }) == expected);
          break;
        }
        case 2:
          capacity = limit.value / 2 + steps[i].first % (limit.value / 2 + 1);
          cache->set_capacity(Limit{capacity});
          break;
        case 3:
          if (steps[i].first % 10 == 0) {
            cache->clear();
            in.clear();
          }
          break;
        case 4: {
          const auto dropped = std::erase_if(in, [&](const auto& row) { return row.first.starts_with(key); });
          RC_ASSERT(cache->erase_prefix(key) == dropped);
          break;
        }
        case 5:
        case 6:
        case 7: {
          const auto known = in.find(key);
          const auto found = cache->get(key);
          RC_ASSERT(found.has_value() == (known != in.end()));
          if (found) RC_ASSERT(*found == known->second);
          break;
        }
        default: {
          // The map learns of evictions from the listener, so the new value goes in first and the old one is gone before.
          in.erase(key);
          if (weight <= capacity) in[key] = value;
          RC_ASSERT(cache->put(key, value) == (weight <= capacity));
        }
      }
      std::uint64_t sum = 0;
      std::map<std::string, std::string> listed;
      cache->for_each([&](const std::string& k, std::uint64_t w, larder::duration) {
        sum += w;
        listed[k] = *cache->peek(k);
      });
      RC_ASSERT(listed == in);
      RC_ASSERT(sum == cache->weight());
      RC_ASSERT(cache->size() == in.size());
      RC_ASSERT(sum <= capacity);
    }
    RC_ASSERT(cache->stats().evictions + cache->size() <= cache->stats().insertions);
  });
}

template <class Order, class Limit, class... More>
bool check(Limit limit, More... more) {
  struct heard {
    std::map<std::string, std::string>* in;
    void operator()(const std::string& key, const std::string& value, larder::removal_cause cause) const {
      const auto at = in->find(key);
      if (cause == larder::removal_cause::evicted && at != in->end() && at->second == value) in->erase(at);
    }
  };
  using cache = larder::cache<std::string, std::string, Order, Limit, More..., larder::sharded<8>, larder::removal_listener<heard>>;
  return keeps_its_word<cache>(limit, [&](auto& in) { return std::make_unique<cache>(Order{}, limit, more..., larder::removal_listener{heard{&in}}); });
}

}  // namespace

TEST_CASE("eight shards keep one limit: max_entries") { CHECK(check<larder::lru>(larder::max_entries{10})); }
TEST_CASE("eight shards keep one limit: max_bytes") { CHECK(check<larder::clock>(larder::max_bytes{120})); }
TEST_CASE("eight shards keep one limit: max_weight") { CHECK(check<larder::lru>(larder::max_weight{150}, larder::weigher{weigh{}})); }
TEST_CASE("eight shards keep one limit: a single entry") { CHECK(check<larder::clock>(larder::max_entries{2})); }
