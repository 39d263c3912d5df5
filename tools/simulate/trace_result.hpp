#pragma once

#include "simulate/cache_size.hpp"
#include "simulate/policy_table.hpp"
#include "simulate/request_trace.hpp"
#include "simulate/simulation.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace simulate {

/// What share of what was missed.
enum class measure { miss_ratio, byte_miss_ratio };

/// What one policy makes of a trace at each capacity.
struct policy_curve {
  const policy* order;
  std::vector<request_counts> at;  ///< per capacity

  double value(std::size_t capacity, measure what) const noexcept {
    return what == measure::miss_ratio ? at[capacity].miss_ratio() : at[capacity].byte_miss_ratio();
  }
};

/// All policies at all capacities on one trace.
struct trace_result {
  std::string name;
  std::uint64_t requests;
  std::uint64_t keys;
  std::uint64_t footprint_bytes;
  counted by;
  std::vector<std::uint64_t> capacities;  ///< ascending
  std::vector<policy_curve> curves;       ///< in the policies' order

  /// How much all keys need together, in what the capacities count.
  std::uint64_t footprint() const noexcept { return by == counted::bytes ? footprint_bytes : keys; }
  /// The curves that are lowest at a capacity; several when they are equal, references aside.
  std::vector<std::size_t> best_at(std::size_t capacity, measure what) const;
};

/// Every policy at every size on every trace.
std::vector<trace_result> simulate_all(std::span<const request_trace> traces, std::span<const policy* const> policies,
                                       std::span<const cache_size> sizes, counted by, unsigned threads,
                                       const std::function<void(std::uint64_t done, std::uint64_t all)>& progress = {});

}  // namespace simulate
