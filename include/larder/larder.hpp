#pragma once

// The light door: core, policies, memory, cache, tiers. Storages on disk and over the network, layers and formats have
// headers of their own, because they have dependencies of their own.

#include <larder/core/bytes.hpp>
#include <larder/core/concepts.hpp>
#include <larder/core/digest.hpp>
#include <larder/core/error.hpp>
#include <larder/core/stats.hpp>
#include <larder/core/time.hpp>
#include <larder/core/units.hpp>
#include <larder/core/version.hpp>

#include <larder/codec/codec.hpp>
#include <larder/eviction/adaptive.hpp>
#include <larder/eviction/arc.hpp>
#include <larder/eviction/clock.hpp>
#include <larder/eviction/cyclic.hpp>
#include <larder/eviction/epoch_pin.hpp>
#include <larder/eviction/exact.hpp>
#include <larder/eviction/fifo.hpp>
#include <larder/eviction/gdsf.hpp>
#include <larder/eviction/largest_first.hpp>
#include <larder/eviction/lfu.hpp>
#include <larder/eviction/lirs.hpp>
#include <larder/eviction/lru.hpp>
#include <larder/eviction/s3_fifo.hpp>
#include <larder/eviction/sieve.hpp>
#include <larder/eviction/w_tinylfu.hpp>
#include <larder/expiry/expire_after_access.hpp>
#include <larder/expiry/expire_after_write.hpp>
#include <larder/expiry/refresh_after_write.hpp>
#include <larder/expiry/time_source.hpp>
#include <larder/expiry/ttl.hpp>
#include <larder/hash/hash_with.hpp>
#include <larder/hash/identity.hpp>
#include <larder/hash/std_hash.hpp>
#include <larder/hash/xxh3.hpp>
#include <larder/limit/max_bytes.hpp>
#include <larder/limit/max_entries.hpp>
#include <larder/limit/max_weight.hpp>
#include <larder/limit/unbounded.hpp>
#include <larder/limit/watermark.hpp>
#include <larder/limit/weigher.hpp>
#include <larder/observe/error_listener.hpp>
#include <larder/observe/miss_ratio_curve.hpp>
#include <larder/observe/removal_listener.hpp>
#include <larder/storage/memory.hpp>
#include <larder/storage/remote_engine.hpp>  // of a blob_store from outside
#include <larder/sync/sharded.hpp>
#include <larder/sync/unsynchronized.hpp>

#include <larder/cache.hpp>
#include <larder/memoize.hpp>
#include <larder/tiered.hpp>
