// Tiers have one key and one value type, and are caches that somebody keeps.
#include <larder/larder.hpp>

#include <chrono>
#include <memory>
#include <string>

using namespace larder::literals;

namespace {

using small = larder::cache<std::string, int, larder::max_entries>;
using large = larder::cache<std::string, int, larder::max_entries, larder::ttl>;
using other_value = larder::cache<std::string, double, larder::max_entries>;
using other_key = larder::cache<int, int, larder::max_entries>;
using owning = larder::cache<std::string, std::unique_ptr<int>, larder::max_entries>;

[[maybe_unused]] void allowed(small& first, large& second) {
  larder::tiered borrowed{first, second};
  larder::tiered modes{first, larder::read_only(second)};
  larder::tiered owned{std::make_unique<small>(larder::max_entries{1}), larder::write_back(second)};
  borrowed.put("a", 1);
}

// expect 1: larder: the tiers must have one key type and one value type
#if LARDER_COMPILE_FAIL == 1
void value_types(small& first, other_value& second) { larder::tiered two{first, second}; }
#endif

// expect 2: larder: the tiers must have one key type and one value type
#if LARDER_COMPILE_FAIL == 2
void key_types(small& first, other_key& second) { larder::tiered two{first, larder::read_only(second)}; }
#endif

// expect 3: larder: a tier is a cache that outlives the tiers, a unique_ptr to one, or read_only(...), write_back(...) of these
#if LARDER_COMPILE_FAIL == 3
void temporary(small& first) { larder::tiered two{first, larder::make_cache<std::string, int>(larder::max_entries{1})}; }
#endif

// expect 4: larder: tiers share values, so they must be copyable
#if LARDER_COMPILE_FAIL == 4
void move_only(owning& first, owning& second) { larder::tiered two{first, second}; }
#endif

// expect 5: larder: a value with a time to live cannot wait in a write_back tier; use write_through
#if LARDER_COMPILE_FAIL == 5
void late_deadline(large& first, large& second) {
  larder::tiered two{first, larder::write_back(second)};
  two.put("a", 1, 5s);
}
#endif

// expect 6: larder: put(key, value, ttl) needs the policy larder::ttl
#if LARDER_COMPILE_FAIL == 6
void one_without_ttl(small& first, large& second) {
  larder::tiered two{first, second};
  two.put("a", 1, 5s);
}
#endif

// expect 7: larder: a tier is a cache that outlives the tiers, a unique_ptr to one, or read_only(...), write_back(...) of these
#if LARDER_COMPILE_FAIL == 7
void an_int(small& first) { larder::tiered two{first, 5}; }
#endif

// expect 8: larder: a tier is a cache that outlives the tiers, a unique_ptr to one, or read_only(...), write_back(...) of these
#if LARDER_COMPILE_FAIL == 8
void not_a_cache(small& first, int& second) { larder::tiered two{first, second}; }
#endif

// expect 9: larder: tiered needs at least one cache
#if LARDER_COMPILE_FAIL == 9
larder::tiered<> none;
#endif

}  // namespace
