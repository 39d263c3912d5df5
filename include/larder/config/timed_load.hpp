#pragma once

#include <larder/core/time.hpp>
#include <larder/observe/latency_recorder.hpp>

#include <chrono>
#include <utility>

namespace larder::config {

/// The stretches of one `get_or_load` on its own thread: what goes before its loader is a look-up, the loader a load, and what comes after
/// the put of what was loaded. Without a load all of it is the look-up.
class timed_load {
  using clock = std::chrono::steady_clock;

 public:
  using recorder = observe::latency_recorder<true>;

  explicit timed_load(recorder& to) : to_(to), counts_(to.takes_turn()), began_(now_if(counts_)) {}
  timed_load(const timed_load&) = delete;
  timed_load& operator=(const timed_load&) = delete;

  /// What the loader brings; the time of one that throws counts as well.
  template <class Loader>
  auto load(Loader&& loader) {
    end();
    struct loading {
      ~loading() { to.add_load(std::chrono::duration_cast<duration>(clock::now() - began)); }
      recorder& to;
      clock::time_point began;
    };
    auto loaded = [&] {
      const loading now{to_, clock::now()};
      return std::forward<Loader>(loader)();
    }();
    what_ = observe::timed::put;
    counts_ = to_.takes_turn();
    began_ = now_if(counts_);
    return loaded;
  }
  /// Ends the stretch that is on.
  void end() noexcept {
    if (std::exchange(counts_, false)) to_.end(what_, began_);
  }

 private:
  /// A hit in memory takes less than a look at the clock.
  static clock::time_point now_if(bool counts) noexcept { return counts ? clock::now() : clock::time_point(); }

  recorder& to_;
  observe::timed what_ = observe::timed::get;
  bool counts_;
  clock::time_point began_;
};

}  // namespace larder::config
