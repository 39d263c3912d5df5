#include "layers/opened_model.hpp"

#include <larder/core/error.hpp>
#include <larder/layer/model_digests.hpp>
#include <larder/layer/model_file.hpp>

#include <array>
#include <fstream>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

namespace layers {
namespace {

bool begins_as_gguf(const std::string& path) {
  std::array<char, 4> mark{};
  std::ifstream file(path, std::ios::binary);
  file.read(mark.data(), mark.size());
  return file.gcount() == 4 && std::string_view(mark.data(), mark.size()) == "GGUF";
}

bool cut(std::string& text, std::string_view ending) {
  if (!text.ends_with(ending)) return false;
  text.resize(text.size() - ending.size());
  return true;
}

}  // namespace

opened_model::source opened_model::open(const std::string& path) {
  std::error_code failed;
  if (std::filesystem::is_directory(path, failed)) return larder::layer_files(path);
  if (path.ends_with(".gguf") || begins_as_gguf(path)) return larder::gguf(path);
  return larder::safetensors(path);
}

opened_model::opened_model(const std::string& path) : path_(path), source_(open(path)) {}

std::string opened_model::format() const {
  constexpr std::array<const char*, 3> names{"safetensors", "GGUF", "layer files"};
  return names[source_.index()];
}

std::string opened_model::name() const {
  std::string name = larder::layers::digests_path(path_).filename().string();
  cut(name, ".digests.json");
  if (source_.index() == 2) return name;
  if (cut(name, ".gguf")) {
    if (const std::size_t of = name.rfind("-of-"); of != std::string::npos && of >= 6 && name.substr(of - 6, 6) == "-00001")
      name.resize(of - 6);
    return name;
  }
  if (cut(name, ".json")) cut(name, ".index");
  cut(name, ".safetensors");
  return name;
}

std::span<const larder::layer_info> opened_model::layers() const {
  return std::visit([](const auto& of) { return of.layers(); }, source_);
}

void opened_model::read(std::size_t layer, std::uint64_t offset, std::span<std::byte> room) const {
  std::visit([&](const auto& of) { of.read(layer, offset, room); }, source_);
}

std::string opened_model::place_of(std::size_t layer, std::size_t tensor) const {
  return std::visit([&](const auto& of) { return of.place_of(layer, tensor); }, source_);
}

larder::layers::tensor_digests opened_model::digests(const std::filesystem::path& path) const {
  const larder::layers::model_file file(path);
  return std::visit(
      [&](const auto& of) {
        if constexpr (std::is_same_v<std::remove_cvref_t<decltype(of)>, larder::layer_files>)
          return larder::layers::digests_of(file, path_, of.layers());
        else
          return larder::layers::digests_of(file, path_, of.layers(), of.tensors());
      },
      source_);
}

std::size_t opened_model::tensor_count() const {
  std::size_t count = 0;
  for (const larder::layer_info& layer : layers()) count += layer.tensors.size();
  return count;
}

std::uint64_t opened_model::bytes() const {
  std::uint64_t sum = 0;
  for (const larder::layer_info& layer : layers()) sum += layer.size;
  return sum;
}

larder::format::model_manifest opened_model::outline(const std::string& name) const {
  larder::format::model_manifest manifest;
  manifest.model = name;
  for (const larder::layer_info& layer : layers()) {
    larder::format::manifest_layer& out = manifest.layers.emplace_back();
    out.name = layer.name;
    out.size = layer.size;
    for (const larder::tensor_info& tensor : layer.tensors)
      out.tensors.push_back({tensor, larder::digest_of(std::string_view{}), {}});
  }
  return manifest;
}

}  // namespace layers
