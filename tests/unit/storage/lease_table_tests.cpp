#include <larder/storage/lease_table.hpp>

#include "../sync/in_time.hpp"
#include "store_driver.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

using namespace store_driver;
using larder::digest;
using larder::storage::lease_table;
using outcome = lease_table::outcome;
using liveness = lease_table::liveness;

namespace {

std::shared_ptr<lease_table> open_in(const scratch& dir) { return lease_table::open((dir / "leases").string()); }

/// Keys of one bucket.
digest key(std::uint64_t number) { return {lease_table::buckets * number + 5, number << 1}; }

}  // namespace

TEST_CASE("a key has one lease, whichever opening of the table asks, until it is let go of") {
  const scratch dir;
  const auto mine = open_in(dir);
  const auto other = open_in(dir);
  REQUIRE(mine != nullptr);
  CHECK(fs::file_size(dir / "leases") == lease_table::file_size);

  const auto held = mine->take(key(1));
  REQUIRE(held.what == outcome::taken);
  const auto seen = other->take(key(1));
  CHECK(seen.what == outcome::busy);
  CHECK(seen.lane == held.lane);
  CHECK(seen.word == held.word);
  CHECK(mine->take(key(1)).what == outcome::busy);
  CHECK(mine->is_own(held.lane));
  CHECK_FALSE(other->is_own(held.lane));
  CHECK(other->take(key(2)).what == outcome::taken);  // another key of the bucket

  other->release(seen.lane, seen.word + 1);  // not what it says
  CHECK(mine->holds(held.lane, held.word));
  mine->release(held.lane, held.word);
  CHECK(other->take(key(1)).what == outcome::taken);
}

TEST_CASE("a lease that is renewed is another word, and only who knows the last one takes it over") {
  const scratch dir;
  const auto holder = open_in(dir);
  const auto other = open_in(dir);
  const auto held = holder->take(key(1));
  std::uint64_t word = held.word;
  REQUIRE(holder->renew(held.lane, word));
  CHECK(word != held.word);
  CHECK(holder->holds(held.lane, word));
  CHECK(other->take_over(key(1), held.lane, held.word).what == outcome::busy);

  const auto taken = other->take_over(key(1), held.lane, word);
  REQUIRE(taken.what == outcome::taken);
  CHECK(other->is_own(taken.lane));
  std::uint64_t old = word;
  CHECK_FALSE(holder->renew(held.lane, old));
  holder->release(held.lane, word);  // who woke up too late takes nothing away
  CHECK(other->holds(taken.lane, taken.word));
  CHECK(other->is_own(taken.lane));
}

TEST_CASE("the count in a word goes round without touching the key's bits") {
  const scratch dir;
  const auto table = open_in(dir);
  const auto held = table->take(key(7));
  std::uint64_t word = held.word;
  bool renewed = true;
  for (std::uint64_t i = 0; i < (std::uint64_t{1} << 24); ++i) renewed = table->renew(held.lane, word) && renewed;
  CHECK(renewed);
  CHECK(word == held.word);
  CHECK(table->take(key(7)).what == outcome::busy);
}

TEST_CASE("a lease is revoked by its key, or all are; whoever had it does not hold it any more") {
  const scratch dir;
  const auto holder = open_in(dir);
  const auto other = open_in(dir);
  const auto one = holder->take(key(1));
  const auto two = holder->take({77, 0xffff'ffff'ffff'ffff});
  CHECK_FALSE(other->revoke(key(3)));
  CHECK(other->revoke(key(1)));
  CHECK_FALSE(other->revoke(key(1)));
  CHECK_FALSE(holder->holds(one.lane, one.word));
  CHECK(holder->holds(two.lane, two.word));
  CHECK(other->revoke_all());
  CHECK_FALSE(other->revoke_all());
  CHECK_FALSE(holder->holds(two.lane, two.word));
  std::uint64_t word = two.word;
  CHECK_FALSE(holder->renew(two.lane, word));
}

TEST_CASE("a holder is alive while its opening of the table is open, and nobody knows of numbers that are none") {
  const scratch dir;
  const auto mine = open_in(dir);
  auto other = open_in(dir);
  const auto held = other->take(key(1));
  const auto own = mine->take(key(2));
  CHECK(mine->of_holder(held.lane) == liveness::alive);
  CHECK(mine->of_holder(own.lane) == liveness::alive);
  { const auto third = open_in(dir); }  // closing one takes no other's lock
  CHECK(mine->of_holder(held.lane) == liveness::alive);
  CHECK(in_child([&] {  // nor does a child that ends
          return mine->of_holder(held.lane) == liveness::alive ? 0 : 1;
        }) == 0);
  CHECK(mine->of_holder(held.lane) == liveness::alive);
  other = nullptr;
  CHECK(mine->of_holder(held.lane) == liveness::dead);
  CHECK(mine->take(key(1)).what == outcome::busy);  // it is for who waits to find out
  mine->release(own.lane, own.word);
  CHECK(mine->of_holder(own.lane) == liveness::unknown);
}

TEST_CASE("a bucket that is full of living holders' leases has no room; those of others are given to who comes") {
  const scratch dir;
  const auto mine = open_in(dir);
  auto other = open_in(dir);
  for (std::uint64_t i = 0; i < lease_table::lanes - 1; ++i) REQUIRE(mine->take(key(i)).what == outcome::taken);
  const auto last = other->take(key(100));
  REQUIRE(last.what == outcome::taken);
  CHECK(mine->take(key(101)).what == outcome::full);
  CHECK(mine->take({6, 1}).what == outcome::taken);  // another bucket
  other = nullptr;
  const auto instead = mine->take(key(101));
  CHECK(instead.what == outcome::taken);
  CHECK(instead.lane == last.lane);
  CHECK(mine->take(key(102)).what == outcome::full);
}

TEST_CASE("who waits for a lease is woken when it is let go of or revoked, and at once when it has changed") {
  const scratch dir;
  const auto holder = open_in(dir);
  const auto other = open_in(dir);
  const std::size_t waiting = 5 * lease_table::bucket_size + 8;  // how many sleep in the bucket of these keys
  for (int round = 0; round < 20; ++round) {
    const bool revoked = round % 2 == 0;
    const auto held = holder->take(key(1));
    REQUIRE(larder_tests::ends_in_time([=, &dir] {
      std::thread waiter([=] {
        while (other->holds(held.lane, held.word)) other->wait(held.lane, held.word, std::chrono::hours(1));
      });
      while (read_file(dir / "leases").at(waiting) == 0) std::this_thread::yield();
      revoked ? static_cast<void>(holder->revoke(key(1))) : holder->release(held.lane, held.word);
      waiter.join();
    }));
    CHECK(read_file(dir / "leases").at(waiting) == 0);  // nobody is woken for nothing later
  }
}

TEST_CASE("threads that open the table for themselves never hold one key's lease together") {
  const scratch dir;
  constexpr unsigned threads = 4;
  constexpr unsigned keys = 5;
  constexpr int rounds = 200'000;
  std::array<std::atomic<int>, keys> holders{};
  std::atomic<int> together{0};
  std::atomic<int> taken{0};
  std::vector<std::thread> running;
  for (unsigned t = 0; t < threads; ++t)
    running.emplace_back([&, t] {
      const auto table = open_in(dir);
      std::mt19937 random(t);
      for (int i = 0; i < rounds; ++i) {
        const auto k = static_cast<unsigned>(random() % keys);
        auto held = table->take(key(k));
        if (held.what != outcome::taken) continue;
        if (holders[k].fetch_add(1) != 0) ++together;
        ++taken;
        if (random() % 4 == 0 && !table->renew(held.lane, held.word)) ++together;
        holders[k].fetch_sub(1);
        table->release(held.lane, held.word);
      }
    });
  for (std::thread& t : running) t.join();
  CHECK(together == 0);
  CHECK(taken > rounds / 2);
}

TEST_CASE("any bytes are a table: leases are taken, kept and let go of in it") {
  for (const int how : {0, 1, 2}) {
    CAPTURE(how);
    const scratch dir;
    std::mt19937_64 random(static_cast<unsigned>(how));
    std::string bytes(lease_table::file_size, how == 1 ? '\xff' : '\1');
    if (how == 0)
      for (char& c : bytes) c = static_cast<char>(random());
    write_file(dir / "leases", bytes);
    const auto table = open_in(dir);
    REQUIRE(table != nullptr);
    for (std::uint64_t i = 0; i < 2000; ++i) {
      const digest id{random(), random()};
      const auto held = table->take(id);
      REQUIRE(held.what == outcome::taken);
      std::uint64_t word = held.word;
      REQUIRE(table->take(id).what == outcome::busy);
      REQUIRE(table->renew(held.lane, word));
      table->release(held.lane, word);
      REQUIRE_FALSE(table->holds(held.lane, word));
    }
    table->revoke_all();
    CHECK_FALSE(table->revoke_all());
  }
}

TEST_CASE("a table is made, made longer, or refused; and it is seen when it was removed or cut") {
  const scratch dir;
  CHECK(lease_table::open((dir / "nowhere/leases").string()) == nullptr);
  CHECK(lease_table::open(dir.path().string()) == nullptr);
  fs::create_symlink(dir / "target", dir / "link");
  CHECK(lease_table::open((dir / "link").string()) == nullptr);
  CHECK_FALSE(fs::exists(dir / "target"));

  write_file(dir / "leases", std::string(100, 'x'));
  const auto grown = open_in(dir);
  REQUIRE(grown != nullptr);
  CHECK(fs::file_size(dir / "leases") == lease_table::file_size);
  CHECK(grown->take(key(1)).what == outcome::taken);
  CHECK(grown->is_intact());
  fs::resize_file(dir / "leases", lease_table::file_size - 1);
  CHECK_FALSE(grown->is_intact());
  fs::resize_file(dir / "leases", lease_table::file_size);
  CHECK(grown->is_intact());
  fs::remove(dir / "leases");
  CHECK_FALSE(grown->is_intact());
  const auto trusting = lease_table::open((dir / "leases").string(), std::chrono::hours(1));
  CHECK(trusting->is_intact());
  fs::remove(dir / "leases");
  CHECK(trusting->is_intact());  // so it was said
}
