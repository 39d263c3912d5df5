#pragma once

#include <larder/sync/process.hpp>

#include <atomic>
#include <memory>
#include <utility>

namespace larder::sync {

/// A `T` for the process that asks, made from the setting when it is first asked for. A child of `fork` gets one of its own:
/// what it inherits it neither uses nor destroys, since threads that it does not have may hold its mutexes, wait for its
/// condition variables (whose destructors wait for them) and can be neither told nor joined. That memory is given up.
template <class T, class Setting>
class per_process {
 public:
  explicit per_process(Setting setting) : setting_(std::move(setting)) {}
  per_process(const per_process&) = delete;
  per_process& operator=(const per_process&) = delete;
  ~per_process() {
    held* const last = current_.load(std::memory_order_acquire);
    if (last != nullptr && last->process == this_process()) delete last;
  }

  T& get() const {
    held* seen = current_.load(std::memory_order_acquire);
    if (seen != nullptr && seen->process == this_process()) return seen->value;
    auto fresh = std::make_unique<held>(setting_);
    if (current_.compare_exchange_strong(seen, fresh.get(), std::memory_order_acq_rel)) return fresh.release()->value;
    return seen->value;  // another thread was faster
  }
  /// Nothing when this process has not asked for one yet.
  T* find() const noexcept {
    held* const seen = current_.load(std::memory_order_acquire);
    return seen != nullptr && seen->process == this_process() ? &seen->value : nullptr;
  }
  /// Whatever there is, in a child perhaps its parent's: for what is atomic in it and right to misjudge there.
  const T* peek() const noexcept {
    const held* const seen = current_.load(std::memory_order_acquire);
    return seen != nullptr ? &seen->value : nullptr;
  }

 private:
  struct held {
    explicit held(const Setting& setting) : value(setting) {}
    const long process = this_process();
    T value;
  };

  const Setting setting_;
  mutable std::atomic<held*> current_{nullptr};
};

}  // namespace larder::sync
