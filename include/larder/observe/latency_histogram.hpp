#pragma once

// How long do this cache's operations take? Counts durations of gets, puts and loads in buckets that are at most a sixteenth wide
// (as HdrHistogram and DDSketch do; Masson et al., VLDB 2019), without a lock.
//
// Cost: a get or put that is not timed takes a load, a comparison and a store on the thread's own cache line; one that is timed looks at
// the clock twice, some 60 ns more. In memory one of 64 is timed, on other storages each. 19 kB per cache. Figures: docs/observability.md.
// Name it for a cache whose slow look-ups matter; leave it out where a hit is all that there is, and measure the program instead.

#include <larder/core/axis.hpp>
#include <larder/observe/latency_recorder.hpp>
#include <larder/observe/timed_engine.hpp>

#include <cstdint>

namespace larder {

/// Fills `stats().latency` with gets, puts and loads; rooms that are filled in place and adopted files are not timed. `every`: one of so many gets and puts is timed, 0 for the storage's usual (64 in memory, else 1).
struct latency_histogram {
  using policy_axis = axis::latency;
  std::uint32_t every = 0;

  template <bool Shared>
  using recorder = observe::latency_recorder<Shared>;
  template <class Context, class Engine>
  using engine = observe::timed_engine<Context, Engine>;
};

}  // namespace larder
