#pragma once

#include <larder/core/axis.hpp>
#include <larder/layer/layer_pool.hpp>

#include <cstddef>
#include <memory>

namespace larder {

namespace axis {
struct sharing {};  ///< which other layer caches share memory with one
}  // namespace axis

/// What several models have alike lies in memory once, a model and one that was tuned from it, for instance: `shared_layers shared;` and
/// `layer_cache{source, ..., shared}` for each of them. Both need digests (`larder layers digest`), and what is shared was verified (XXH3
/// finds accidents, not forgeries: do not share between models that you trust differently).
/// * Layers whose names, tensors and tensors' digests are equal are the same memory.
/// * Of other layers equal tensors are, whatever their names: their whole pages are mapped into each layer, read-only, and only the rest
///   of the layer is read. It takes 64 KiB of whole pages, and tensors that lie alike in these; layers of files begin where theirs do.
///   Memory that has such pages is not used again for another layer, and each takes two or three of the process's mappings
///   (`vm.max_map_count`, 65,530); where there are no more, layers have memory of their own.
/// Layers that are streamed through slots, or mapped (`read_path::mapped`), share nothing, and two caches that load one layer at the same time share its tensors. Each cache
/// counts all of a layer as its own; the memory goes with the last one that holds it. Copies are the same pool. Thread-safe.
class shared_layers {
 public:
  using policy_axis = axis::sharing;

  shared_layers() : pool_(std::make_shared<layers::layer_pool>()) {}

  /// Layers in memory that a cache may find here.
  std::size_t size() const { return pool_->layers.size(); }
  /// Tensors in memory that a cache may find here, those of whole layers included.
  std::size_t tensors() const { return pool_->tensors->size(); }
  const std::shared_ptr<layers::layer_pool>& pool() const noexcept { return pool_; }

 private:
  std::shared_ptr<layers::layer_pool> pool_;
};

}  // namespace larder
