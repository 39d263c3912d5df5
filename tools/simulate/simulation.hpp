#pragma once

#include "simulate/policy_table.hpp"
#include "simulate/request_trace.hpp"

#include <cstdint>
#include <functional>
#include <span>

namespace simulate {

/// One cache under one trace, and what came of it.
struct simulation {
  const request_trace* trace = nullptr;
  const policy* order = nullptr;
  std::uint64_t capacity = 0;
  counted by = counted::entries;
  request_counts counts{};
};

/// Runs them all on so many threads (0: one per core). `progress(done, all)` counts requests; it is called by one thread at a time,
/// though not always the same. What a simulation throws is thrown here, after the others have ended.
void run(std::span<simulation> all, unsigned threads,
         const std::function<void(std::uint64_t done, std::uint64_t all)>& progress = {});

}  // namespace simulate
