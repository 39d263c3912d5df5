#include "model.hpp"

#include "../../tools/demo/model_file.hpp"
#include "../mapped_file.hpp"

#include <larder/layer/safetensors.hpp>

#include <algorithm>
#include <numeric>

namespace bench {

std::uint64_t model::largest_layer() const {
  return std::max_element(layers.begin(), layers.end(), [](const place& a, const place& b) { return a.size < b.size; })->size;
}

std::uint64_t model::total() const {
  return std::accumulate(layers.begin(), layers.end(), std::uint64_t{0},
                         [](std::uint64_t sum, const place& p) { return sum + p.size; });
}

model write_model(const std::filesystem::path& path, std::size_t layers, std::uint64_t layer_size) {
  demo::make_model(path, layers, layers * layer_size, false, [](std::size_t) {});
  model made{path, {}, {}};
  const larder::safetensors source(path);
  const mapped_file file(path);
  // The file's data are its layers one after the other, up to its end.
  std::uint64_t offset = file.bytes().size() - layers * layer_size;
  for (const larder::layer_info& layer : source.layers()) {
    made.layers.push_back({offset, layer.size});
    made.marks.push_back(mark_of(file.bytes().subspan(static_cast<std::size_t>(offset), static_cast<std::size_t>(layer.size))));
    offset += layer.size;
  }
  if (made.layers.size() != layers || offset != file.bytes().size())
    throw std::runtime_error("the model is not what was to be written");
  return made;
}

}  // namespace bench
