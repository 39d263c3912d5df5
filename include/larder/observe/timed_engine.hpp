#pragma once

#include <larder/core/stats.hpp>
#include <larder/observe/latency_recorder.hpp>

#include <cstddef>
#include <cstdint>
#include <utility>

namespace larder::observe {

/// An engine of which some look-ups and writes are timed. The engine is called in the same place whether it is timed or not, so that what
/// a look-up's function refers to stays in registers.
template <class Context, class Engine>
class timed_engine : public Engine {
 public:
  using typename Engine::address;
  using typename Engine::departures;

  explicit timed_engine(Context& context) : Engine(context), latency_(*context.latency()) {}

  template <class Look, class F, class... Far>
  auto read(const address& at, Look how, F&& f, const Far&... far) -> decltype(std::declval<Engine&>().read(at, how, f, far...)) {
    const bool is_timed = how == Look::use && latency_.takes_turn();
    const auto began = now_if(is_timed);
    const bool found = Engine::read(at, how, f, far...);
    if (is_timed) [[unlikely]]
      latency_.end(timed::get, began);
    return found;
  }
  template <class Range>
    requires requires { typename Engine::room; }
  auto read_range(const address& at, const Range& wanted) {
    const bool is_timed = latency_.takes_turn();
    const auto began = now_if(is_timed);
    auto found = Engine::read_range(at, wanted);
    if (is_timed) latency_.end(timed::get, began);
    return found;
  }

  template <class Value, class Mode>
  bool write(const address& at, Value&& value, const Mode& mode, departures& gone) {
    const bool is_timed = latency_.takes_turn();
    const auto began = now_if(is_timed);
    const bool stored = Engine::write(at, std::forward<Value>(value), mode, gone);
    if (is_timed) [[unlikely]]
      latency_.end(timed::put, began);
    return stored;
  }
  /// All of them are timed: a look at the clock is nothing beside a batch.
  template <class Rows, class Mode>
    requires requires { typename Engine::pending_write; }
  void write_many(Rows& rows, const Mode& mode, departures& gone) {
    const auto began = clock::now();
    Engine::write_many(rows, mode, gone);
    const auto many = static_cast<std::uint64_t>(rows.size());
    if (many != 0) latency_.add(timed::put, std::chrono::duration_cast<duration>(clock::now() - began) / many, many);
  }

  void add_to(cache_stats& stats) const {
    Engine::add_to(stats);
    stats.latency = latency_.report();
    stats.overhead_bytes += sizeof(latency_);
  }
  void reset_stats() noexcept {
    Engine::reset_stats();
    latency_.reset();
  }

 private:
  using recorder = latency_recorder<Context::locking::synchronized>;
  using clock = typename recorder::clock;

  static typename clock::time_point now_if(bool is_timed) noexcept {
    if (is_timed) [[unlikely]]
      return clock::now();
    return {};
  }

  recorder& latency_;
};

}  // namespace larder::observe
