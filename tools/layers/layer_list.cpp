#include "layers/layer_list.hpp"

#include "disk/json_object.hpp"
#include "layers/opened_model.hpp"
#include "simulate/escaped_text.hpp"
#include "simulate/number_text.hpp"

#include <larder/core/units.hpp>

#include <cstddef>
#include <cstdio>
#include <string>

namespace layers {
namespace {

using disk::json_object;
using larder::format_size;
using simulate::grouped;
using simulate::printable;

std::string shape_text(const larder::tensor_info& tensor) {
  std::string text = "[";
  for (std::size_t i = 0; i < tensor.shape.size(); ++i) text += (i == 0 ? "" : ", ") + std::to_string(tensor.shape[i]);
  return text + "]";
}

void print_json(const opened_model& model) {
  std::string layers = "[";
  for (std::size_t i = 0; i < model.layers().size(); ++i) {
    const larder::layer_info& layer = model.layers()[i];
    std::string tensors = "[";
    for (std::size_t k = 0; k < layer.tensors.size(); ++k) {
      const larder::tensor_info& tensor = layer.tensors[k];
      tensors += (k == 0 ? "\n    " : ",\n    ") + json_object()
                                                       .add("name", tensor.name)
                                                       .add("dtype", to_string(tensor.dtype))
                                                       .member("shape", shape_text(tensor))
                                                       .add("offset", tensor.offset)
                                                       .add("bytes", tensor.size)
                                                       .add("place", model.place_of(i, k))
                                                       .text();
    }
    layers += (i == 0 ? "\n  " : ",\n  ") +
              json_object().add("name", layer.name).add("bytes", layer.size).member("tensors", tensors + "]").text();
  }
  std::printf("%s\n", json_object()
                          .add("model", model.path())
                          .add("format", model.format())
                          .add("bytes", model.bytes())
                          .add("tensors", model.tensor_count())
                          .member("layers", layers + "]")
                          .text()
                          .c_str());
}

}  // namespace

void list_layers(const list_options& options) {
  const opened_model model(options.model);
  if (options.json) return print_json(model);
  std::printf("%11s  %7s  LAYER\n", "SIZE", "TENSORS");
  for (const larder::layer_info& layer : model.layers()) {
    std::printf("%11s  %7s  %s\n", format_size(layer.size).c_str(), grouped(layer.tensors.size()).c_str(),
                printable(layer.name).c_str());
    if (!options.tensors) continue;
    for (const larder::tensor_info& tensor : layer.tensors)
      std::printf("%11s  %7s    %s %s\n", format_size(tensor.size).c_str(), std::string(to_string(tensor.dtype)).c_str(),
                  printable(larder::layers::short_name(layer.name, tensor.name)).c_str(), shape_text(tensor).c_str());
  }
  std::fflush(stdout);
  std::fprintf(stderr, "%s: %zu layers of %s, %s tensors, %s\n", printable(options.model).c_str(), model.layers().size(),
               model.format().c_str(), grouped(model.tensor_count()).c_str(), format_size(model.bytes()).c_str());
}

}  // namespace layers
