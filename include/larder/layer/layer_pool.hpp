#pragma once

#include <larder/layer/content_index.hpp>
#include <larder/layer/shared_tensors.hpp>

#include <memory>

namespace larder::layers {

/// Where caches find what others have in memory: layers that are equal as a whole, and tensors of layers that are not.
struct layer_pool {
  content_index layers;
  std::shared_ptr<tensor_pool> tensors = std::make_shared<tensor_pool>();
};

}  // namespace larder::layers
