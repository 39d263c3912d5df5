#include "simulate/belady.hpp"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <queue>
#include <utility>
#include <vector>

namespace simulate {
namespace {

constexpr std::uint32_t never = std::numeric_limits<std::uint32_t>::max();

/// For each request, the number of the next one for the same key.
std::vector<std::uint32_t> next_uses(const request_trace& trace) {
  std::vector<std::uint32_t> next(trace.size(), never);
  std::vector<std::uint32_t> upcoming(trace.key_count, never);
  for (std::size_t i = trace.size(); i-- != 0;) {
    next[i] = upcoming[trace.keys[i]];
    upcoming[trace.keys[i]] = static_cast<std::uint32_t>(i);
  }
  return next;
}

}  // namespace

request_counts run_belady(const request_trace& trace, std::uint64_t capacity, counted by, const requests_done& done) {
  struct entry {
    bool resident = false;
    std::uint32_t next_use = never;
    std::uint64_t weight = 0;
  };
  const std::vector<std::uint32_t> next = next_uses(trace);
  std::vector<entry> entries(trace.key_count);
  std::priority_queue<std::pair<std::uint32_t, std::uint32_t>> furthest;  // next use and key; outdated ones are passed over
  std::uint64_t used = 0;
  std::size_t request = 0;
  return count_requests(trace, done, [&](std::uint32_t key, std::uint64_t size) {
    entry& asked = entries[key];
    const bool hit = asked.resident;
    asked.next_use = next[request++];
    const std::uint64_t weight = by == counted::bytes ? size : 1;
    if (!hit) {
      if (weight > capacity) return false;
      while (used > capacity - weight) {
        const auto [next_use, victim] = furthest.top();
        furthest.pop();
        entry& out = entries[victim];
        if (!out.resident || out.next_use != next_use) continue;
        out.resident = false;
        used -= out.weight;
      }
      asked.resident = true;
      asked.weight = weight;
      used += weight;
    }
    furthest.push({asked.next_use, key});
    return hit;
  });
}

}  // namespace simulate
