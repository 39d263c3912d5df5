#pragma once

#include <string>

namespace layers {

struct list_options {
  std::string model;
  bool tensors = false;  ///< a line for each
  bool json = false;
};

/// Prints the layers of a model in the order of their use.
void list_layers(const list_options& options);

}  // namespace layers
