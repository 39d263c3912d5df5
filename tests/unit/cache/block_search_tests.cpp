// How far a search goes through blocks: entries that were turned away for want of room must not make searches in vain long.

#include <larder/core/mix.hpp>
#include <larder/core/slot.hpp>
#include <larder/eviction/s3_fifo.hpp>
#include <larder/storage/block_places.hpp>
#include <larder/storage/block_search.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <set>
#include <type_traits>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

namespace {

/// Counts how often the tags of a block are read.
template <class T>
class watched {
 public:
  static inline std::uint64_t tags_read = 0;
  watched(T value = T{}) noexcept : value_(value) {}
  T load(std::memory_order) const noexcept {
    if constexpr (std::is_same_v<T, std::uint64_t>) ++tags_read;
    return value_;
  }
  void store(T value, std::memory_order) noexcept { value_ = value; }

 private:
  T value_;
};

struct watched_spec {
  using key = std::uint64_t;
  using key_view = std::uint64_t;
  using payload = std::uint64_t;
  using eviction = larder::s3_fifo;
  static constexpr std::size_t dimensions = 1;
  static constexpr bool synchronized = false;
  static constexpr bool rehashes = true;
  static constexpr bool keeps_written = false;
  static constexpr bool keeps_accessed = false;
  static constexpr bool keeps_expires = false;
  std::uint64_t hash(std::uint64_t k) const noexcept { return larder::core::mix(k); }
};

}  // namespace

template <>
struct larder::storage::block_words<watched_spec> {
  template <class T>
  using atomic = watched<T>;
  [[maybe_unused]] static constexpr int most_tries = 1;
};

TEST_CASE("in a full cache whose entries come and go, a search sees few blocks") {
  using places_type = larder::storage::block_places<watched_spec>;
  const watched_spec spec;
  constexpr std::uint64_t entries = 20'000;
  places_type places(spec, entries);
  std::deque<std::pair<std::uint64_t, larder::slot>> queue;
  std::uint64_t key = 0;
  const auto come = [&] {
    queue.emplace_back(key, places.emplace(spec.hash(key), std::uint64_t{key}, 0, [](auto&) {}));
    ++key;
  };
  while (queue.size() < entries) come();
  for (std::uint64_t i = 0; i < 10 * entries; ++i) {  // every place has had ten others
    places.erase(queue.front().second, spec.hash(queue.front().first));
    queue.pop_front();
    come();
  }
  const auto blocks_seen = [&](auto&& keys) {
    const std::uint64_t before = watched<std::uint64_t>::tags_read;
    for (std::uint64_t i = 0; i < entries; ++i) places.locate(keys(i), spec.hash(keys(i)));
    return static_cast<double>(watched<std::uint64_t>::tags_read - before) / static_cast<double>(entries);
  };
  // The first block is looked at twice where the first look is not enough.
  CHECK(blocks_seen([&](std::uint64_t i) { return key + i; }) < 4.5);
  CHECK(blocks_seen([&](std::uint64_t i) { return queue[i].first; }) < 2.0);
}

TEST_CASE("a search that goes on long enough sees every block") {
  for (const std::size_t count : {std::size_t{1}, std::size_t{2}, std::size_t{3}, std::size_t{7}, std::size_t{100}}) {
    std::vector<int> blocks(count);
    const larder::storage::block_row<int> row{blocks.data(), count};
    for (std::uint64_t k = 0; k < 50; ++k) {
      const std::uint64_t hash = larder::core::mix(k);
      std::set<std::size_t> seen;
      std::size_t b = row.home(hash);
      seen.insert(b);
      for (std::size_t n = 1; n != row.most_seen(); ++n) {
        b = row.next(b, n, hash);
        REQUIRE(b < count);
        seen.insert(b);
      }
      CHECK(seen.size() == count);
    }
  }
}
