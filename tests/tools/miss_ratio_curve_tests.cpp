// The curve on real traces, beside exact LRU caches at each of its capacities.

#include "simulate/sized_value.hpp"
#include "simulate/trace_reader.hpp"
#include "support/folders.hpp"

#include <larder/larder.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <doctest/doctest.h>

namespace {

using larder::hit_ratio_curve;

std::filesystem::path traces() { return support::shared_folder() / "traces"; }

/// An LRU cache over the keys of a trace, which are small numbers: a ring through an array. Refuses what is larger than itself.
class exact_lru {
 public:
  exact_lru(std::uint64_t capacity, std::uint32_t keys) : capacity_(capacity), rows_(keys + 1), none_(keys) {
    rows_[none_] = {none_, none_, 0};
  }

  void look_up(std::uint32_t key, std::uint64_t size) {
    if (rows_[key].in) {
      ++hits_;
      take_out(key);
    } else if (size > capacity_) {
      return;
    }
    while (used_ + size > capacity_) take_out(rows_[none_].newer);
    rows_[key] = {rows_[none_].older, none_, size, true};
    rows_[rows_[none_].older].newer = key;
    rows_[none_].older = key;
    used_ += size;
  }
  double hit_ratio(std::size_t requests) const { return static_cast<double>(hits_) / static_cast<double>(requests); }

 private:
  struct row {
    std::uint32_t older = 0;
    std::uint32_t newer = 0;
    std::uint64_t size = 0;
    bool in = false;
  };
  void take_out(std::uint32_t key) {
    row& r = rows_[key];
    rows_[r.older].newer = r.newer;
    rows_[r.newer].older = r.older;
    r.in = false;
    used_ -= r.size;
  }

  std::uint64_t capacity_;
  std::uint64_t used_ = 0;
  std::uint64_t hits_ = 0;
  std::vector<row> rows_;
  std::uint32_t none_;  // the row between the newest, which is older, and the oldest, which is newer
};

/// The exact hit ratios at the seven capacities that `advice()` tells of.
std::array<double, 7> exact_ratios(const simulate::request_trace& trace, std::uint64_t capacity, bool by_bytes) {
  std::array<double, 7> ratios{};
  for (std::size_t i = 0; i < ratios.size(); ++i) {
    exact_lru cache(hit_ratio_curve::capacity_at(capacity, i * hit_ratio_curve::steps_per_doubling), trace.key_count);
    for (std::size_t r = 0; r < trace.size(); ++r) cache.look_up(trace.keys[r], by_bytes ? trace.size_of(r) : 1);
    ratios[i] = cache.hit_ratio(trace.size());
  }
  return ratios;
}

/// What a cache of this order and limit says after the trace.
template <class Order, class Limit>
larder::cache_stats stats_after(const simulate::request_trace& trace, Limit limit) {
  larder::cache<std::uint32_t, simulate::sized_value, Order, Limit, larder::unsynchronized, larder::miss_ratio_curve> cache{
      limit};
  for (std::size_t r = 0; r < trace.size(); ++r)
    if (!cache.visit(trace.keys[r], [](const simulate::sized_value&) {}))
      cache.put(trace.keys[r], simulate::sized_value(trace.size_of(r)));
  return cache.stats();
}

template <class Order, class Limit>
double largest_error(const simulate::request_trace& trace, Limit limit, const std::array<double, 7>& exact) {
  const larder::cache_stats stats = stats_after<Order>(trace, limit);
  const larder::capacity_advice advice = stats.advice();
  CHECK(stats.curve->settled);
  double largest = 0;
  for (std::size_t i = 0; i < exact.size(); ++i) {
    const double error = std::abs(advice.curve[i].hit_ratio - exact[i]);
    CHECK_MESSAGE(error <= 0.02, trace.name, " at ", advice.curve[i].multiple, " x ", limit.value, ": ",
                  advice.curve[i].hit_ratio, " for ", exact[i]);
    if (stats.curve->sampling_rate == 1.0)
      CHECK_MESSAGE(error < 1e-9, trace.name, " at ", advice.curve[i].multiple, " x ", limit.value, ", followed whole");
    largest = std::max(largest, error);
  }
  return largest;
}

}  // namespace

TEST_CASE("the curve is within 0.02 of exact LRU on every trace, at an eighth to eight times 1 and 10 % of the footprint") {
  std::vector<std::filesystem::path> files;
  if (std::filesystem::is_directory(traces()))
    for (const auto& file : std::filesystem::directory_iterator(traces()))
      if (file.path().extension() == ".zst") files.push_back(file.path());
  if (files.empty()) {
    MESSAGE("SKIPPED: no traces; set LARDER_SHARED_DIR to the directory that holds traces/*.zst");
    return;
  }
  std::sort(files.begin(), files.end());
  for (const auto& file : files) {
    const simulate::request_trace trace = simulate::read_trace(file.string());
    double largest = 0;
    for (const std::uint64_t share : {100U, 10U}) {
      const larder::max_entries entries{std::max<std::uint64_t>(1, trace.key_count / share)};
      const auto exact = exact_ratios(trace, entries.value, false);
      largest = std::max(
          {largest, largest_error<larder::lru>(trace, entries, exact), largest_error<larder::clock>(trace, entries, exact)});
      if (!trace.has_sizes()) continue;
      const larder::max_bytes bytes{trace.footprint_bytes / share};
      const auto exact_by_bytes = exact_ratios(trace, bytes.value, true);
      largest = std::max({largest, largest_error<larder::lru>(trace, bytes, exact_by_bytes),
                          largest_error<larder::gdsf>(trace, bytes, exact_by_bytes)});
    }
    MESSAGE(trace.name, ": ", trace.size(), " requests, largest error ", largest);
  }
}
