// What must not allocate does not: counted in operator new, which this file replaces for its whole program.
#include <larder/larder.hpp>

#include <doctest/doctest.h>

#include <atomic>
#include <cstdint>
#include <new>
#include <string>
#include <string_view>

#include "support/replaced_new.hpp"

using namespace larder::literals;

namespace {

std::atomic<std::uint64_t> allocations{0};

/// How many allocations f does.
template <class F>
std::uint64_t allocations_of(F&& f) {
  const std::uint64_t before = allocations.load();
  f();
  return allocations.load() - before;
}

}  // namespace

void larder::tests::before_allocation(std::size_t) { allocations.fetch_add(1, std::memory_order_relaxed); }

TEST_CASE("the counter counts") {
  CHECK(allocations_of([] { const std::string text(1000, 'x'); }) == 1);
}

TEST_CASE("look-ups by string_view allocate nothing") {
  const std::string long_key(200, 'k');
  const std::string_view view = long_key;
  const std::string other(200, 'm');
  auto c = larder::make_cache<std::string, int>(larder::lru{}, larder::max_entries{100}, larder::expire_after_access{1h});
  c.put(view, 1);
  int sum = 0;
  CHECK(allocations_of([&] {
          for (int i = 0; i < 100; ++i) {
            sum += *c.get(view);
            sum += *c.peek(view);
            sum += c.contains(std::string_view(other)) ? 1 : 0;
            c.visit(view, [&](int v) { sum += v; });
            sum += c.erase(std::string_view(other)) ? 1 : 0;
          }
        }) == 0);
  CHECK(sum == 300);
}

TEST_CASE("get of bytes copies a reference, never the data") {
  auto c = larder::make_cache<std::string, larder::bytes>(larder::max_bytes{1_MiB});
  c.put("weights", larder::bytes::copy_of(std::string(100'000, 'w')));
  std::size_t total = 0;
  CHECK(allocations_of([&] {
          for (int i = 0; i < 10; ++i) total += c.get("weights")->size();
        }) == 0);
  CHECK(total == 1'000'000);
}

TEST_CASE("in the steady state put, get and evict of plain types allocate nothing") {
  const auto steady = [](auto& c) {
    std::uint64_t at = 0;
    for (; at < 5000; ++at) c.put(at, at);
    std::uint64_t found = 0;
    const std::uint64_t count = allocations_of([&] {
      for (std::uint64_t end = at + 20'000; at < end; ++at) {
        c.put(at, at);
        c.put(at, at + 1);
        found += c.get(at).has_value() ? 1U : 0U;
        found += c.get(at - 500).has_value() ? 1U : 0U;
        c.erase(at - 3);
      }
    });
    CHECK(count == 0);
    CHECK(found > 20'000);
    CHECK(c.stats().evictions > 1000);
  };
  larder::cache<std::uint64_t, std::uint64_t, larder::lru, larder::max_entries> by_lru{larder::max_entries{1000}};
  steady(by_lru);
  larder::cache<std::uint64_t, std::uint64_t, larder::max_entries> by_default{larder::max_entries{1000}};
  steady(by_default);
  larder::cache<std::uint64_t, std::uint64_t, larder::max_entries, larder::unsynchronized> alone{larder::max_entries{1000}};
  steady(alone);
  larder::cache<std::uint64_t, std::uint64_t, larder::fifo, larder::max_entries, larder::max_bytes, larder::expire_after_write> limited{
      larder::max_entries{1000}, larder::max_bytes{1_MiB}, larder::expire_after_write{1h}};
  steady(limited);
}

TEST_CASE("a cached get_or_load allocates nothing") {
  auto c = larder::make_cache<std::string, int>(larder::max_entries{10});
  const std::string key(100, 'k');
  c.put(key, 7);
  int sum = 0;
  CHECK(allocations_of([&] {
          for (int i = 0; i < 100; ++i) sum += c.get_or_load(std::string_view(key), [] { return 1; });
        }) == 0);
  CHECK(sum == 700);
}
