#pragma once

#include <larder/core/axis.hpp>

#include <cstddef>

namespace larder {

/// One thread at a time, by the caller's own arrangement: no lock, no atomic, one shard.
struct unsynchronized {
  using policy_axis = axis::locking;
  static constexpr bool synchronized = false;
  static constexpr std::size_t shards = 1;

  struct mutex {
    void lock() noexcept {}
    void unlock() noexcept {}
    bool try_lock() noexcept { return true; }
    void lock_shared() noexcept {}
    void unlock_shared() noexcept {}
  };
};

}  // namespace larder
