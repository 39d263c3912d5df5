#pragma once

#include <larder/core/axis.hpp>
#include <larder/layer/layer_pool.hpp>

#include <cstddef>
#include <memory>

namespace larder {

namespace axis {
struct sharing {};  ///< which other layer caches share memory with one
}  // namespace axis

/// Layers that are equal in several models lie in memory once: `shared_layers shared;` and `layer_cache{source, ..., shared}` for each
/// of them. Equal are layers whose names, tensors and tensors' digests are, so both models need digests (`larder layers digest`), and
/// what is shared was verified (XXH3 finds accidents, not forgeries: do not share between models that you trust differently).
/// Layers that are streamed through slots, or are mapped (`read_path::mapped`), are not shared, and two caches that load one at the same time have it twice. Each cache counts a shared layer as its own;
/// the memory goes with the last one that holds it. Copies are the same pool. Thread-safe.
class shared_layers {
 public:
  using policy_axis = axis::sharing;

  shared_layers() : pool_(std::make_shared<layers::layer_pool>()) {}

  /// Layers in memory that a cache may find here.
  std::size_t size() const { return pool_->size(); }
  const std::shared_ptr<layers::layer_pool>& pool() const noexcept { return pool_; }

 private:
  std::shared_ptr<layers::layer_pool> pool_;
};

}  // namespace larder
