#pragma once

#include <larder/core/bytes.hpp>

#include <cstddef>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace larder::datasets {

/// Which samples are being loaded, and those of them that found no room: everybody who loads one at the same time gets it, and then it is gone. Not in
/// the exception that ends the load: its memory is the library's to count.
class pending_loads {
  struct load {
    std::size_t threads = 0;
    std::optional<bytes> refused;
  };
  using all = std::map<std::string, load, std::less<>>;

 public:
  /// A thread that loads a sample.
  class participant {
   public:
    participant(pending_loads& loads, std::string_view key) : loads_(loads) {
      const std::lock_guard lock(loads_.mutex_);
      at_ = loads_.loads_.try_emplace(std::string(key)).first;
      ++at_->second.threads;
    }
    participant(const participant&) = delete;
    participant& operator=(const participant&) = delete;
    ~participant() {
      std::optional<bytes> gone;  // without the lock
      const std::lock_guard lock(loads_.mutex_);
      if (--at_->second.threads != 0) return;
      gone.swap(at_->second.refused);
      loads_.loads_.erase(at_);
    }
    void refuse(const bytes& value) {
      const std::lock_guard lock(loads_.mutex_);
      at_->second.refused = value;
    }
    /// Nothing where none of them was refused it.
    std::optional<bytes> refused() const {
      const std::lock_guard lock(loads_.mutex_);
      return at_->second.refused;
    }

   private:
    pending_loads& loads_;
    all::iterator at_;
  };

  /// How many samples are being loaded.
  std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return loads_.size();
  }

 private:
  mutable std::mutex mutex_;
  all loads_;
};

}  // namespace larder::datasets
