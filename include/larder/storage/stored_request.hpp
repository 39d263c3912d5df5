#pragma once

#include <larder/core/concepts.hpp>
#include <larder/core/time.hpp>

#include <cstdint>

namespace larder::storage {

/// What a table has to know to take in an entry that lies on a byte storage; `hash` is the low half of its key's digest.
template <class Table>
typename Table::request stored_request(std::uint64_t hash, const stored_info& info, instant now) {
  typename Table::request request;
  request.hash = hash;
  request.size = {1, info.weight};
  request.order_weight = info.weight;
  request.now = now;
  request.written = info.written;
  request.accessed = info.accessed;
  request.expires = info.expires;
  return request;
}

}  // namespace larder::storage
