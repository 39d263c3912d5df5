#pragma once

#include <larder/core/concepts.hpp>

namespace larder {

/// The order of `P` told of every hit at once. Orders whose hits move nodes (`w_tinylfu`, `lfu`, `arc`, `lirs`, `gdsf`) are
/// otherwise told of an entry's first use and of the next ones only after a while, where the cache keeps its entries in blocks
/// (see `rationed_uses`): their hits cost a third, their miss ratios differ in the third digit. Below 4096 entries per shard, and
/// under other storages and limits, every order is exact. Choose it to reproduce a paper's figures.
template <class P>
struct exact : P {
  static_assert(eviction_policy<P>, "larder: exact<P> takes an eviction policy, as in exact<lirs>");
  static constexpr bool rationed_uses = false;
};

}  // namespace larder
