#pragma once

#include "payload.hpp"

#include <larder/larder.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>

namespace bench {

/// A cache of larder's; a hit looks at the value where it is.
template <class Key, class Value, class... Policies>
class larder_visit {
 public:
  explicit larder_visit(std::size_t capacity) : cache_(larder::max_entries{capacity}) {}
  bool get(const Key& key, std::uint64_t& sum) {
    return cache_.visit(key, [&](const Value& value) { sum += payload<Value>::read(value); });
  }
  void put(const Key& key, std::uint64_t number) { cache_.put(key, payload<Value>::make(number)); }

 protected:
  larder::cache<Key, Value, larder::max_entries, Policies...> cache_;
};

/// The same; a hit copies the value out.
template <class Key, class Value, class... Policies>
class larder_get : public larder_visit<Key, Value, Policies...> {
 public:
  using larder_visit<Key, Value, Policies...>::larder_visit;
  bool get(const Key& key, std::uint64_t& sum) {
    const std::optional<Value> value = this->cache_.get(key);
    if (!value) return false;
    sum += payload<Value>::read(*value);
    return true;
  }
};

}  // namespace bench
