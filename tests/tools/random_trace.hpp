#pragma once

#include "simulate/request_trace.hpp"

#include <rapidcheck.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

/// A trace of at most so many requests for keys below `keys`; with sizes from 0 to `largest` when that is not 0, one per key.
inline simulate::request_trace random_trace(std::size_t requests, std::uint32_t keys, std::uint64_t largest) {
  simulate::request_trace trace;
  trace.name = "random";
  const auto drawn = *rc::gen::container<std::vector<std::uint32_t>>(*rc::gen::inRange<std::size_t>(1, requests),
                                                                     rc::gen::inRange<std::uint32_t>(0, keys));
  const auto size_of = *rc::gen::container<std::vector<std::uint64_t>>(keys, rc::gen::inRange<std::uint64_t>(0, largest + 1));
  std::unordered_map<std::uint32_t, std::uint32_t> numbers;
  for (const std::uint32_t key : drawn) {
    const auto [at, is_new] = numbers.try_emplace(key, static_cast<std::uint32_t>(numbers.size()));
    trace.keys.push_back(at->second);
    if (largest != 0) trace.sizes.push_back(size_of[key]);
    if (is_new) trace.footprint_bytes += largest != 0 ? size_of[key] : 1;
  }
  trace.key_count = static_cast<std::uint32_t>(numbers.size());
  return trace;
}
