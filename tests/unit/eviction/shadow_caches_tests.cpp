#include <larder/eviction/shadow_caches.hpp>

#include <larder/eviction/rule_trial.hpp>
#include <larder/eviction/two_queues.hpp>

#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <vector>

#include "failing_memory.hpp"
#include "order_host.hpp"

using namespace eviction_tests;
using larder::eviction::queue_rule;
using larder::eviction::shadow_caches;

namespace {

constexpr auto& rules = larder::eviction::rule_trial<>::rules;
constexpr std::array<std::array<queue_rule, 1>, rules.size()> each_alone{
    {{rules[0]}, {rules[1]}, {rules[2]}, {rules[3]}, {rules[4]}}};
constexpr std::array<queue_rule, 2> two{rules[0], rules[3]};
using shadows = shadow_caches<rules.size()>;

std::uint32_t print_of(int key) { return static_cast<std::uint32_t>(hash_of(key) >> 32); }

std::size_t count(shadows::hit_set hits) {
  std::size_t n = 0;
  for (; hits != 0; hits &= hits - 1) ++n;
  return n;
}

}  // namespace

TEST_CASE("shadow caches hold what was asked for last, up to their room, and find it again") {
  shadows caches(rules);
  for (int key = 0; key < 1000; ++key) CHECK(caches.request(print_of(key), 1000) == 0);
  for (int key = 0; key < 1000; ++key) CHECK(count(caches.request(print_of(key), 1000)) == rules.size());
  for (std::size_t i = 0; i < rules.size(); ++i) CHECK(caches.size(i) == 1000);
  for (int key = 1000; key < 3000; ++key) CHECK(caches.request(print_of(key), 1000) == 0);
  for (std::size_t i = 0; i < rules.size(); ++i) CHECK(caches.size(i) == 1000);
}

TEST_CASE("each shadow cache hits what it would alone") {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    const std::size_t room = 3 + seed * 11 % 90;
    shadows together(rules);
    std::vector<std::unique_ptr<shadow_caches<1>>> alone;
    for (const std::array<queue_rule, 1>& one : each_alone) alone.push_back(std::make_unique<shadow_caches<1>>(one));
    requests random(seed, static_cast<int>(room));
    for (int step = 0; step < 8000; ++step) {
      const std::uint32_t print = print_of(random.next_key());
      const auto hits = together.request(print, room);
      for (std::size_t i = 0; i < rules.size(); ++i) REQUIRE(alone[i]->request(print, room) == (hits >> i & 1U));
    }
    for (std::size_t i = 0; i < rules.size(); ++i) CHECK(together.size(i) == alone[i]->size(0));
  }
}

TEST_CASE("a shadow cache keeps what is used while others come") {
  for (const std::array<queue_rule, 1>& one : {each_alone[1], each_alone[3]}) {  // stays after two uses, after one
    shadow_caches<1> cache(one);
    for (int key = 0; key < 20; ++key) cache.request(print_of(key), 20);
    for (int use = 0; use < 2; ++use) CHECK(cache.request(print_of(0), 20) == 1);
    for (int key = 20; key < 35; ++key) CHECK(cache.request(print_of(key), 20) == 0);
    CHECK(cache.request(print_of(0), 20) == 1);
    CHECK(cache.request(print_of(1), 20) == 0);
  }
}

TEST_CASE("shadow caches follow their room down and up") {
  shadows caches(rules);
  for (int key = 0; key < 500; ++key) caches.request(print_of(key), 500);
  caches.request(print_of(500), 50);
  for (std::size_t i = 0; i < rules.size(); ++i) CHECK(caches.size(i) == 50);
  for (int key = 1000; key < 1500; ++key) caches.request(print_of(key), 80);
  for (std::size_t i = 0; i < rules.size(); ++i) CHECK(caches.size(i) == 80);
}

TEST_CASE("shadow caches drop those that are not sampled any more, and only those") {
  shadows caches(rules);
  for (int key = 0; key < 400; ++key) caches.request(print_of(key), 400);
  caches.keep_without(3);
  std::size_t kept = 0;
  for (int key = 0; key < 400; ++key) kept += (print_of(key) & 3U) == 0 ? 1U : 0U;
  for (std::size_t i = 0; i < rules.size(); ++i) CHECK(caches.size(i) == kept);
  for (int key = 0; key < 400; ++key)
    if ((print_of(key) & 3U) == 0) CHECK(count(caches.request(print_of(key), 400)) == rules.size());
  for (int key = 0; key < 400; ++key)
    if ((print_of(key) & 3U) != 0) CHECK(caches.request(print_of(key), 400) == 0);
}

TEST_CASE("shadow caches take at most 270 bytes for each entry of five") {
  shadows caches(rules);
  std::mt19937_64 random(1);
  for (int step = 0; step < 100'000; ++step)
    caches.request(print_of(static_cast<int>(random() % 1000) + (step % 3 == 0 ? step : 0)), 512);
  CHECK(caches.memory() <= std::size_t{512} * 270);
  CHECK(caches.memory() > 512 * 64);
}

TEST_CASE("shadow caches go on with the memory that there is") {
  shadow_caches<2, failing_memory> none(two);
  for (int key = 0; key < 10; ++key) CHECK(none.request(print_of(key), 100) == 0);
  CHECK(none.size(0) == 0);
  CHECK(none.memory() == 0);

  shadow_caches<2, little_memory<5000>> little(two);  // fewer than 180 entries of 28 bytes
  for (int key = 0; key < 1000; ++key) little.request(print_of(key), 500);
  CHECK(little.size(0) > 0);
  CHECK(little.size(0) < 180);
  CHECK((little.request(print_of(999), 500) & 2U) != 0);
}
