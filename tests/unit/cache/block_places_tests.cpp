#include <larder/core/slot.hpp>
#include <larder/eviction/clock.hpp>
#include <larder/eviction/s3_fifo.hpp>
#include <larder/eviction/lfu.hpp>
#include <larder/storage/block_places.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

using larder::slot;

namespace {

/// Hashes that a test chooses: the number in front of the key's text.
std::uint64_t hash_in(std::string_view key) { return std::stoull(std::string(key.substr(0, key.find('/')))); }

template <class Order, bool Synchronized>
struct text_spec {
  using key = std::string;
  using key_view = std::string_view;
  using payload = std::string;
  using eviction = Order;
  static constexpr std::size_t dimensions = 1;
  static constexpr bool synchronized = Synchronized;
  static constexpr bool bounded = true;
  static constexpr bool rehashes = false;
  static constexpr bool keeps_written = false;
  static constexpr bool keeps_accessed = false;
  static constexpr bool keeps_expires = false;
};

template <class Order, bool Synchronized>
struct word_spec {
  using key = std::uint64_t;
  using key_view = std::uint64_t;
  using payload = std::uint64_t;
  using eviction = Order;
  static constexpr std::size_t dimensions = 1;
  static constexpr bool synchronized = Synchronized;
  static constexpr bool bounded = true;
  static constexpr bool rehashes = true;
  static constexpr bool keeps_written = false;
  static constexpr bool keeps_accessed = false;
  static constexpr bool keeps_expires = false;
  /// Few homes and few tags, so that chains are long, in both halves.
  std::uint64_t hash(std::uint64_t k) const noexcept { return (k % 5) << 61U | (k % 3) << 24U | (k / 15 % 2) << 23U; }
};

using text_places = larder::storage::block_places<text_spec<larder::clock, true>>;
using word_places = larder::storage::block_places<word_spec<larder::s3_fifo, false>>;
using shared_places = larder::storage::block_places<word_spec<larder::s3_fifo, true>>;
static_assert(!text_places::concurrent_reads && !word_places::concurrent_reads && shared_places::concurrent_reads);
static_assert(!larder::storage::block_places<text_spec<larder::clock, true>>::suits, "two strings are too large for blocks");
static_assert(word_places::suits);

constexpr auto nothing = [](auto&) {};

/// A walk of random insertions and removals beside a map; every key is looked up, also those that are not there.
template <class Places, class Hash, class MakeKey, class MakeValue>
void walk(Places& places, Hash hash, MakeKey make_key, MakeValue make_value, std::size_t most, std::uint64_t seed, int steps) {
  using key = typename Places::key;
  std::map<key, std::pair<slot, typename Places::payload>> there;
  std::mt19937_64 random(seed);
  for (int step = 0; step < steps; ++step) {
    const key k = make_key(random());
    const auto at = there.find(k);
    if (at != there.end()) {
      places.erase(at->second.first, hash(k));
      there.erase(at);
    } else if (there.size() < most) {
      const auto value = make_value(random());
      const slot s = places.emplace(hash(k), key(k), typename Places::payload(value), nothing);
      for (const auto& [other, row] : there) REQUIRE(row.first != s);
      there.emplace(k, std::pair(s, value));
      CHECK(places.hash_of(s) == hash(k));
    }
    CHECK(places.size() == there.size());
    if (step % 64 != 0) continue;
    for (const auto& [known, row] : there) {
      const auto found = places.locate(known, hash(known));
      REQUIRE(Places::found(found));
      CHECK(Places::slot_of(found) == row.first);
      CHECK(places[row.first].payload == row.second);
    }
    std::size_t seen = 0;
    places.for_each([&](slot s) {
      ++seen;
      CHECK(there.contains(places[s].key));
    });
    CHECK(seen == there.size());
    for (int i = 0; i < 20; ++i) {
      const key other = make_key(random());
      CHECK(Places::found(places.locate(other, hash(other))) == there.contains(other));
    }
  }
}

}  // namespace

TEST_CASE("places keep what is put in them, whatever the hashes") {
  for (const std::uint64_t homes : {std::uint64_t{1}, std::uint64_t{2}, std::uint64_t{50}}) {
    const text_spec<larder::clock, true> spec;
    text_places places(spec, 100);
    const auto make_key = [&](std::uint64_t r) {
      const std::uint64_t n = r % 300;
      return std::to_string((n % homes) * 0x0123456789abcdefULL) + "/" + std::to_string(n);
    };
    walk(places, hash_in, make_key, [](std::uint64_t r) { return std::to_string(r); }, 150, homes, 6000);
  }
  const word_spec<larder::s3_fifo, false> spec;
  const word_spec<larder::s3_fifo, true> shared_spec;
  for (const std::size_t expected : {std::size_t{1}, std::size_t{30}, std::size_t{1000}}) {
    word_places places(spec, expected);
    walk(places, [&](std::uint64_t k) { return spec.hash(k); }, [](std::uint64_t r) { return r % 700; },
         [](std::uint64_t r) { return r; }, 600, expected, 6000);
    shared_places shared(shared_spec, expected);
    walk(shared, [&](std::uint64_t k) { return spec.hash(k); }, [](std::uint64_t r) { return r % 700; },
         [](std::uint64_t r) { return r; }, 600, expected, 6000);
  }
}

TEST_CASE("places that were made for few grow by segments, and no entry moves") {
  const text_spec<larder::clock, true> spec;
  text_places places(spec, 1);
  const std::size_t small = places.memory();
  std::map<std::string, std::pair<slot, const void*>> where;
  for (int i = 0; i < 5000; ++i) {
    const std::string k = std::to_string(static_cast<std::uint64_t>(i) * std::uint64_t{0x9e3779b97f4a7c15}) + "/" + std::to_string(i);
    const slot s = places.emplace(hash_in(k), std::string(k), "v" + k, nothing);
    where[k] = {s, &places[s]};
  }
  for (const auto& [k, row] : where) {
    const auto at = places.locate(k, hash_in(k));
    REQUIRE(text_places::found(at));
    CHECK(text_places::slot_of(at) == row.first);
    CHECK(&places[row.first] == row.second);
    CHECK(places[row.first].payload == "v" + k);
  }
  CHECK(places.memory() > 100 * small);
  CHECK_FALSE(text_places::found(places.locate("1/none", 1)));
}

TEST_CASE("a lookup ends where every block has sent somebody on") {
  const word_spec<larder::s3_fifo, false> spec;
  word_places places(spec, 12);  // three blocks
  std::vector<slot> in;
  for (std::uint64_t k = 0; k < 18; ++k) in.push_back(places.emplace(spec.hash(0), k * 15, std::uint64_t{k}, nothing));
  for (std::uint64_t k = 18; k < 40; ++k) CHECK_FALSE(word_places::found(places.locate(k * 15, spec.hash(0))));
  for (const slot s : in) places.erase(s, spec.hash(0));
  CHECK(places.size() == 0);
  CHECK_FALSE(word_places::found(places.locate(0, spec.hash(0))));
}

TEST_CASE("the order's counts begin at zero for each entry and go no further than it asks") {
  const word_spec<larder::s3_fifo, true> spec;
  shared_places places(spec, 100);
  const auto states = places.order_states_handle();
  const slot s = places.emplace(spec.hash(7), 7, 70, nothing);
  const auto at = places.locate(7, spec.hash(7));
  for (std::uint8_t n = 1; n < 6; ++n) {
    CHECK(places.count_use(at) == 0);
    CHECK(states.uses(s) == std::min<std::uint8_t>(n, 3));
  }
  states.set_flag(s, true);
  states.set_uses(s, 1);
  CHECK(states.flag(s));
  CHECK(states.uses(s) == 1);
  places.renew_state(s);
  CHECK_FALSE(states.flag(s));
  CHECK(states.uses(s) == 0);
  states.set_uses(s, 2);
  states.set_flag(s, true);
  states[s].next = 5;
  places.erase(s, spec.hash(7));
  const slot again = places.emplace(spec.hash(7), 7, 71, nothing);
  CHECK(states.uses(again) == 0);
  CHECK_FALSE(states.flag(again));
  CHECK(states[again].next == larder::no_slot);
}

TEST_CASE("rationed uses are told at once the first time, the others up to seven when asked for") {
  using places_type = larder::storage::block_places<word_spec<larder::lfu, false>>;
  const word_spec<larder::lfu, false> spec;
  places_type places(spec, 5000);
  constexpr std::size_t blocks = 5000 * 5 / (7 * 4) + 1;  // four fifths full with 5000
  std::map<slot, std::uint8_t> used;  // since the order was last told
  int seven = 0;
  std::vector<std::uint64_t> keys;
  for (std::uint64_t k = 0; k < 2000; ++k) {
    keys.push_back(k);
    places.emplace(spec.hash(k), std::uint64_t{k}, 0, nothing);
  }
  std::mt19937_64 random(3);
  for (int step = 0; step < 100'000; ++step) {
    const std::uint64_t k = std::min(random() % 2000, random() % 2000);
    const auto at = places.locate(k, spec.hash(k));
    const slot s = places_type::slot_of(at);
    std::uint8_t& saved = used[s];
    CHECK(places.count_use(at) == (saved == 0 ? 1 : 0));
    saved = static_cast<std::uint8_t>(std::min(saved + 1, 7));
    seven += saved == 7 ? 1 : 0;
    if (step % 20'000 == 0) {  // a whole round of sweeps
      for (std::size_t i = 0; i < blocks; ++i)
        places.sweep([&](slot swept, std::uint8_t uses) {
          CHECK(uses == used[swept] - 1);
          used[swept] = 1;
        });
      for (auto& [other, uses] : used) {
        CHECK(uses <= 1);  // of two and more it was told
        uses = 0;
      }
    } else if (step % 101 == 0) {
      CHECK(places.take_saved(s) == std::max(saved - 1, 0));
      saved = std::min<std::uint8_t>(saved, 1);
    }
  }
  CHECK(seven > 100);
}

TEST_CASE("of the uses in a small cache the order is told at once") {
  using places_type = larder::storage::block_places<word_spec<larder::lfu, false>>;
  const word_spec<larder::lfu, false> spec;
  places_type places(spec, 4095);
  const slot s = places.emplace(spec.hash(1), 1, 0, nothing);
  for (int i = 0; i < 20; ++i) CHECK(places.count_use(places.locate(1, spec.hash(1))) == 1);
  CHECK(places.take_saved(s) == 0);
  places.sweep([](slot, std::uint8_t) { FAIL("nothing was saved up"); });
}

TEST_CASE("a reader without a lock sees what is there, what is too old and what is not") {
  const word_spec<larder::s3_fifo, true> spec;
  shared_places places(spec, 1);
  for (std::uint64_t k = 0; k < 200; ++k) places.emplace(spec.hash(k), std::uint64_t{k}, k * k, nothing);
  using larder::storage::unlocked_read;
  std::uint8_t untold = 0;
  for (std::uint64_t k = 0; k < 300; ++k) {
    std::uint64_t value = 0;
    const auto read = [&](bool old) {
      return places.read(k, spec.hash(k), true, untold, [&](const auto&) { return old; }, [&](const auto& e) { value = e.payload; });
    };
    CHECK(read(true) == (k < 200 ? unlocked_read::too_old : unlocked_read::miss));
    CHECK(value == 0);
    CHECK(read(false) == (k < 200 ? unlocked_read::hit : unlocked_read::miss));
    CHECK(value == (k < 200 ? k * k : 0));
  }
  CHECK(untold == 0);
}
