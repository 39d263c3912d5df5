// Caches in memory that compress.
#include <larder/codec/zstd.hpp>
#include <larder/larder.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <new>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "run_lengths.hpp"

using namespace larder::literals;
using larder::bytes;
using larder::error_cause;
using larder::zstd;
using text = std::string;

static_assert(larder::compression_policy<run_lengths>);

namespace {

text noise(std::size_t size) {
  std::mt19937_64 random(size);
  text made(size, '\0');
  for (char& c : made) c = static_cast<char>(random());
  return made;
}

/// Makes of any value a frame of the size that it is told to; each call can be looked into.
struct told_size {
  using policy_axis = larder::axis::compression;
  static constexpr std::string_view name = "told";
  struct shared {
    std::atomic<std::size_t> size{1};
    std::atomic<int> compressed{0};
    std::atomic<int> decompressed{0};
    std::function<void()> on_compress = [] {};
    std::function<void()> on_decompress = [] {};
  };
  shared* with;
  std::uint64_t from = 4096;
  double saving = 0.125;

  /// The frame is the one character that the value consists of, and anything.
  struct compressor {
    explicit compressor(const told_size& policy) : with(policy.with) {}
    std::size_t compress(std::span<const std::byte> value, std::span<std::byte> to) const {
      ++with->compressed;
      with->on_compress();
      if (with->size == 0) return 0;
      std::fill_n(to.begin(), with->size.load(), value[0]);
      return with->size;
    }
    bool may_become(std::span<const std::byte>, std::uint64_t) const { return true; }
    bool decompress(std::span<const std::byte> frame, std::span<std::byte> to) const {
      ++with->decompressed;
      with->on_decompress();
      std::fill(to.begin(), to.end(), frame[0]);
      return true;
    }
    shared* with;
  };
};

}  // namespace

TEST_CASE("a value is compressed from the size on that the policy names, and when it saves the share that it names") {
  told_size::shared with;
  auto c = larder::make_cache<text, text>(larder::max_bytes{1_GiB}, told_size{&with});
  const auto weight_of = [&](std::size_t value, std::size_t frame) {
    with.size = frame;
    c.clear();
    CHECK(c.put("a", text(value, 'v')));
    CHECK(c.get("a") == text(value, 'v'));
    CHECK(c.stats().logical_bytes == value);
    CHECK(c.stats().stored_bytes == c.weight());
    return c.weight();
  };
  CHECK(weight_of(4095, 1) == 4095);
  CHECK(with.compressed == 0);
  CHECK(weight_of(4096, 1) == 1);
  CHECK(weight_of(4096, 3584) == 3584);  // an eighth exactly
  CHECK(weight_of(4096, 3585) == 4096);  // a byte less
  CHECK(weight_of(8000, 7000) == 7000);
  CHECK(weight_of(8000, 7001) == 8000);
  CHECK(weight_of(4100, 3587) == 3587);  // 4100 * 7 / 8 is 3587.5
  CHECK(weight_of(4100, 3588) == 4100);
  CHECK(weight_of(0, 1) == 0);
  CHECK(weight_of(5000, 0) == 5000);     // the policy gives it up
}

TEST_CASE("a policy that asks for no saving still keeps nothing that does not become smaller") {
  told_size::shared with;
  auto c = larder::make_cache<text, text>(larder::max_bytes{1_MiB}, told_size{&with, 0, 0.0});
  with.size = 100;
  c.put("same", text(100, 'v'));
  CHECK(c.weight() == 100);
  c.put("smaller", text(101, 'v'));
  CHECK(c.weight() == 200);
  c.put("empty", "");
  CHECK(c.get("empty") == "");
  CHECK(c.weight() == 200);
}

TEST_CASE("every way to see a value shows the original") {
  std::vector<std::pair<text, larder::removal_cause>> left;
  auto c = larder::make_cache<text, text>(larder::max_bytes{1_MiB}, zstd{},
                                          larder::removal_listener{[&](const text&, const text& value, larder::removal_cause cause) {
                                            left.emplace_back(value, cause);
                                          }});
  const text value = text(300'000, 'a') + "end";
  REQUIRE(c.put("a", value));
  REQUIRE(c.weight() < 1000);
  CHECK(c.get("a") == value);
  CHECK(c.peek("a") == value);
  CHECK(c.contains("a"));
  bool same = false;
  CHECK(c.visit("a", [&](const text& v) { same = v == value; }));
  CHECK(same);
  CHECK(c.get_or_load("a", [](const text&) -> text { throw std::runtime_error("not to be called"); }) == value);
  CHECK(c.get_many({"a", "b"})[0] == value);
  std::uint64_t weight = 0;
  c.for_each([&](const text&, std::uint64_t w, larder::duration) { weight = w; });
  CHECK(weight == c.weight());

  CHECK(c.get_or_load("b", [&](const text&) { return value; }) == value);
  CHECK(c.get("b") == value);
  CHECK(c.stats().logical_bytes == 2 * value.size());
  CHECK_FALSE(c.put_if_absent("b", "other"));
  CHECK(c.erase_if([&](const text& key, const text& v) { return key == "b" && v == value; }) == 1);
  CHECK(c.put("a", "small"));
  CHECK(c.put("c", value));
  CHECK(c.erase("c"));
  REQUIRE(left.size() == 3);
  CHECK(left[0] == std::pair(value, larder::removal_cause::erased));
  CHECK(left[1] == std::pair(value, larder::removal_cause::replaced));
  CHECK(left[2] == std::pair(value, larder::removal_cause::erased));
  CHECK(c.stats().logical_bytes == 5);
  CHECK(c.weight() == 5);
}

TEST_CASE("bytes and vectors are compressed too; elements stay whole") {
  auto raw = larder::make_cache<int, bytes>(larder::max_bytes{1_MiB}, zstd{.level = 3});
  const bytes zeros = bytes::copy_of(text(1'000'000, '\0'));
  CHECK(raw.put(1, zeros));
  CHECK(raw.weight() < 64 * 1024);
  CHECK(raw.get(1) == zeros);
  const bytes random = bytes::copy_of(noise(100'000));
  CHECK(raw.put(2, random));
  CHECK(raw.get(2)->data() == random.data());  // kept as it is: no copy
  CHECK(raw.stats().logical_bytes == 1'100'000);

  auto numbers = larder::make_cache<int, std::vector<double>>(larder::max_bytes{1_MiB}, zstd{}, larder::unsynchronized{});
  std::vector<double> sparse(10'000);
  sparse[77] = 0.5;
  CHECK(numbers.put(1, sparse));
  CHECK(numbers.get(1) == sparse);
  CHECK(numbers.weight() < 1000);
  CHECK(numbers.stats().logical_bytes == 80'000);
  auto wide = larder::make_cache<int, std::u16string>(larder::max_entries{3}, zstd{});
  CHECK(wide.put(1, std::u16string(5000, u'x')));
  CHECK(wide.get(1) == std::u16string(5000, u'x'));
  CHECK(wide.weight() == 1);
  CHECK(wide.stats().logical_bytes == 10'000);
  CHECK(wide.stats().stored_bytes < 100);
}

TEST_CASE("limits count what is stored: more fits in, and a value larger than the limit does when it becomes small enough") {
  auto c = larder::make_cache<int, text>(larder::lru{}, larder::max_bytes{100_KiB}, zstd{});
  CHECK(c.put(0, text(1'000'000, 'x')));
  for (int i = 1; i < 100; ++i) CHECK(c.put(i, text(10'000, 'x')));
  CHECK(c.size() == 100);
  CHECK(c.stats().evictions == 0);
  CHECK(c.weight() < 10'000);
  CHECK_FALSE(c.put(0, noise(200'000)));
  CHECK_FALSE(c.contains(0));
  CHECK(c.size() == 99);
}

TEST_CASE("a weigher sees the value itself, and max_weight counts what it says") {
  auto c = larder::make_cache<text, text>(larder::lru{}, larder::max_weight{30'000}, zstd{},
                                          larder::weigher{[](const text&, const text& v) { return v.size(); }});
  CHECK(c.put("a", text(10'000, 'x')));
  CHECK(c.weight() == 10'000);
  CHECK(c.stats().stored_bytes < 100);
  for (const char* key : {"b", "c", "d"}) CHECK(c.put(key, text(10'000, 'x')));
  CHECK(c.size() == 3);
  CHECK_FALSE(c.contains("a"));
  CHECK(c.stats().logical_bytes == 30'000);
}

TEST_CASE("compressing and decompressing run without a lock: the policy's code may wait for others who use the cache") {
  told_size::shared with;
  std::vector<text> left;
  auto c = larder::make_cache<text, text>(larder::lru{}, larder::max_entries{2}, larder::sharded<1>{}, told_size{&with},
                                          larder::removal_listener{[&](const text&, const text& value, larder::removal_cause) {
                                            left.push_back(value.substr(0, 1));
                                          }});
  const auto use = [&] {
    std::thread([&] {
      c.get("other");
      c.put("other", "o");
    }).join();
  };
  with.on_compress = use;
  with.on_decompress = use;
  CHECK(c.put("a", text(5000, 'a')));
  CHECK(c.get("a") == text(5000, 'a'));
  CHECK(c.peek("a") == text(5000, 'a'));
  CHECK(c.visit("a", [](const text&) {}));
  CHECK(c.get_or_load("b", [](const text&) { return text(5000, 'b'); }) == text(5000, 'b'));  // evicts
  c.erase_if([](const text&, const text&) { return false; });
  c.clear();
  CHECK(with.compressed == 2);
  CHECK(with.decompressed >= 5);
  CHECK(std::count(left.begin(), left.end(), "a") == 1);
  CHECK(std::count(left.begin(), left.end(), "b") == 1);
}

TEST_CASE("contains, put_if_absent of what is there, erase and eviction untold decompress nothing") {
  told_size::shared with;
  auto c = larder::make_cache<int, text>(larder::lru{}, larder::max_entries{1}, told_size{&with});
  c.put(1, text(5000, 'a'));
  CHECK(c.contains(1));
  CHECK_FALSE(c.put_if_absent(1, text(5000, 'b')));
  CHECK(with.compressed == 1);
  c.put(2, text(5000, 'b'));
  c.erase_if([](int) { return false; });
  c.erase(2);
  CHECK(with.decompressed == 0);
}

TEST_CASE("without memory to decompress a get is a counted miss, and the entry stays") {
  told_size::shared with;
  text told;
  auto c = larder::make_cache<int, text>(larder::max_bytes{1_MiB}, told_size{&with},
                                         larder::error_listener{[&](const larder::error_event& e) { told = e.message; }});
  c.put(1, text(5000, 'a'));
  with.on_decompress = [] { throw std::bad_alloc(); };
  CHECK_FALSE(c.get(1).has_value());
  CHECK_FALSE(c.peek(1).has_value());
  CHECK(c.stats().hits == 0);
  CHECK(c.stats().misses == 1);
  CHECK(c.stats().hit_bytes == 0);
  CHECK(c.stats().errors.total() == 2);
  CHECK_FALSE(told.empty());
  with.on_decompress = [] {};
  CHECK(c.get(1) == text(5000, 'a'));
  CHECK(c.stats().hits == 1);
  CHECK(c.stats().hit_bytes == 1);
}

TEST_CASE("what cannot be compressed for a failure is kept as it is, and the failure counted") {
  told_size::shared with;
  with.on_compress = [] { throw std::bad_alloc(); };
  auto c = larder::make_cache<int, text>(larder::max_bytes{1_MiB}, told_size{&with});
  CHECK(c.put(1, text(5000, 'a')));
  CHECK(c.get(1) == text(5000, 'a'));
  CHECK(c.weight() == 5000);
  CHECK(c.stats().errors.total() == 1);
}

TEST_CASE("numbers that make no sense are refused with a sentence") {
  const auto message = [](auto policy) -> text {
    try {
      auto refused = larder::make_cache<int, text>(larder::max_entries{1}, policy);
    } catch (const larder::error& e) {
      CHECK(e.cause() == error_cause::invalid_argument);
      return e.what();
    }
    return "taken";
  };
  CHECK(message(zstd{.saving = 1.0}).find("zstd{.saving = 1.0") != text::npos);
  CHECK(message(zstd{.saving = -0.5}).find("-0.5") != text::npos);
  CHECK(message(zstd{.level = 99}).find("99") != text::npos);
  CHECK(message(run_lengths{.saving = 2.0}).find("runs{.saving = 2.0") != text::npos);
}

TEST_CASE("tiers: what comes out of a tier that compresses is a plain value") {
  auto fast = larder::make_cache<text, bytes>(larder::lru{}, larder::max_bytes{1_MiB});
  auto dense = larder::make_cache<text, bytes>(larder::lru{}, larder::max_bytes{1_MiB}, zstd{});
  larder::tiered both{fast, dense};
  const bytes value = bytes::copy_of(text(100'000, 'x'));
  CHECK(both.put("a", value));
  CHECK(fast.weight() == 100'000);
  CHECK(dense.weight() < 1000);
  fast.clear();
  CHECK(both.get("a") == value);
  CHECK(fast.weight() == 100'000);
}

TEST_CASE("threads that put, get and erase at once: values whole, and both sums exact at the end") {
  auto c = larder::make_cache<int, text>(larder::max_bytes{200_KiB}, zstd{}, larder::sharded<4>{});
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      std::mt19937 random(static_cast<unsigned>(t));
      for (int i = 0; i < 2000; ++i) {
        const int key = static_cast<int>(random() % 40);
        const std::size_t size = 3000 + random() % 6000;
        switch (random() % 4) {
          case 0: c.put(key, text(size, static_cast<char>('a' + key % 26))); break;
          case 1: c.put(key, noise(size)); break;
          case 2: c.erase(key); break;
          default:
            if (const auto v = c.get(key); v && (*v)[0] != static_cast<char>('a' + key % 26) && *v != noise(v->size())) ++wrong;
        }
      }
    });
  for (std::thread& each : threads) each.join();
  CHECK(wrong == 0);
  std::uint64_t stored = 0;
  std::uint64_t logical = 0;
  c.for_each([&](int key, std::uint64_t weight, larder::duration) {
    stored += weight;
    logical += c.peek(key)->size();
  });
  CHECK(c.weight() == stored);
  CHECK(c.stats().stored_bytes == stored);
  CHECK(c.stats().logical_bytes == logical);
  c.clear();
  CHECK(c.stats().logical_bytes == 0);
  CHECK(c.weight() == 0);
}

TEST_CASE("the miss ratio curve is in the bytes that are stored, as the capacity is") {
  auto c = larder::make_cache<int, text>(larder::lru{}, larder::max_bytes{64_KiB}, run_lengths{}, larder::miss_ratio_curve{});
  // 300 values of 10,000 bytes, each of 80 as stored: all fit, in half the capacity too, but not in a quarter.
  for (int round = 0; round < 4; ++round)
    for (int i = 0; i < 300; ++i)
      if (!c.get(i)) c.put(i, text(10'000, 'x'));
  CHECK(c.stats().misses == 300);
  const auto& curve = c.stats().curve;
  REQUIRE(curve.has_value());
  CHECK(c.stats().stored_bytes == 300 * 80);
  constexpr std::size_t today = larder::hit_ratio_curve::today;
  CHECK(curve->hit_ratios[today] == doctest::Approx(0.75).epsilon(0.01));
  CHECK(curve->hit_ratios[today - 4] == doctest::Approx(0.75).epsilon(0.01));
  CHECK(curve->hit_ratios[today - 8] < 0.01);
}
