#include <larder/hash/xxh3.hpp>
#include <larder/observe/reuse_sampler.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <list>
#include <random>
#include <thread>
#include <unordered_map>
#include <vector>

#include <doctest/doctest.h>

using larder::capacity_unit;
using larder::hit_ratio_curve;
using larder::observe::reuse_sampler;
using larder::observe::traffic;

namespace {

std::uint64_t hash_of(std::uint64_t key) { return larder::xxh3{}(key); }

/// An LRU cache of entries that counts its hits.
class lru_model {
 public:
  explicit lru_model(std::uint64_t capacity) : capacity_(capacity) {}
  bool look_up(std::uint64_t key) {
    const auto found = places_.find(key);
    const bool hit = found != places_.end();
    if (hit) order_.erase(found->second);
    order_.push_front(key);
    places_[key] = order_.begin();
    if (order_.size() > capacity_) {
      places_.erase(order_.back());
      order_.pop_back();
    }
    hits_ += hit ? 1 : 0;
    ++look_ups_;
    return hit;
  }
  double hit_ratio() const { return static_cast<double>(hits_) / static_cast<double>(look_ups_); }
  traffic counted() const { return {look_ups_, look_ups_ - hits_}; }

 private:
  std::uint64_t capacity_;
  std::uint64_t hits_ = 0;
  std::uint64_t look_ups_ = 0;
  std::list<std::uint64_t> order_;
  std::unordered_map<std::uint64_t, std::list<std::uint64_t>::iterator> places_;
};

/// Asks as a cache would, where `hit` says what the cache had.
template <class Sampler>
void ask(Sampler& sampler, std::uint64_t key, bool hit, std::uint64_t weight = 1) {
  const std::uint64_t hash = hash_of(key);
  if (!sampler.samples(hash)) return;
  sampler.look_up(hash, hit, {weight});
  if (!hit) sampler.put(hash, weight, true);
}

/// Keys of which the first are much more popular than the last.
class skewed_keys {
 public:
  skewed_keys(std::uint64_t keys, double exponent) : keys_(keys), exponent_(exponent) {}
  std::uint64_t operator()() {
    const double u = std::uniform_real_distribution<double>(0.0, 1.0)(random_);
    return static_cast<std::uint64_t>(static_cast<double>(keys_) * std::pow(u, exponent_));
  }

 private:
  std::mt19937_64 random_{20240601};
  std::uint64_t keys_;
  double exponent_;
};

}  // namespace

TEST_CASE("a small cache is followed whole, whatever the number of keys, and its curve is exact") {
  constexpr std::uint64_t capacity = 100;
  reuse_sampler<false, false> sampler(capacity);
  std::vector<lru_model> models;
  for (std::size_t i = 0; i < hit_ratio_curve::points; ++i) models.emplace_back(hit_ratio_curve::capacity_at(capacity, i));
  skewed_keys next(200'000, 3.0);
  for (int i = 0; i < 100'000; ++i) {
    const std::uint64_t key = next();
    bool hit = false;
    for (std::size_t m = 0; m < models.size(); ++m) {
      const bool hit_there = models[m].look_up(key);
      if (m == hit_ratio_curve::today) hit = hit_there;
    }
    ask(sampler, key, hit);
  }
  const hit_ratio_curve curve = sampler.curve(capacity_unit::entries, models[hit_ratio_curve::today].counted());
  CHECK(curve.sampling_rate == 1.0);
  CHECK(curve.sampled == 100'000);
  CHECK(curve.settled);
  for (std::size_t m = 0; m < models.size(); ++m)
    CHECK(curve.hit_ratios[m] == doctest::Approx(models[m].hit_ratio()).epsilon(1e-12));
  CHECK(sampler.tracked() == 8 * capacity);
  CHECK(sampler.bytes() < 32 * 1024);
}

TEST_CASE("a large cache is sampled: within 0.02, and never more than 1 MB") {
  constexpr std::uint64_t capacity = 60'000;
  reuse_sampler<false, false> sampler(capacity);
  std::vector<lru_model> models;
  for (std::size_t i = 0; i < hit_ratio_curve::points; i += 4) models.emplace_back(hit_ratio_curve::capacity_at(capacity, i));
  skewed_keys next(400'000, 2.0);
  std::size_t most_bytes = 0;
  for (int i = 0; i < 1'000'000; ++i) {
    const std::uint64_t key = next();
    bool hit = false;
    for (std::size_t m = 0; m < models.size(); ++m) {
      const bool hit_there = models[m].look_up(key);
      if (m == 3) hit = hit_there;
    }
    ask(sampler, key, hit);
    if (i % 10'000 == 0) most_bytes = std::max(most_bytes, sampler.bytes());
  }
  const hit_ratio_curve curve = sampler.curve(capacity_unit::entries, models[3].counted());
  CHECK(curve.sampling_rate < 0.5);
  CHECK(curve.settled);
  CHECK(sampler.tracked() <= sampler.most_tracked);
  CHECK(most_bytes > 100'000);
  CHECK(most_bytes <= 1'000'000);
  for (std::size_t m = 0; m < models.size(); ++m) CHECK(std::abs(curve.hit_ratios[4 * m] - models[m].hit_ratio()) < 0.02);
}

TEST_CASE("weights take more memory, and no more than 1 MB either") {
  reuse_sampler<true, false> sampler(std::uint64_t{1} << 40);
  std::size_t most_bytes = 0;
  for (std::uint64_t key = 0; key < 2'000'000; ++key) {
    ask(sampler, key, false, key % 5000);
    if (key % 1000 == 0) most_bytes = std::max(most_bytes, sampler.bytes());
  }
  CHECK(most_bytes <= 1'000'000);
  CHECK(sampler.curve(capacity_unit::bytes, {2'000'000, 2'000'000}).sampling_rate < 0.02);
}

TEST_CASE("of a huge number of keys few look-ups are followed") {
  constexpr std::uint64_t keys = 900'000;
  reuse_sampler<false, false> sampler(1'000'000);
  for (std::uint64_t key = 0; key < keys; ++key) ask(sampler, key, false);
  const std::uint64_t before = sampler.curve(capacity_unit::entries, {}).sampled;
  for (std::uint64_t key = 0; key < keys; ++key) ask(sampler, key, true);
  const hit_ratio_curve curve = sampler.curve(capacity_unit::entries, {2 * keys, keys});
  CHECK(curve.sampled - before < 7'500);
  CHECK(curve.sampled - before > 2'500);
  // A loop: an LRU cache hits all or nothing.
  CHECK(curve.hit_ratios[hit_ratio_curve::today] == doctest::Approx(0.5).epsilon(0.02));
  CHECK(curve.hit_ratios[hit_ratio_curve::today - 1] < 0.02);
}

TEST_CASE("hits of a hot key are not followed once keys are sampled, and the curve stays right") {
  reuse_sampler<false, false> sampler(100'000);
  for (std::uint64_t key = 0; key < 400'000; ++key) ask(sampler, key, false);
  std::uint64_t hot = 0;
  while (!sampler.samples(hash_of(hot))) ++hot;
  const std::uint64_t before = sampler.curve(capacity_unit::entries, {}).sampled;
  for (std::uint64_t i = 0; i < 400'000; ++i) {
    ask(sampler, hot, i != 0);
    ask(sampler, 400'000 + i % 200'000, false);
  }
  const hit_ratio_curve curve = sampler.curve(capacity_unit::entries, {1'200'000, 800'001});
  CHECK(curve.sampled - before < 60'000);  // of 800,000, of which one half were the hot key's
  CHECK(curve.hit_ratios[0] == doctest::Approx(1.0 / 3.0).epsilon(0.02));
}

TEST_CASE("what was there before the sampler is not taken for a miss") {
  reuse_sampler<false, false> sampler(1000);
  for (std::uint64_t round = 0; round < 3; ++round)
    for (std::uint64_t key = 0; key < 500; ++key) ask(sampler, key, true);
  const hit_ratio_curve curve = sampler.curve(capacity_unit::entries, {1500, 0});
  CHECK(curve.hit_ratios[hit_ratio_curve::today] == 1.0);
  CHECK(curve.settled);
}

TEST_CASE("too little traffic is said to be too little") {
  reuse_sampler<false, false> few(10);
  for (std::uint64_t i = 0; i < 999; ++i) ask(few, i % 5, i >= 5);
  CHECK_FALSE(few.curve(capacity_unit::entries, {999, 5}).settled);
  ask(few, 1, true);
  CHECK(few.curve(capacity_unit::entries, {1000, 5}).settled);

  reuse_sampler<false, false> once(1'000'000);  // no key came back yet: it may do so tomorrow
  for (std::uint64_t i = 0; i < 20'000; ++i) ask(once, i, false);
  CHECK_FALSE(once.curve(capacity_unit::entries, {20'000, 20'000}).settled);

  reuse_sampler<false, false> scanned(1000);  // none came back within eight times the capacity
  for (std::uint64_t i = 0; i < 20'000; ++i) ask(scanned, i, false);
  CHECK(scanned.curve(capacity_unit::entries, {20'000, 20'000}).settled);
}

TEST_CASE("another capacity begins another count and keeps what is known of the keys") {
  reuse_sampler<false, false> sampler(100);
  for (std::uint64_t i = 0; i < 5000; ++i) ask(sampler, i % 150, false);
  sampler.set_capacity(200, {5000, 5000});
  CHECK(sampler.curve(capacity_unit::entries, {5000, 5000}).look_ups == 0);
  for (std::uint64_t i = 0; i < 1500; ++i) ask(sampler, (5000 + i) % 150, true);
  const hit_ratio_curve curve = sampler.curve(capacity_unit::entries, {6500, 5000});
  CHECK(curve.capacity == 200);
  CHECK(curve.look_ups == 1500);
  CHECK(curve.hit_ratios[hit_ratio_curve::today] == 1.0);
  CHECK(curve.hit_ratios[hit_ratio_curve::today - 4] == 0.0);  // 100: the loop is longer
  sampler.restart({6500, 5000});
  CHECK(sampler.curve(capacity_unit::entries, {6500, 5000}).sampled == 0);
}

TEST_CASE("a cache that became small is followed whole again") {
  reuse_sampler<false, false> sampler(1'000'000);
  for (std::uint64_t key = 0; key < 1'000'000; ++key) ask(sampler, key, false);
  CHECK(sampler.curve(capacity_unit::entries, {}).sampling_rate < 0.1);
  sampler.set_capacity(100, {1'000'000, 1'000'000});
  CHECK(sampler.curve(capacity_unit::entries, {}).sampling_rate == 1.0);
  for (std::uint64_t i = 0; i < 3000; ++i) ask(sampler, i % 90, i >= 90);
  CHECK(sampler.curve(capacity_unit::entries, {1'003'000, 1'000'090}).hit_ratios[hit_ratio_curve::today] ==
        doctest::Approx(0.97));
}

TEST_CASE("weights beyond what a capacity can hold do not push anything out of it") {
  reuse_sampler<true, false> sampler(100);
  for (std::uint64_t i = 0; i < 2000; ++i) {
    ask(sampler, 1, i != 0, 10);
    ask(sampler, 1000 + i % 50, false, 90);  // fits from 90 on
  }
  const hit_ratio_curve curve = sampler.curve(capacity_unit::bytes, {4000, 2001});
  const auto at = [&](std::size_t point) { return curve.hit_ratios[point]; };
  CHECK(at(hit_ratio_curve::today - 4) == doctest::Approx(0.5).epsilon(0.001));   // 50
  CHECK(at(hit_ratio_curve::today) == doctest::Approx(0.5).epsilon(0.001));       // 10 and 90 are 100
  CHECK(at(hit_ratio_curve::today - 12) == doctest::Approx(0.5).epsilon(0.001));  // 12
  CHECK(curve.hit_ratios.back() == doctest::Approx(0.5).epsilon(0.001));          // 800: eight of fifty
}

TEST_CASE("a key that is erased leaves its room to the next, and those behind it do not come back") {
  reuse_sampler<false, false> sampler(8);  // of the capacities, look at 2
  constexpr std::size_t of_two = hit_ratio_curve::today - 8;
  ask(sampler, 1, false);
  ask(sampler, 2, false);
  ask(sampler, 3, false);      // 3 2 | 1
  sampler.forget(hash_of(3));  // 2 | 1: room for one, but 1 is gone
  ask(sampler, 1, true);       // a miss of two: 1 2
  ask(sampler, 2, true);       // a hit of two
  const hit_ratio_curve curve = sampler.curve(capacity_unit::entries, {5, 3});
  CHECK(hit_ratio_curve::capacity_at(8, of_two) == 2);
  CHECK(curve.hit_ratios[of_two] == doctest::Approx(0.2));
  CHECK(curve.hit_ratios[hit_ratio_curve::today] == doctest::Approx(0.4));
}

TEST_CASE("threads may ask, put, forget and read the curve at once") {
  reuse_sampler<true, true> sampler(300'000);
  std::vector<std::thread> threads;
  for (std::uint64_t t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (std::uint64_t i = 0; i < 30'000; ++i) {
        const std::uint64_t key = (i * 7919 + t * 104'729) % 60'000;
        ask(sampler, key, i % 3 != 0, 1 + key % 40);
        if (i % 100 == 0 && sampler.samples(hash_of(key))) sampler.forget(hash_of(key));
        if (i % 1000 == 0) {
          const hit_ratio_curve curve = sampler.curve(capacity_unit::weight, {4 * i, 2 * i});
          for (const double ratio : curve.hit_ratios) CHECK((ratio >= 0.0 && ratio <= 1.0));
        }
        if (t == 0 && i % 10'000 == 5000) sampler.set_capacity(200'000 + i, {4 * i, 2 * i});
        if (t == 1 && i == 20'000) sampler.forget_all();
      }
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(sampler.tracked() > 0);
  CHECK(sampler.bytes() <= 1'000'000);
}
