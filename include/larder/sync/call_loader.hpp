#pragma once

#include <concepts>
#include <stop_token>

namespace larder::sync {

/// Calls a loader in whichever of its forms it has.
template <class Value, class Loader, class Key>
Value call_loader(Loader& loader, const Key& key, const std::stop_token& stop) {
  if constexpr (std::invocable<Loader&, const Key&, std::stop_token>) {
    return loader(key, stop);
  } else if constexpr (std::invocable<Loader&, const Key&>) {
    return loader(key);
  } else {
    static_assert(std::invocable<Loader&>, "larder: a loader is called as loader(key), loader(key, stop_token) or loader()");
    return loader();
  }
}

}  // namespace larder::sync
