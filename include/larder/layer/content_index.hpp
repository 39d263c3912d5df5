#pragma once

#include <larder/core/bytes.hpp>
#include <larder/core/digest.hpp>
#include <larder/sync/fork_mark.hpp>

#include <cstddef>
#include <memory>
#include <mutex>
#include <unordered_map>

namespace larder::layers {

/// Memory by what is in it, found while anybody holds it; the index holds none. Thread-safe. A child after `fork` begins with an
/// empty one.
class content_index {
 public:
  /// The memory with that content and one more reference, or nothing.
  core::byte_owner* find(const digest& content) {
    renew_in_child();
    const std::lock_guard lock(mutex_);
    const auto at = by_content_.find(content);
    return at != by_content_.end() && at->second->try_acquire() ? at->second : nullptr;
  }
  /// Whoever asks for that content finds `memory` from now on, until `remove`. Whether it is so: not where there is another one.
  bool add(const digest& content, core::byte_owner* memory) {
    renew_in_child();
    const std::lock_guard lock(mutex_);
    const auto [at, fresh] = by_content_.emplace(content, memory);
    if (!fresh && at->second->references() == 0) {  // on its way back to its cache, which will find another one here
      at->second = memory;
      return true;
    }
    return fresh;
  }
  /// Of memory that was added and that nobody holds any more, before it is used again.
  void remove(const digest& content, const core::byte_owner* memory) noexcept {
    renew_in_child();
    const std::lock_guard lock(mutex_);
    const auto at = by_content_.find(content);
    if (at != by_content_.end() && at->second == memory) by_content_.erase(at);  // it may be one of the parent's
  }
  std::size_t size() const {
    const_cast<content_index*>(this)->renew_in_child();
    const std::lock_guard lock(mutex_);
    return by_content_.size();
  }

 private:
  struct by_low_half {
    std::size_t operator()(const digest& d) const noexcept { return static_cast<std::size_t>(d.low); }
  };

  void renew_in_child() noexcept {
    if (!mark_.is_in_child()) return;
    mark_.renew([&] {  // a thread of the parent may have been at it
      std::construct_at(&mutex_);
      std::construct_at(&by_content_);
    });
  }

  sync::fork_mark mark_;
  mutable std::mutex mutex_;
  std::unordered_map<digest, core::byte_owner*, by_low_half> by_content_;
};

}  // namespace larder::layers
