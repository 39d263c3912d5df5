#pragma once

// How loads treat an engine that may take longer than they do: one over a remote store, which decides by a `cost_gate`.

#include <larder/core/time.hpp>

#include <concepts>

namespace larder::sync {

/// An engine whose look-ups may cost more than a load: it is asked before, and told what loads cost.
template <class Engine>
concept bypassable = requires(Engine& engine, duration cost) {
  { engine.bypasses() } -> std::same_as<bool>;
  engine.note_load(cost);
};

/// Whether the load that begins now does without the engine.
template <class Engine>
bool bypasses(Engine& engine) {
  if constexpr (bypassable<Engine>)
    return engine.bypasses();
  else
    return false;
}

/// Runs a load and tells the engine what it cost.
template <class Engine, class Load>
auto measured_load(Engine& engine, Load&& load) {
  if constexpr (bypassable<Engine>) {
    const instant begun = steady_time::now();
    auto loaded = load();
    engine.note_load(steady_time::now() - begun);
    return loaded;
  } else {
    return load();
  }
}

}  // namespace larder::sync
