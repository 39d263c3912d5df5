#include <larder/dataset/sample_rooms.hpp>

#include <larder/dataset/sample_key.hpp>
#include <larder/dataset/sample_quota.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <latch>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>
#include <rapidcheck.h>

#include "support/temporary_folder.hpp"

using larder::datasets::sample_quota;
using larder::datasets::sample_rooms;
using larder::datasets::shard_key;

namespace {

/// What lies in the cache of all processes.
class cache_model {
 public:
  std::uint64_t weight() const {
    const std::lock_guard lock(mutex_);
    return sum([](const shard_key&) { return true; });
  }
  std::uint64_t weight_of(const std::set<std::string>& shards) const {
    const std::lock_guard lock(mutex_);
    return sum([&](const shard_key& one) { return shards.contains(std::string(one.view())); });
  }
  void forget_erased_notes() const noexcept { ++checked; }
  template <class F>
  void list(F&& f) const {
    const std::lock_guard lock(mutex_);
    ++listed;
    for (const auto& [shard, size] : samples_) f(shard, size);
  }
  void put(const shard_key& shard, std::uint64_t size) {
    const std::lock_guard lock(mutex_);
    samples_.emplace_back(shard, size);
  }
  void erase(const shard_key& shard) {
    const std::lock_guard lock(mutex_);
    std::erase_if(samples_, [&](const auto& one) { return one.first == shard; });
  }
  mutable std::atomic<int> listed = 0;
  mutable std::atomic<int> checked = 0;

 private:
  template <class Of>
  std::uint64_t sum(Of&& of) const {
    std::uint64_t all = 0;
    for (const auto& [shard, size] : samples_) all += of(shard) ? size : 0;
    return all;
  }
  mutable std::mutex mutex_;
  std::vector<std::pair<shard_key, std::uint64_t>> samples_;
};

shard_key shard(std::uint64_t n) { return shard_key::of(n, {n, 0}); }
std::set<std::string> shards(std::uint64_t from, std::uint64_t to) {
  std::set<std::string> keys;
  for (; from < to; ++from) keys.emplace(shard(from).view());
  return keys;
}
bool put(sample_rooms& rooms, cache_model& cache, std::uint64_t of, const sample_quota& quota, std::uint64_t size) {
  sample_rooms::admission room(rooms, shard(of), quota);
  if (!room.take(size, cache)) return false;
  cache.put(shard(of), size);
  room.stored();
  return true;
}

}  // namespace

TEST_CASE("a sample gets in exactly when it has room, whatever processes put, lose and erase, and whoever of them is killed") {
  CHECK(rc::check([] {
    const support::temporary_folder folder;
    const bool shared = *rc::gen::arbitrary<bool>();
    const std::string page = shared ? (folder / "page").string() : std::string();
    const std::size_t count = shared ? 3 : 1;
    const std::vector<std::uint64_t> capacities{300, 300, sample_rooms::no_limit};  // the last one keeps to none
    cache_model cache;
    std::vector<std::unique_ptr<sample_rooms>> processes(count);
    const auto start = [&](std::size_t who) { processes[who] = std::make_unique<sample_rooms>(page, capacities[who]); };
    for (std::size_t who = 0; who < count; ++who) start(who);
    struct limit {
      std::set<std::string> of;
      std::uint64_t most;
    };
    const std::vector<limit> limits{{shards(0, 2), 120}, {shards(1, 3), 90}, {shards(0, 3), 200}, {shards(0, 4), sample_quota::none}};
    for (int step = 0; step < 60; ++step) {
      const auto who = *rc::gen::inRange<std::size_t>(0, count);
      sample_rooms& rooms = *processes[who];
      (void)rooms.others_erased();  // as at each shard
      const auto what = *rc::gen::inRange(0, 20);
      const auto of = *rc::gen::inRange<std::uint64_t>(0, 4);
      if (what == 0) {
        start(who);
      } else if (what == 1) {
        cache.erase(shard(of));
        rooms.note_erasure();
      } else if (what == 2 && shared) {
        std::filesystem::remove(page);
      } else {
        const limit& kept_to = limits[*rc::gen::inRange<std::size_t>(0, limits.size())];
        const bool is_of = kept_to.of.contains(std::string(shard(of).view()));
        const std::shared_ptr<sample_quota> quota = is_of ? rooms.quota(kept_to.most, kept_to.of) : std::make_shared<sample_quota>();
        const auto size = *rc::gen::inRange<std::uint64_t>(0, 40);
        const auto within = [&](std::uint64_t there, std::uint64_t most) { return there <= most && size <= most - there; };
        const bool has_room =
            within(cache.weight(), capacities[who]) && (!is_of || kept_to.most == sample_quota::none || within(cache.weight_of(kept_to.of), kept_to.most));
        bool killed = false;
        {
          sample_rooms::admission room(rooms, shard(of), *quota);
          RC_ASSERT(room.take(size, cache) == has_room);
          if (has_room && what < 16) {
            cache.put(shard(of), size);
            room.stored();
          }
          killed = what == 19;  // or the storage refused it
        }
        if (killed) start(who);
      }
    }
  }));
}

TEST_CASE("threads of several processes fill a quota and a capacity to the byte, and not beyond") {
  for (const bool shared : {false, true})
    for (const bool by_quota : {false, true}) {
      const support::temporary_folder folder;
      const std::string page = shared ? (folder / "page").string() : std::string();
      const std::uint64_t capacity = by_quota ? sample_rooms::no_limit : 7000;
      sample_rooms first(page, capacity), second(page, capacity);
      cache_model cache;
      std::atomic<int> put_in{0}, over{0};
      std::latch start(4);
      {
        std::vector<std::jthread> threads;
        for (std::uint64_t t = 0; t < 4; ++t)
          threads.emplace_back([&, t] {
            sample_rooms& rooms = shared && t % 2 == 1 ? second : first;
            const auto quota = rooms.quota(by_quota ? 7000 : sample_quota::none, shards(0, 4));
            start.arrive_and_wait();
            for (int i = 0; i < 400; ++i) {
              if (put(rooms, cache, t, *quota, 7)) ++put_in;
              if (cache.weight() > 7000) ++over;
            }
          });
      }
      CHECK(over == 0);
      CHECK(put_in == 1000);
      CHECK(cache.weight() == 7000);
      CHECK(cache.listed <= 20);
    }
}

TEST_CASE("what was there before counts, and it is listed only when that is in doubt") {
  cache_model cache;
  cache.put(shard(0), 60);
  cache.put(shard(9), 500);
  sample_rooms rooms({}, sample_rooms::no_limit);
  const auto none = rooms.quota(sample_quota::none, shards(0, 2));
  CHECK(put(rooms, cache, 1, *none, 10));
  CHECK(cache.listed == 0);
  const auto quota = rooms.quota(100, shards(0, 2));
  CHECK(put(rooms, cache, 1, *quota, 10));
  CHECK(!put(rooms, cache, 1, *quota, 21));
  CHECK(put(rooms, cache, 1, *none, 10));  // counts, although it asked nobody
  CHECK(!put(rooms, cache, 1, *quota, 11));
  CHECK(put(rooms, cache, 0, *quota, 10));
  CHECK(!rooms.may_have(*quota, 1, cache.weight()));
  CHECK(cache.listed == 1);
  CHECK(rooms.quota(100, shards(0, 2))->account() == quota->account());  // another stream of the data set
  const auto larger = rooms.quota(200, shards(0, 2));
  CHECK(put(rooms, cache, 0, *larger, 100));
  CHECK(cache.listed == 1);
  cache.erase(shard(1));
  rooms.note_erasure();
  CHECK(rooms.may_have(*larger, 20, cache.weight()));
  CHECK(put(rooms, cache, 1, *larger, 20));
  CHECK(cache.listed == 2);
}

TEST_CASE("an admission that comes to nothing leaves its room to others") {
  cache_model cache;
  sample_rooms rooms({}, 100);
  const sample_quota none;
  {
    sample_rooms::admission room(rooms, shard(0), none);
    CHECK(room.take(100, cache));
    CHECK(room.take(60, cache));  // again, as a load that is tried again
  }
  CHECK(put(rooms, cache, 0, none, 100));
  CHECK(!put(rooms, cache, 0, none, 1));
  rooms.set_capacity(101);
  CHECK(rooms.capacity() == 101);
  CHECK(put(rooms, cache, 0, none, 1));
}

TEST_CASE("others' erasures are noticed once") {
  const support::temporary_folder folder;
  const std::string page = (folder / "page").string();
  sample_rooms one(page, 10), other(page, 10);
  CHECK(one.is_shared());
  CHECK(!one.others_erased());
  CHECK(!other.others_erased());
  one.note_erasure();
  CHECK(!one.others_erased());
  CHECK(other.others_erased());
  CHECK(!other.others_erased());
  other.note_erasure();
  one.note_erasure();  // which does not hide the other's
  CHECK(one.others_erased());
  CHECK(!one.others_erased());
  CHECK(!sample_rooms({}, 10).is_shared());
  cache_model cache;
  const sample_quota none;
  CHECK(put(one, cache, 0, none, 6));
  CHECK(cache.checked == 1);
  CHECK(put(one, cache, 0, none, 4));
  CHECK(cache.checked == 1);
  cache.erase(shard(0));
  other.note_erasure();
  CHECK(put(one, cache, 0, none, 10));  // counts anew, and looks whether the notes are there still
  CHECK(cache.checked == 2);
}

TEST_CASE("accounts of data sets that nobody streams any more do not pile up") {
  sample_rooms rooms({}, sample_rooms::no_limit);
  const auto kept = rooms.quota(10, shards(0, 1));
  cache_model cache;
  CHECK(put(rooms, cache, 0, *kept, 4));
  for (std::uint64_t n = 1; n < 100; ++n) (void)rooms.quota(10, shards(n, n + 1));
  CHECK(rooms.quota(10, shards(0, 1))->account() == kept->account());
  CHECK(rooms.accounts() <= 17);
}
