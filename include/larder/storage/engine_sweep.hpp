#pragma once

#include <larder/core/sweep.hpp>

#include <cstddef>

namespace larder::storage {

/// Work that meets every entry of an engine and says how many it changed: `work(f..., sweep)` where the storage `Follows` it by itself,
/// elsewhere `work(f...)` with an f that does.
template <bool Follows, class Engine, class Work, class... F>
std::size_t sweep_engine([[maybe_unused]] const Engine& engine, const sweep_control& control, Work&& work, F&... f) {
  core::sweep sweep(control);
  if constexpr (Follows) {
    return work(f..., sweep);
  } else {
    sweep.found(engine.size());
    const std::size_t count = work(sweep.over(f)...);
    sweep.finish();
    return count;
  }
}

}  // namespace larder::storage
