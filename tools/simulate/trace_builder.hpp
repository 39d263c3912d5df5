#pragma once

#include "simulate/request_trace.hpp"

#include <larder/core/digest.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace simulate {

/// Makes a trace of requests that come one by one: numbers the keys and adds up what they need.
class trace_builder {
 public:
  /// Takes at most `limit` requests.
  explicit trace_builder(std::uint64_t limit = std::numeric_limits<std::uint64_t>::max());

  bool full() const noexcept { return trace_.size() >= limit_; }
  bool empty() const noexcept { return trace_.keys.empty(); }
  /// Whether the requests so far have sizes; all must be alike.
  bool has_sizes() const noexcept { return trace_.has_sizes(); }

  void add(std::string_view key, std::optional<std::uint64_t> size) { add(larder::digest_of(key), size); }
  void add(std::uint64_t key, std::optional<std::uint64_t> size) { add(larder::digest{key, 0}, size); }

  request_trace finish(std::string name);

 private:
  struct hash_of_digest {
    std::size_t operator()(const larder::digest& d) const noexcept {
      return static_cast<std::size_t>(d.low * 0x9e3779b97f4a7c15ULL);
    }
  };

  void add(const larder::digest& key, std::optional<std::uint64_t> size);

  std::uint64_t limit_;
  request_trace trace_;
  std::unordered_map<larder::digest, std::uint32_t, hash_of_digest> numbers_;  // keys by digest, so that long ones cost no more
  std::vector<std::uint64_t> largest_;                                         // per key
  std::uint64_t total_bytes_ = 0;                                              // of all requests
};

}  // namespace simulate
