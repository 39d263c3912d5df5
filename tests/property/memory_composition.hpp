#pragma once

// One choice of order, limits, expiry and locking: what the model has to know of it, and how such a cache begins.

#include <larder/core/time.hpp>

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "memory_subject.hpp"

namespace model {

enum class order_kind : std::uint8_t { lru, fifo, clock, sieve, largest_first, mru };

std::string name_of(order_kind order, const char* limits, const char* expiry, const char* locking);

/// The numbers that every composition has which has such a policy.
inline constexpr double watermark_share = 0.9;
inline constexpr std::int64_t write_period = 12;
inline constexpr std::int64_t access_period = 7;

/// What holds for a cache besides its order.
struct rules {
  std::array<bool, dimension_count> limited{};
  double mark = 0;  ///< watermark; 0 for none
  std::int64_t after_write = never;
  std::int64_t after_access = never;
  bool own_periods = false;  ///< a put may give a time to live
  std::uint64_t (*stored_size)(const std::string& value) = nullptr;  ///< what a value takes where it may be compressed
};

/// Capacities, sizes: one number for each dimension.
using amounts = std::array<std::uint64_t, dimension_count>;

/// What a cache is made with: its first capacities, and what it borrows.
struct surroundings {
  const amounts& at_first;
  const larder::manual_clock& clock;
  std::vector<departure>& log;  ///< the listener writes to it
};

struct composition {
  std::string name;
  order_kind order = order_kind::lru;
  rules given;
  std::unique_ptr<subject> (*begin)(const surroundings&) = nullptr;
};

/// Checks a composition against the model on random operations: nothing when they always agreed, else RapidCheck's report.
std::string disagreement(const composition& c);

}  // namespace model
