#include <larder/storage/slot_slab.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include <doctest/doctest.h>

using larder::slot;
using larder::storage::slot_slab;

namespace {

struct counted {
  static inline int alive = 0;
  explicit counted(std::string t) : text(std::move(t)) { ++alive; }
  counted(const counted&) = delete;
  counted& operator=(const counted&) = delete;
  ~counted() { --alive; }
  std::string text;
};

/// Writes over its place before it fails, as an entry does whose key cannot be copied.
struct fragile {
  explicit fragile(bool fails) : number(0) {
    if (fails) throw std::runtime_error("no");
  }
  std::uint64_t number;
};

struct alignas(64) wide {
  explicit wide(int n) : number(n) {}
  int number;
};

}  // namespace

TEST_CASE("a slab keeps what is put in it where it was put") {
  for (const std::size_t expected : {std::size_t{0}, std::size_t{1}, std::size_t{100}}) {
    std::mt19937_64 random(expected);
    slot_slab<counted> slab(expected);
    std::map<slot, std::pair<std::string, const counted*>> there;
    for (int step = 0; step < 3000; ++step) {
      if (there.empty() || random() % 500 > there.size()) {
        const std::string text = std::to_string(random());
        const slot s = slab.emplace(text);
        REQUIRE(there.try_emplace(s, text, &slab[s]).second);
      } else {
        const auto at = std::next(there.begin(), static_cast<std::ptrdiff_t>(random() % there.size()));
        slab.destroy(at->first);
        there.erase(at);
      }
      if (step % 97 == 0)
        for (const auto& [s, row] : there) {
          REQUIRE(slab[s].text == row.first);
          REQUIRE(&slab[s] == row.second);
        }
    }
    CHECK(counted::alive == static_cast<int>(there.size()));
    for (const auto& row : there) slab.destroy(row.first);
    CHECK(counted::alive == 0);
  }
}

TEST_CASE("a place whose entry could not be made is free, and so are those behind it") {
  slot_slab<fragile> slab(8);
  std::set<slot> taken;
  for (int i = 0; i < 5; ++i) taken.insert(slab.emplace(false));
  REQUIRE(taken.size() == 5);
  slab.destroy(1);
  slab.destroy(3);
  taken.erase(1);
  taken.erase(3);
  for (int i = 0; i < 3; ++i) CHECK_THROWS_AS(slab.emplace(true), std::runtime_error);
  for (int i = 0; i < 10; ++i) {
    const slot s = slab.emplace(false);
    CHECK(taken.insert(s).second);  // never a place that is in use
  }
  CHECK(*taken.rbegin() == taken.size() - 1);  // and none was lost
}

TEST_CASE("places are used again, the last freed first") {
  slot_slab<wide> slab;
  const slot a = slab.emplace(1);
  const slot b = slab.emplace(2);
  slab.destroy(a);
  slab.destroy(b);
  CHECK(slab.emplace(3) == b);
  CHECK(slab.emplace(4) == a);
  CHECK(slab[a].number == 4);
}

TEST_CASE("a slab grows by chunks and keeps the alignment") {
  slot_slab<wide> slab(64);
  const std::size_t first = slab.memory();
  CHECK(first >= 64 * sizeof(wide));
  for (int i = 0; i < 64; ++i) slab.emplace(i);
  CHECK(slab.memory() == first);
  for (int i = 64; i < 200; ++i) slab.emplace(i);
  CHECK(slab.memory() > first);
  for (slot s = 0; s < 200; ++s) {
    REQUIRE(slab[s].number == static_cast<int>(s));
    REQUIRE(reinterpret_cast<std::uintptr_t>(&slab[s]) % alignof(wide) == 0);
  }
}
