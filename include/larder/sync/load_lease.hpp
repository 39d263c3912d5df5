#pragma once

#include <larder/core/error.hpp>

#include <cstddef>
#include <stop_token>
#include <type_traits>
#include <utility>
#include <vector>

namespace larder::sync {

/// The right to load a key, among the processes that share a storage. What was loaded under one is not stored once it is lost, since
/// then somebody erased the key or another process loads it.
class load_lease {
 public:
  virtual bool is_lost() const noexcept = 0;

 protected:
  load_lease() noexcept = default;
  load_lease(const load_lease&) noexcept = default;
  load_lease& operator=(const load_lease&) noexcept = default;
  ~load_lease() = default;
};

/// What is asked where no other process shares the storage.
struct no_lease {
  static constexpr bool is_busy() noexcept { return false; }
  static constexpr void take_over() noexcept {}
  static constexpr void release() noexcept {}
  static constexpr const load_lease* to_store() noexcept { return nullptr; }
};

/// An engine whose loads are agreed on with other processes.
template <class Engine>
concept leasing = requires(Engine& engine) { engine.leases(); };

/// The lease of the key, as far as it can be had without waiting.
template <class Engine>
auto lease_of(Engine& engine, const typename Engine::address& at) {
  if constexpr (leasing<Engine>)
    return engine.leases().take(at.id);
  else
    return no_lease{};
}

/// While it lives, nobody waits for another process for the sake of the calling thread, when others wait for that.
template <class Engine>
auto haste_of(Engine& engine) {
  if constexpr (leasing<Engine>)
    return typename std::remove_cvref_t<decltype(engine.leases())>::haste(engine.leases());
  else
    return no_lease{};
}

/// Waits while another process loads the key: what `look()` finds by then, or nothing when the key is the caller's to load. `join()` is
/// called once if there is anything to wait for. Throws `larder::error` (cancelled) when a stop is requested first.
template <class Lease, class Look, class Join>
auto wait_for_turn(Lease& lease, const std::stop_token& stop, Look&& look, Join&& join) {
  for (bool joined = false;; joined = true) {
    auto found = look();
    if (found || !lease.is_busy()) return found;
    if (!joined) join();
    if (stop.stop_requested())
      core::fail(error_cause::cancelled, "the wait for a load of another process was given up because a stop was requested");
    lease.wait();
  }
}

/// One key of a batch.
template <class Lease>
struct batch_turn {
  std::size_t index;
  Lease lease;
  bool joined = false;
};

/// A batch in turns: `load(turns)` what no other process loads, and lets go of it, before anybody is waited for; so two processes that
/// want the same keys in any order never wait for each other. `look(index)` finds what is there by now and `found(index, value)` takes it.
template <class Engine, class Keys, class Look, class Found, class Load, class Join>
void load_in_turns(Engine& engine, const Keys& keys, Look&& look, Found&& found, Load&& load, Join&& join) {
  using turn = batch_turn<decltype(lease_of(engine, engine.locate(keys.front())))>;
  std::vector<turn> rest;
  rest.reserve(keys.size());
  for (std::size_t i = 0; i < keys.size(); ++i) rest.push_back(turn{i, lease_of(engine, engine.locate(keys[i]))});
  while (!rest.empty()) {
    std::vector<turn> ready;
    std::vector<turn> others;
    for (turn& one : rest) {
      if (auto value = look(one.index)) {
        found(one.index, *value);
      } else if (one.lease.is_busy()) {
        if (!std::exchange(one.joined, true)) join(one.index);
        others.push_back(std::move(one));
      } else {
        ready.push_back(std::move(one));
      }
    }
    rest.clear();
    if (!ready.empty())
      load(ready);
    else if (!others.empty())
      others.front().lease.wait();
    ready.clear();
    for (turn& one : others) one.lease.retry();
    rest = std::move(others);
  }
}

}  // namespace larder::sync
