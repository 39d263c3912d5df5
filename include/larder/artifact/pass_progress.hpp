#pragma once

#include <larder/core/transfer.hpp>
#include <larder/sync/process_mutex.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <utility>

namespace larder {

enum class pass_phase : std::uint8_t { waiting, downloading, running, keeping, uploading, evaluating };

/// How far a chain is: `done` of `total` bytes of this phase; a total of 0 is not known.
struct pass_progress {
  std::size_t index = 0;
  pass_phase phase = pass_phase::running;
  std::uint64_t done = 0;
  std::uint64_t total = 0;
};

namespace artifacts {

/// Who is told how far a chain is: by its own thread and by the one that uploads, but by one at a time, and by nobody once the chain has returned.
class chain_listener {
 public:
  explicit chain_listener(std::function<void(const pass_progress&)> told) : told_(std::move(told)), listens_(told_ != nullptr) {}

  void tell(const pass_progress& progress) {
    if (!listens_) return;
    const sync::process_mutex::guard held = mutex_.lock();
    if (told_) told_(progress);
  }
  void end() {
    if (!listens_) return;
    const sync::process_mutex::guard held = mutex_.lock();
    told_ = nullptr;
  }

  /// For a transfer of a pass, which may outlive the chain.
  static transfer_control followed(const std::shared_ptr<chain_listener>& listener, std::size_t index, pass_phase phase,
                                   std::stop_token stop) {
    transfer_control control{std::move(stop), {}};
    if (listener->listens_)
      control.progress = [listener, index, phase](std::uint64_t done, std::uint64_t total) {
        listener->tell({index, phase, done, total});
      };
    return control;
  }

 private:
  sync::process_mutex mutex_;
  std::function<void(const pass_progress&)> told_;
  const bool listens_;
};

}  // namespace artifacts
}  // namespace larder
