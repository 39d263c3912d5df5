#include <larder/storage/slot_index.hpp>

#include <algorithm>
#include <cstdint>
#include <random>
#include <set>
#include <unordered_map>
#include <vector>

#include <doctest/doctest.h>

using larder::no_slot;
using larder::slot;
using larder::storage::close_slot_index;
using larder::storage::slot_index;

namespace {

/// Slots and their hashes, as an index should have them.
template <class Index>
class model {
 public:
  explicit model(std::size_t expected) : index_(expected) {}

  void insert(std::uint64_t hash, slot s) {
    index_.insert(hash, s);
    hashes_[s] = hash;
  }
  void erase(slot s) {
    index_.erase(hashes_.at(s), s);
    hashes_.erase(s);
  }
  void clear() {
    index_.clear();
    hashes_.clear();
  }
  bool has(slot s) const { return hashes_.contains(s); }
  std::uint64_t hash_of(slot s) const { return hashes_.at(s); }
  const Index& index() const { return index_; }

  /// Whether each slot is found by its hash, exactly the right ones are listed, and a slot that is not there is not found.
  bool agrees(slot absent, std::uint64_t hash_of_absent) const {
    if (index_.size() != hashes_.size()) return false;
    for (const auto& row : hashes_) {
      const slot wanted = row.first;
      if (index_.find(row.second, [&](slot s) { return s == wanted; }) != wanted) return false;
    }
    if (index_.find(hash_of_absent, [&](slot s) { return s == absent; }) != no_slot) return false;
    std::set<slot> listed;
    std::size_t times = 0;
    index_.for_each([&](slot s) {
      listed.insert(s);
      ++times;
    });
    if (times != hashes_.size() || listed.size() != times) return false;
    return std::all_of(listed.begin(), listed.end(), [&](slot s) { return has(s); });
  }

 private:
  Index index_;
  std::unordered_map<slot, std::uint64_t> hashes_;
};

}  // namespace

TEST_CASE_TEMPLATE("an index finds exactly what is in it while it grows, is probed and is erased from", Index, slot_index, close_slot_index) {
  // Masks of the hash: well spread; a few homes, so that clusters are long and wrap around the end; one home for all.
  for (const std::uint64_t mask : {~std::uint64_t{0}, std::uint64_t{0xf000000000000000}, std::uint64_t{0xf000000300000000}, std::uint64_t{0}}) {
    for (const std::size_t expected : {std::size_t{0}, std::size_t{5}, std::size_t{200}}) {
      CAPTURE(mask);
      CAPTURE(expected);
      std::mt19937_64 random(expected * 31 + (mask >> 60));
      model<Index> m(expected);
      std::vector<slot> in;
      bool always = true;
      for (int step = 0; step < 1500 && always; ++step) {
        // Mostly in while small, mostly out while large, so that growth begins at all kinds of fill.
        const bool put = in.size() < 3 || random() % 300 > in.size();
        if (put) {
          const auto s = static_cast<slot>(random() % 100000);
          if (!m.has(s)) {
            m.insert(random() & mask, s);
            in.push_back(s);
          }
        } else {
          const std::size_t at = random() % in.size();
          m.erase(in[at]);
          in[at] = in.back();
          in.pop_back();
        }
        if (step % 400 == 399) {
          m.clear();
          in.clear();
        }
        const slot absent = 100001;
        if (step % 7 == 0 || in.size() < 40) always = m.agrees(absent, random() & mask);
      }
      CHECK(always);
    }
  }
}

TEST_CASE_TEMPLATE("every slot is found after each single insertion across several times of growth", Index, slot_index, close_slot_index) {
  std::mt19937_64 random(7);
  model<Index> m(0);
  bool always = true;
  for (slot s = 0; s < 700 && always; ++s) {
    m.insert(random(), s);
    if (s % 3 == 2) m.erase(s - 1);
    always = m.agrees(1000000, random());
  }
  CHECK(always);
}

TEST_CASE_TEMPLATE("equal hashes are told apart by what the caller says of the slot", Index, slot_index, close_slot_index) {
  Index index;
  for (slot s = 0; s < 20; ++s) index.insert(42, s);
  std::size_t asked = 0;
  CHECK(index.find(42, [&](slot) { return ++asked, false; }) == no_slot);
  CHECK(asked == 20);
  CHECK(index.find(42, [](slot s) { return s == 13; }) == 13);
  index.erase(42, 13);
  CHECK(index.find(42, [](slot s) { return s == 13; }) == no_slot);
  CHECK(index.size() == 19);
}

TEST_CASE_TEMPLATE("an index that was sized for its entries keeps its memory", Index, slot_index, close_slot_index) {
  for (const std::size_t expected : {1U, 3U, 6U, 48U, 100U, 4096U}) {
    Index index(expected);
    const std::size_t before = index.memory();
    std::mt19937_64 random(expected);
    for (std::size_t i = 0; i < expected; ++i) index.insert(random(), static_cast<slot>(i));
    CHECK(index.memory() == before);
    CHECK(before >= expected * sizeof(std::uint64_t));
  }
}

TEST_CASE_TEMPLATE("the smallest and the largest slot and hash have a place", Index, slot_index, close_slot_index) {
  Index index;
  index.insert(0, 0);
  index.insert(~std::uint64_t{0}, no_slot - 1);
  CHECK(index.find(0, [](slot) { return true; }) == 0);
  CHECK(index.find(~std::uint64_t{0}, [](slot) { return true; }) == no_slot - 1);
  index.erase(0, 0);
  CHECK(index.find(0, [](slot) { return true; }) == no_slot);
  CHECK(index.size() == 1);
}

TEST_CASE("an index that is made room in stays close to what it needs, and by how much it grows") {
  for (const std::size_t expected : {std::size_t{100}, std::size_t{1000}, std::size_t{30'000}}) {
    close_slot_index index;
    index.reserve(expected);
    const std::size_t before = index.memory();
    CHECK(before < expected * 10 + 100);
    std::mt19937_64 random(expected);
    for (std::size_t i = 0; i < expected; ++i) index.insert(random(), static_cast<slot>(i));
    CHECK(index.memory() == before);
    for (std::size_t i = expected; i < 3 * expected; ++i) {
      index.insert(random(), static_cast<slot>(i));
      REQUIRE(index.memory() < (i + 1) * 23 + 200);
    }
    CHECK(index.size() == 3 * expected);
  }
  close_slot_index sized(1000);
  const std::size_t before = sized.memory();
  sized.reserve(10);
  CHECK(sized.memory() == before);
}
