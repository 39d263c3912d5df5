#pragma once

#include <larder/core/concepts.hpp>
#include <larder/testing/conformance.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <vector>

namespace larder::testing {

/// Whether a hasher does for these (distinct) keys: the same key hashes the same, few collide, and one that claims
/// `is_avalanching` spreads them evenly over the bits that caches use.
template <class Hasher, class Key>
conformance check_hasher(const Hasher& hasher, const std::vector<Key>& keys) {
  static_assert(hasher_for<Hasher, Key>, "larder: check_hasher needs a policy of the hasher axis that takes these keys");
  conformance result;
  std::unordered_map<std::uint64_t, std::size_t> seen;
  std::vector<std::size_t> ones(64, 0);
  std::size_t collisions = 0;
  for (const Key& key : keys) {
    const auto hash = static_cast<std::uint64_t>(hasher(key));
    const Key copy = key;
    result.expect(hash == static_cast<std::uint64_t>(hasher(copy)), "equal keys hash equally, every time");
    if (seen[hash]++ != 0) ++collisions;
    for (std::size_t bit = 0; bit < 64; ++bit) ones[bit] += (hash >> bit) & 1U;
  }
  result.expect(collisions * 1000 <= keys.size(), "at most one key in a thousand collides in 64 bits");
  if constexpr (requires { requires Hasher::is_avalanching; }) {
    if (keys.size() >= 1000)
      for (const std::size_t n : ones)
        result.expect(n * 10 > keys.size() * 4 && n * 10 < keys.size() * 6,
                      "is_avalanching: every bit of the hash is set for about half of the keys");
  }
  return result;
}

}  // namespace larder::testing
