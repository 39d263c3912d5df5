#pragma once

#include <larder/core/axis.hpp>
#include <larder/core/concepts.hpp>
#include <larder/core/policy_set.hpp>
#include <larder/eviction/clock.hpp>
#include <larder/eviction/gdsf.hpp>
#include <larder/eviction/s3_fifo.hpp>
#include <larder/limit/max_bytes.hpp>
#include <larder/limit/max_entries.hpp>
#include <larder/limit/max_weight.hpp>

#include <type_traits>

namespace larder::storage {

template <class Policies>
inline constexpr bool on_logged_storage = core::is_logged_storage<typename Policies::template on<axis::storage, core::none>>;

/// The eviction order of a cache that names none, by its limits: where entries have sizes, the most uses per byte stay; where
/// they are counted, scans must not sweep them out; without a limit, what costs least. On a logged storage there may
/// be millions of them, and 56 bytes of each are too many (docs/decisions/016).
template <class Policies>
using default_order =
    std::conditional_t<Policies::template has<max_weight> || (Policies::template has<max_bytes> && !on_logged_storage<Policies>), gdsf,
                       std::conditional_t<Policies::template has<max_entries> || Policies::template has<max_bytes>, s3_fifo, clock>>;

}  // namespace larder::storage
