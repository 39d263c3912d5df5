#pragma once

#include <larder/core/key_view.hpp>

#include <cstddef>

namespace larder::sync {

/// Hashes keys as their cache does, for tables of what it is loading.
template <class Key, class Context>
struct context_hash {
  using is_transparent = void;
  const Context* context;
  std::size_t operator()(core::key_view<Key> key) const { return static_cast<std::size_t>(context->hash(key)); }
};

}  // namespace larder::sync
