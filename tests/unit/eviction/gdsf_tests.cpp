#include <larder/eviction/gdsf.hpp>

#include <doctest/doctest.h>
#include <larder/cache.hpp>
#include <larder/core/bytes.hpp>
#include <larder/core/concepts.hpp>
#include <larder/limit/max_bytes.hpp>
#include <larder/testing/eviction_conformance.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "reference_run.hpp"

namespace {

using reference_run::key;

static_assert(larder::eviction_policy<larder::gdsf>);
static_assert(!larder::core::has_concurrent_hits<larder::gdsf>);
static_assert(sizeof(larder::gdsf::state) == 56);

/// The algorithm of the paper, cost 1: H = L + F / S for each use, the least H goes and is the next L.
class naive_gdsf {
 public:
  void insert(key k, larder::entry_info info) {
    in_.push_back({k, info.weight == 0 ? 1.0 : static_cast<double>(info.weight), 0, 0, 0});
    hit(k);
  }
  void hit(key k) {
    for (row& r : in_) {
      if (r.k != k) continue;
      r.frequency += 1;
      r.h = l_ + r.frequency / r.size;
      r.last = ++now_;
    }
  }
  void erase(key k) {
    std::erase_if(in_, [&](const row& r) { return r.k == k; });
  }
  void evict(key k) {
    for (const row& r : in_)
      if (r.k == k) l_ = r.h;
    erase(k);
  }
  std::optional<key> victim() const {
    if (in_.empty()) return std::nullopt;
    return std::min_element(in_.begin(), in_.end(), [](const row& a, const row& b) { return a.h != b.h ? a.h < b.h : a.last < b.last; })->k;
  }

 private:
  struct row {
    key k;
    double size;
    double frequency;
    double h;
    std::uint64_t last;
  };
  std::vector<row> in_;
  double l_ = 0;
  std::uint64_t now_ = 0;
};

}  // namespace

TEST_CASE("gdsf keeps the contract") { CHECK(larder::testing::check_eviction<larder::gdsf>().text() == ""); }

TEST_CASE("gdsf evicts what a naive reference evicts, request by request") {
  SUBCASE("weights from 0 to a little, which tie") { CHECK(reference_run::differs(larder::gdsf{}, naive_gdsf{}, 6) == ""); }
  SUBCASE("weights that differ by far") { CHECK(reference_run::differs(larder::gdsf{}, naive_gdsf{}, 1'000'000'000) == ""); }
  SUBCASE("all weights equal") { CHECK(reference_run::differs(larder::gdsf{}, naive_gdsf{}) == ""); }
  SUBCASE("a few hundred entries") {
    const reference_run::settings set{.capacity = 300, .heaviest_entry = 50, .steps = 20'000};
    for (std::uint64_t seed = 1; seed <= 4; ++seed) CHECK(reference_run::first_difference(larder::gdsf{}, naive_gdsf{}, seed, set) == "");
  }
}

TEST_CASE("gdsf keeps many small entries rather than a large one, and the large one when it is used as often as all of them") {
  larder::cache<int, std::string, larder::gdsf, larder::max_bytes, larder::unsynchronized> cache(larder::max_bytes{1000});
  cache.put(0, std::string(500, 'x'));
  for (int k = 1; k <= 5; ++k) cache.put(k, std::string(100, 'x'));
  cache.put(6, std::string(100, 'x'));
  CHECK_FALSE(cache.contains(0));
  CHECK(cache.size() == 6);

  cache.clear();
  cache.put(0, std::string(500, 'x'));
  for (int i = 0; i < 10; ++i) cache.get(0);
  for (int k = 1; k <= 6; ++k) cache.put(k, std::string(100, 'x'));
  CHECK(cache.contains(0));
  CHECK_FALSE(cache.contains(1));
}

TEST_CASE("gdsf lets old merits fade: what was popular once leaves when nobody wants it any more") {
  larder::cache<int, int, larder::gdsf, larder::max_entries, larder::unsynchronized> cache(larder::max_entries{10});
  cache.put(0, 0);
  for (int i = 0; i < 20; ++i) cache.get(0);
  int k = 1;
  while (cache.contains(0) && k < 10'000) {
    cache.put(k, k);
    ++k;
  }
  CHECK(k > 10);
  CHECK(k < 1000);
}
