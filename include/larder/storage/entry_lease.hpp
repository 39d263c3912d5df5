#pragma once

#include <larder/storage/entry_table.hpp>

#include <utility>

namespace larder::storage {

/// Keeps an entry from being evicted while it lives; erase, clear, expiry and put still work. False in a condition when
/// the key was not there. Must not outlive the cache.
template <class Engine>
class entry_lease {
 public:
  entry_lease() noexcept = default;
  /// For caches: gives the claim back to the engine at the end.
  entry_lease(Engine& engine, const pin_claim& claim) noexcept : engine_(&engine), claim_(claim) {}
  entry_lease(entry_lease&& other) noexcept : engine_(std::exchange(other.engine_, nullptr)), claim_(other.claim_) {}
  entry_lease& operator=(entry_lease&& other) noexcept {
    std::swap(engine_, other.engine_);
    std::swap(claim_, other.claim_);
    return *this;
  }
  ~entry_lease() { release(); }
  explicit operator bool() const noexcept { return engine_ != nullptr; }
  void release() noexcept {
    if (engine_ != nullptr) std::exchange(engine_, nullptr)->unpin(claim_);
  }

 private:
  Engine* engine_ = nullptr;
  pin_claim claim_;
};

}  // namespace larder::storage
