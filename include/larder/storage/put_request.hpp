#pragma once

#include <larder/core/time.hpp>
#include <larder/limit/budget.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace larder::storage {

enum class put_outcome : std::uint8_t { stored, present, refused };

/// All that is known of an entry before it is stored.
template <std::size_t Dimensions>
struct put_request {
  std::uint64_t hash;
  core::amounts<Dimensions> size;
  std::uint64_t order_weight;  ///< for `entry_info`
  instant now{0};
  instant written{0};
  instant accessed{0};
  instant expires = no_deadline;
  bool only_if_absent = false;
};

/// Writes to an entry what a request says of it, as far as its table keeps that.
template <class Spec, class Entry>
inline void stamp_entry(Entry& e, const put_request<Spec::dimensions>& wanted) noexcept {
  if constexpr (Spec::dimensions > 1)
    for (std::size_t d = 1; d < Spec::dimensions; ++d) e.weight.weights[d - 1] = wanted.size[d];
  if constexpr (Spec::keeps_written) e.written.written = wanted.written;
  if constexpr (Spec::keeps_accessed) e.accessed.accessed.store(wanted.accessed.count(), std::memory_order_relaxed);
  if constexpr (Spec::keeps_expires) e.expires.expires = wanted.expires;
}

}  // namespace larder::storage
