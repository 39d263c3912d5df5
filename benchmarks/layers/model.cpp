#include "model.hpp"

#include "../../tools/demo/model_file.hpp"
#include "../open_file.hpp"
#include "mapped_file.hpp"

#include <larder/layer/safetensors.hpp>

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <numeric>

namespace bench {
namespace {

constexpr std::size_t page = 4096;

/// How much of the file the page cache has, from 0 to 1.
double cached_share(const std::filesystem::path& path) {
  const mapped_file file(path);
  std::vector<unsigned char> pages((file.bytes().size() + page - 1) / page);
  if (::mincore(const_cast<std::byte*>(file.bytes().data()), file.bytes().size(), pages.data()) != 0)
    fail_system("ask what is cached");
  const auto cached = std::count_if(pages.begin(), pages.end(), [](unsigned char p) { return (p & 1U) != 0; });
  return static_cast<double>(cached) / static_cast<double>(pages.size());
}

}  // namespace

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

bool make_cold(const std::filesystem::path& path) {
  const open_file file(path, O_RDONLY);
  if (::fdatasync(file.descriptor()) != 0) fail_system("flush the model");
  ::posix_fadvise(file.descriptor(), 0, 0, POSIX_FADV_DONTNEED);
  return cached_share(path) < 0.005;
}

void make_warm(const std::filesystem::path& path) {
  const open_file file(path, O_RDONLY);
  constexpr std::size_t unit = std::size_t{1} << 20U;
  const auto buffer = std::make_unique<std::byte[]>(unit);
  const std::uint64_t size = file.size();
  for (std::uint64_t at = 0; at < size; at += unit)
    file.read_all(buffer.get(), static_cast<std::size_t>(std::min<std::uint64_t>(unit, size - at)), at);
}

}  // namespace bench
