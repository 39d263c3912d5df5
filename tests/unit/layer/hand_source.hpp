#pragma once

// A source that a test drives by hand: it logs each load's begin and end, holds loads until they are let through, and
// fails on demand. Layers are filled with their index.

#include <larder/layer/layer_source.hpp>
#include <larder/layer/loader_source.hpp>

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace larder_tests {

class hand {
 public:
  /// From now on loads wait until `let(i)` or `let_all()`.
  void hold() {
    const std::lock_guard lock(mutex_);
    holding_ = true;
  }
  void let(std::size_t i) {
    const std::lock_guard lock(mutex_);
    ++let_[i];
    changed_.notify_all();
  }
  void let_all() {
    const std::lock_guard lock(mutex_);
    holding_ = false;
    changed_.notify_all();
  }
  void fail(std::size_t i, int times) {
    const std::lock_guard lock(mutex_);
    failures_[i] = times;
  }

  /// Waits (bounded) until the load of layer `i` has begun so many times in all.
  bool begun(std::size_t i, int times = 1) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds{20}, [&] { return begun_[i] >= times; });
  }
  /// What happened so far: "load 1", "loaded 1", and what the test noted.
  std::vector<std::string> events() const {
    const std::lock_guard lock(mutex_);
    return events_;
  }
  void note(const std::string& event) {
    const std::lock_guard lock(mutex_);
    events_.push_back(event);
    changed_.notify_all();
  }
  bool noted(const std::string& event) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds{20}, [&] {
      for (const std::string& e : events_)
        if (e == event) return true;
      return false;
    });
  }
  std::uint64_t loads() const {
    const std::lock_guard lock(mutex_);
    return loads_;
  }
  int loads_of(std::size_t i) const {
    const std::lock_guard lock(mutex_);
    const auto found = begun_.find(i);
    return found == begun_.end() ? 0 : found->second;
  }

  void load(std::size_t i, std::span<std::byte> destination) {
    std::unique_lock lock(mutex_);
    ++loads_;
    ++begun_[i];
    events_.push_back("load " + std::to_string(i));
    changed_.notify_all();
    changed_.wait(lock, [&] { return !holding_ || let_[i] > 0; });
    if (let_[i] > 0) --let_[i];
    if (failures_[i] > 0) {
      --failures_[i];
      throw std::runtime_error("layer " + std::to_string(i) + " is out of reach");
    }
    std::memset(destination.data(), static_cast<int>(i), destination.size());
    events_.push_back("loaded " + std::to_string(i));
    changed_.notify_all();
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool holding_ = false;
  std::map<std::size_t, int> let_;
  std::map<std::size_t, int> failures_;
  std::map<std::size_t, int> begun_;
  std::vector<std::string> events_;
  std::uint64_t loads_ = 0;
};

inline std::vector<larder::layer_info> layers_of_sizes(const std::vector<std::uint64_t>& sizes) {
  std::vector<larder::layer_info> layers;
  for (std::size_t i = 0; i < sizes.size(); ++i) layers.push_back({"layer." + std::to_string(i), sizes[i], {}});
  return layers;
}

/// `hand` must outlive the source.
inline auto source_of_sizes(hand& h, const std::vector<std::uint64_t>& sizes) {
  return larder::loader_source{layers_of_sizes(sizes), [&h](std::size_t i, std::span<std::byte> destination) { h.load(i, destination); }};
}
inline auto source_of(hand& h, std::size_t count, std::uint64_t size = 100) {
  return source_of_sizes(h, std::vector<std::uint64_t>(count, size));
}

/// Whether the layer holds what `hand` fills it with.
template <class Layer>
bool is_whole(const Layer& layer) {
  for (const std::byte b : layer.data())
    if (b != static_cast<std::byte>(layer.index())) return false;
  return true;
}

}  // namespace larder_tests
