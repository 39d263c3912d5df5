#pragma once

#include <larder/core/error.hpp>

#include <utility>

namespace larder::sync {

/// A loaded value's entry in a cache: stored, and taken back when a write of the key got in between. The listener is told
/// at the end of its life, when nobody waits for the load any more. What a weigher throws is reported: the value itself is
/// good and reaches everybody who asked.
template <class Engine, class Errors>
class loaded_entry {
 public:
  loaded_entry(Engine& engine, Errors& errors, const typename Engine::address& at) : engine_(engine), errors_(errors), at_(at) {}
  loaded_entry(const loaded_entry&) = delete;
  loaded_entry& operator=(const loaded_entry&) = delete;
  ~loaded_entry() { engine_.tell(gone_); }

  template <class Value, class Mode>
  void store(const Value& value, const Mode& mode) noexcept {
    try {
      stored_ = engine_.write(at_, Value(value), mode, gone_);
    } catch (...) {
      errors_.report_current(error_cause::load);
    }
  }
  void take_back() noexcept {
    try {
      if (std::exchange(stored_, false)) engine_.erase(at_, gone_);
    } catch (...) {
      errors_.report_current(error_cause::load);
    }
  }

 private:
  Engine& engine_;
  Errors& errors_;
  const typename Engine::address& at_;
  typename Engine::departures gone_;
  bool stored_ = false;
};

}  // namespace larder::sync
