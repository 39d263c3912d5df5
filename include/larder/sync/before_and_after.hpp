#pragma once

namespace larder::sync {

/// Does work between two calls of `f`, the second also when the work throws: so a change meets what was going on when it began and what
/// began meanwhile. `f` must not throw.
template <class F, class Work>
decltype(auto) before_and_after(const F& f, Work&& work) {
  struct last_call {
    const F& f;
    ~last_call() { f(); }
  };
  f();
  const last_call after{f};
  return work();
}

}  // namespace larder::sync
