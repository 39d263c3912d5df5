#pragma once

#include "simulate/policy_run.hpp"
#include "simulate/sized_value.hpp"

#include <larder/cache.hpp>
#include <larder/limit/max_bytes.hpp>
#include <larder/limit/max_entries.hpp>
#include <larder/sync/unsynchronized.hpp>

#include <cstdint>

namespace simulate {

template <class Order>
request_counts run_cache(const request_trace& trace, std::uint64_t capacity, counted by, const requests_done& done) {
  using key = std::uint32_t;
  struct nothing {};
  if (by == counted::entries) {
    larder::cache<key, nothing, Order, larder::max_entries, larder::unsynchronized> cache{larder::max_entries{capacity}};
    return count_requests(trace, done, [&](key k, std::uint64_t) {
      const bool hit = cache.visit(k, [](const nothing&) {});
      if (!hit) cache.put(k, {});
      return hit;
    });
  }
  larder::cache<key, sized_value, Order, larder::max_bytes, larder::unsynchronized> cache{larder::max_bytes{capacity}};
  return count_requests(trace, done, [&](key k, std::uint64_t size) {
    const bool hit = cache.visit(k, [](const sized_value&) {});
    if (!hit) cache.put(k, sized_value(size));
    return hit;
  });
}

}  // namespace simulate
