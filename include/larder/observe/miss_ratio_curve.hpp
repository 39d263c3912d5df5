#pragma once

// How large should this cache be? Watches the look-ups and keeps the hit ratio that an exact `lru` cache would have under them, at
// an eighth to eight times the capacity: reuse distances of a sample of the keys, SHARDS (Waldspurger et al., FAST 2015; what is
// done differently is told in observe/reuse_sampler.hpp).
//
// Cost of a hit: one comparison for a key that is not followed. One that is followed costs 40 to 80 ns and a lock (none when
// `unsynchronized`). Up to 4096 entries all keys are followed: there every hit pays that. Beyond, up to 32,768 of the keys that
// come within eight times the capacity are, and 4096 once these are a million: one look-up in 256. At most 1 MB, from
// 8 kB on as the keys come.
// Exact while all keys are followed, else within about 0.01; not with expiry, which it knows nothing of: what would have expired
// counts as there. It counts from the beginning, from `reset_stats()` or from the last `set_capacity`, so reset before a period
// that you want to know of.
// Name it for a cache whose size somebody chose by feel; leave it out of small caches where 80 ns per hit matter.

#include <larder/core/axis.hpp>

namespace larder {

/// Lets `stats().advice()` say how large the cache should be, and `stats().curve` what other capacities would bring. Measures
/// `max_bytes` where it is named, else `max_weight` (for this the weigher is called a second time for some puts), else `max_entries`.
struct miss_ratio_curve {
  using policy_axis = axis::observer;
};

}  // namespace larder
