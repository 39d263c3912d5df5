// The parts of a reuse_sampler, each beside a naive twin.

#include <larder/core/hit_ratio_curve.hpp>
#include <larder/observe/capacity_scale.hpp>
#include <larder/observe/hit_counts.hpp>
#include <larder/observe/hot_keys.hpp>
#include <larder/observe/mark_set.hpp>
#include <larder/observe/recency_line.hpp>
#include <larder/observe/reuse_stack.hpp>
#include <larder/observe/tracked_keys.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <random>
#include <set>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

namespace observe = larder::observe;

TEST_CASE("a scale finds the smallest capacity that holds an entry") {
  observe::capacity_scale scale(1000);
  for (const double rate : {1.0, 0.25}) {
    scale.set(1000, rate);
    CHECK(scale.today() == 1000);
    CHECK(scale.rate() == rate);
    for (std::uint64_t newer = 0; newer < 9000; newer += 37)
      for (const std::uint64_t own : {std::uint64_t{1}, std::uint64_t{300}}) {
        std::size_t first = 0;
        while (first < observe::capacity_scale::points && !scale.holds(first, own, newer)) ++first;
        CHECK(scale.first_to_hold(own, newer) == first);
      }
    for (const std::uint64_t weight : {0U, 1U, 125U, 126U, 1000U, 8000U, 8001U}) {
      std::size_t smaller = 0;
      for (std::size_t g = 0; g < observe::capacity_scale::points; ++g) smaller += scale[g] < weight ? 1U : 0U;
      CHECK(scale.class_of(weight) == smaller);
    }
  }
}

TEST_CASE("hits are counted from their capacity on, or where they are") {
  observe::hit_counts counts;
  counts.begin({}, true);
  for (int i = 0; i < 4; ++i) counts.look_up(i != 0, 1.0);
  counts.hit_from(0, 1.0);
  counts.hit_from(5, 1.0);
  counts.hit_from(observe::hit_counts::points, 1.0);
  counts.hit_where([](std::size_t g) { return g == 2 || g > 6; }, 1.0);
  const larder::hit_ratio_curve curve = counts.curve({4, 1});
  for (std::size_t g = 0; g < observe::hit_counts::points; ++g) {
    const int hits = 1 + (g >= 5 ? 1 : 0) + (g == 2 || g > 6 ? 1 : 0);
    CHECK(curve.hit_ratios[g] == doctest::Approx(hits / 4.0));
  }
  CHECK(curve.look_ups == 4);
  CHECK(curve.sampled == 4);
  CHECK_FALSE(counts.enough());
  CHECK(counts.represented() == 4);
}

TEST_CASE("a key asked for again and again becomes hot, others do not") {
  observe::hot_keys<false> hot;
  const auto key = [](std::uint64_t n) { return n << 40U | n << 20U; };
  std::mt19937_64 random(1);
  for (int i = 0; i < 3000; ++i) hot.count(i % 4 == 0 ? key(1) : key(100 + random() % 3000));
  CHECK(hot.contains(key(1)));
  std::set<std::uint64_t> all;
  hot.for_each([&](std::uint64_t k) { all.insert(k); });
  CHECK(all == std::set<std::uint64_t>{key(1)});
  hot.erase(key(2));
  CHECK(hot.contains(key(1)));
  hot.erase(key(1));
  CHECK_FALSE(hot.contains(key(1)));
  CHECK_FALSE(hot.contains(0));
}

TEST_CASE("marks come newest first") {
  observe::mark_set marks;
  marks.reset(9000);
  std::set<std::uint32_t, std::greater<>> there;
  std::mt19937_64 random(2);
  for (int step = 0; step < 20'000; ++step) {
    const auto m = static_cast<std::uint32_t>(random() % 9000);
    if (there.erase(m) != 0) {
      marks.erase(m);
    } else if (random() % 3 != 0) {
      marks.insert(m);
      there.insert(m);
    } else {
      marks.erase(m);  // one that is not in
    }
    CHECK(marks.size() == there.size());
    if (step % 1000 != 0) continue;
    const auto than = static_cast<std::int64_t>(random() % 9000);
    std::vector<std::uint32_t> met;
    marks.for_each_newer(than, [&](std::uint32_t each) { return met.push_back(each), met.size() < 500; });
    std::vector<std::uint32_t> wanted;
    for (const std::uint32_t each : there)
      if (each > than && wanted.size() < 500) wanted.push_back(each);
    CHECK(met == wanted);
  }
}

TEST_CASE("followed keys are found by 48 bits, whatever comes and goes") {
  observe::tracked_keys keys;
  keys.reset(256);
  std::map<std::uint64_t, observe::tracked_keys::id> there;
  std::mt19937_64 random(3);
  for (int step = 0; step < 20'000; ++step) {
    const std::uint64_t key = (random() % 400) << 16U | (step % 2 == 0 ? 0U : 7U);  // the low bits do not count
    const std::uint64_t known = key & ~std::uint64_t{0xffff};
    const auto at = there.find(known);
    CHECK(keys.find(key) == (at == there.end() ? observe::tracked_keys::nobody : at->second));
    if (at != there.end()) {
      CHECK(keys.hash(at->second) == known);
      keys.erase(at->second);
      there.erase(at);
    } else if (there.size() < keys.room()) {
      const auto who = keys.insert(key);
      keys.set_mark(who, static_cast<std::uint32_t>(step));
      CHECK(keys.mark_of(who) == (static_cast<std::uint32_t>(step) & 0xffffU));
      CHECK(keys.hash(who) == known);
      there.emplace(known, who);
    }
    CHECK(keys.size() == there.size());
  }
}

TEST_CASE("a line sums what is newer, also after its marks are dealt anew") {
  observe::recency_line<std::uint64_t> line;
  line.reset(2000);
  std::vector<std::pair<std::uint16_t, std::uint64_t>> naive;  // by mark; an amount of 0 counts for nothing
  std::mt19937_64 random(4);
  for (int step = 0; step < 30'000; ++step) {
    if (line.full()) {
      naive.erase(std::remove_if(naive.begin(), naive.end(), [](const auto& row) { return row.first == 0xffff && row.second == 0; }), naive.end());
      std::size_t next = 0;
      line.compact([&](std::uint16_t who, std::uint32_t to) {
        CHECK(to == next);
        CHECK(who == naive[next++].first);
      });
      CHECK(next == naive.size());
    }
    const auto who = static_cast<std::uint16_t>(random() % 1000);
    const std::uint64_t amount = random() % 50 + 1;
    CHECK(line.push(who, amount) == naive.size());
    naive.emplace_back(who, amount);
    for (int i = 0; i < 3; ++i) {  // more leave than come, so that there is always a mark left
      const auto left = static_cast<std::uint32_t>(random() % naive.size());
      line.erase(left);
      naive[left] = {line.nobody, 0};
    }
    const auto m = static_cast<std::uint32_t>(random() % naive.size());
    if (random() % 8 != 0) {
      line.erase(m);
      naive[m] = {line.nobody, 0};
    } else {
      line.leave_hole(m, 3);
      naive[m] = {line.nobody, 3};
    }
    if (step % 50 != 0) continue;
    const auto at = static_cast<std::uint32_t>(random() % naive.size());
    std::uint64_t newer = 0;
    std::uint64_t total = 0;
    for (std::size_t i = 0; i < naive.size(); ++i) {
      total += naive[i].second;
      newer += i > at ? naive[i].second : 0;
    }
    CHECK(line.newer_than(at) == newer);
    CHECK(line.total() == total);
    CHECK(line.amount(at) == naive[at].second);
  }
}

TEST_CASE("a stack measures distances as a naive list of keys does") {
  const observe::capacity_scale scale(64);
  observe::reuse_stack<false> stack(scale);
  observe::hit_counts counts;
  counts.begin({}, true);
  std::vector<std::uint64_t> naive;  // newest last
  std::array<std::uint64_t, observe::capacity_scale::points> hits{};
  std::uint64_t asked = 0;
  std::mt19937_64 random(5);
  for (int step = 0; step < 20'000; ++step) {
    const std::uint64_t key = std::min(random() % 900, random() % 900) << 16U;
    const auto who = stack.find(key);
    const auto at = std::find(naive.begin(), naive.end(), key);
    ++asked;
    counts.look_up(true, 1.0);
    if (who == observe::reuse_stack<false>::nobody) {
      counts.hit_from(observe::capacity_scale::points, 1.0);
      stack.enter(key, 1);
    } else {
      stack.measure(who, counts);
      stack.renew(who, 1);
    }
    if (at != naive.end()) {
      const auto newer = static_cast<std::uint64_t>(naive.end() - at) - 1;
      for (std::size_t g = 0; g < hits.size(); ++g) hits[g] += newer + 1 <= scale[g] ? 1U : 0U;
      naive.erase(at);
    }
    naive.push_back(key);
  }
  const larder::hit_ratio_curve curve = counts.curve({asked, 0});
  for (std::size_t g = 0; g < hits.size(); ++g)
    CHECK(curve.hit_ratios[g] == doctest::Approx(static_cast<double>(hits[g]) / static_cast<double>(asked)));
  CHECK(stack.overflowed());
  CHECK(stack.size() <= 512);
}
