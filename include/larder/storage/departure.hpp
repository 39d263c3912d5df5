#pragma once

#include <larder/observe/removal_listener.hpp>

#include <vector>

namespace larder::storage {

/// An entry that left a byte storage, read back for the `removal_listener`.
template <class Key, class Value>
struct departure {
  Key key;
  Value value;
  removal_cause cause;
};
template <class Key, class Value>
using departure_list = std::vector<departure<Key, Value>>;

}  // namespace larder::storage
