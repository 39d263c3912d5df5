#pragma once

#include <larder/core/time.hpp>
#include <larder/core/transfer.hpp>

#include <optional>
#include <stop_token>
#include <utility>

namespace larder::sync {

/// Looks up in an engine, `f(value, written)` on what is there, and says whether something is. A stop ends it where it takes time, in
/// an engine whose `read` takes a `transfer_control`: then nothing was found. Others are not told of the stop, and pay nothing for it.
template <class Engine, class Look, class F>
bool read_until([[maybe_unused]] const std::stop_token& stop, Engine& engine, const typename Engine::address& at, Look how, F&& f) {
  if constexpr (requires { engine.read(at, how, f, transfer_control{}); })
    return engine.read(at, how, f, transfer_control{stop, {}});
  else
    return engine.read(at, how, f);
}

/// The value that such a look-up finds, or nothing.
template <class Value, class Engine, class Look>
std::optional<Value> find_until(const std::stop_token& stop, Engine& engine, const typename Engine::address& at, Look how) {
  std::optional<Value> found;
  read_until(stop, engine, at, how, [&](auto&& value, instant) { found.emplace(std::forward<decltype(value)>(value)); });
  return found;
}

}  // namespace larder::sync
