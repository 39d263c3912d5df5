#pragma once

// What became of this key? Remembers of some keys when they came, were replaced, were refused or left, why, and for whose put they were
// evicted: the last `events` changes of a share of all keys, and of up to 256 that are named by `cache::follow(key)`.
//
// Cost: nothing for a hit. A put or departure of a key that is not followed costs a multiplication and a comparison; one that is followed
// a lock of the ring and a look at the clock, some 40 ns. Some 90 bytes per event, as they come. Figures: docs/observability.md.
// On a disk the weight and the cause are known, not for whose put an entry left: segments leave, not entries.
// Name it while you look for a reason why something is not there; leave it out otherwise.

#include <larder/core/axis.hpp>
#include <larder/observe/history_ring.hpp>
#include <larder/observe/remembering_engine.hpp>

#include <cstddef>

namespace larder {

/// Lets `cache::history(key)` tell the life of a key.
struct key_history {
  using policy_axis = axis::history;
  double share = 0.0;         ///< of all keys, that are followed from the beginning; 1 for all
  std::size_t events = 4096;  ///< that are kept, of all followed keys together

  struct memory : observe::history_ring {
    explicit memory(const key_history& policy) : history_ring(policy.share, policy.events) {}
  };
  template <class Context, class Engine>
  using engine = observe::remembering_engine<Context, Engine>;
};

}  // namespace larder
