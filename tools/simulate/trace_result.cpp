#include "simulate/trace_result.hpp"

namespace simulate {

std::vector<std::size_t> trace_result::best_at(std::size_t capacity, measure what) const {
  const auto missed = [&](const policy_curve& curve) {
    return what == measure::miss_ratio ? curve.at[capacity].misses : curve.at[capacity].missed_bytes;
  };
  std::vector<std::size_t> best;
  for (std::size_t i = 0; i < curves.size(); ++i) {
    if (curves[i].order->is_reference) continue;
    if (!best.empty() && missed(curves[i]) < missed(curves[best.front()])) best.clear();
    if (best.empty() || missed(curves[i]) == missed(curves[best.front()])) best.push_back(i);
  }
  return best;
}

std::vector<trace_result> simulate_all(std::span<const request_trace> traces, std::span<const policy* const> policies,
                                       std::span<const cache_size> sizes, counted by, unsigned threads,
                                       const std::function<void(std::uint64_t, std::uint64_t)>& progress) {
  std::vector<trace_result> results;
  std::vector<simulation> all;
  for (const request_trace& trace : traces) {
    trace_result& result = results.emplace_back(
        trace_result{trace.name, trace.size(), trace.key_count, trace.footprint_bytes, by, capacities_of(sizes, trace, by), {}});
    for (const policy* order : policies)
      for (const std::uint64_t capacity : result.capacities)
        all.push_back({.trace = &trace, .order = order, .capacity = capacity, .by = by});
  }
  run(all, threads, progress);
  auto done = all.begin();
  for (trace_result& result : results)
    for (const policy* order : policies) {
      policy_curve& curve = result.curves.emplace_back(policy_curve{order, {}});
      for (std::size_t i = 0; i < result.capacities.size(); ++i) curve.at.push_back((done++)->counts);
    }
  return results;
}

}  // namespace simulate
