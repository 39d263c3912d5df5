#pragma once

#include <larder/eviction/clock.hpp>
#include <larder/eviction/gdsf.hpp>
#include <larder/eviction/s3_fifo.hpp>
#include <larder/limit/max_bytes.hpp>
#include <larder/limit/max_entries.hpp>
#include <larder/limit/max_weight.hpp>

#include <type_traits>

namespace larder::storage {

/// The eviction order of a cache that names none, by its limits: where entries have sizes, the most uses per byte stay; where
/// they are counted, scans must not sweep them out; without a limit, what costs least.
template <class Policies>
using default_order = std::conditional_t<Policies::template has<max_bytes> || Policies::template has<max_weight>, gdsf,
                                         std::conditional_t<Policies::template has<max_entries>, s3_fifo, clock>>;

}  // namespace larder::storage
