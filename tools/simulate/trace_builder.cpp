#include "simulate/trace_builder.hpp"

#include <larder/core/error.hpp>

#include <algorithm>
#include <numeric>
#include <utility>

namespace simulate {

trace_builder::trace_builder(std::uint64_t limit) : limit_(limit) {}

void trace_builder::add(const larder::digest& key, std::optional<std::uint64_t> size) {
  constexpr std::size_t most = std::numeric_limits<std::uint32_t>::max() - 1;  // requests are numbered in 32 bits
  if (trace_.size() >= most)
    throw larder::error(larder::error_cause::invalid_argument,
                        "a trace of more than 4294967294 requests is not supported; take its beginning with --limit-requests");
  if (size.value_or(1) > std::numeric_limits<std::uint64_t>::max() - total_bytes_)
    throw larder::error(larder::error_cause::invalid_argument,
                        "the sizes of a trace add up to more than 2^64 bytes; is the size in the column that was named?");
  total_bytes_ += size.value_or(1);
  const auto [at, is_new] = numbers_.try_emplace(key, static_cast<std::uint32_t>(numbers_.size()));
  if (is_new) largest_.push_back(0);
  std::uint64_t& largest = largest_[at->second];
  largest = std::max(largest, size.value_or(1));
  trace_.keys.push_back(at->second);
  if (size) trace_.sizes.push_back(*size);
}

request_trace trace_builder::finish(std::string name) {
  trace_.name = std::move(name);
  trace_.key_count = static_cast<std::uint32_t>(largest_.size());
  trace_.footprint_bytes = std::accumulate(largest_.begin(), largest_.end(), std::uint64_t{0});
  return std::move(trace_);
}

}  // namespace simulate
