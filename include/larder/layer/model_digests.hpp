#pragma once

// The digests of a model's tensors, from the manifest beside it that `larder layers digest` has written.

#include <larder/core/digest.hpp>
#include <larder/core/error.hpp>
#include <larder/format/model_manifest.hpp>
#include <larder/format/tensor.hpp>
#include <larder/format/tensor_name.hpp>
#include <larder/layer/layer_source.hpp>
#include <larder/layer/model_file.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace larder::layers {

/// What the manifest of a model is called, beside the model: `model.safetensors.digests.json`.
inline std::string digests_name(std::string_view model) {
  return std::string(model.substr(model.rfind('/') + 1)) + ".digests.json";
}

/// Where the manifest of the model at `model` is, a file or a directory.
inline std::filesystem::path digests_path(const std::filesystem::path& model) {
  std::filesystem::path plain = model.lexically_normal();
  if (!plain.has_filename()) plain = plain.parent_path();  // "models/"
  if (plain.empty() || plain == "." || plain.filename() == "..")
    plain = std::filesystem::weakly_canonical(std::filesystem::absolute(model));
  if (!plain.has_filename()) plain = plain.parent_path();
  return plain.parent_path() / digests_name(plain.string());
}

/// What tells a model's tensors apart.
enum class tensors_named {
  in_model,  ///< their names
  in_layer,  ///< their layers' names and theirs
};

/// A manifest as a list to look tensors up in.
class model_digests {
 public:
  /// Reads all of `file`. Throws `larder::error`: what reading throws, corruption when it is no manifest.
  model_digests(const model_file& file, tensors_named how) : file_(file.name()), how_(how) {
    if (file.size() > format::manifest_limits::bytes)
      core::fail(error_cause::corruption, file_ + ": a manifest of " + std::to_string(file.size()) + " bytes is not read");
    std::vector<std::byte> json(static_cast<std::size_t>(file.size()));
    file.read(0, json);
    file.check_unchanged();
    for (format::manifest_layer& layer : format::parse_model_manifest(json, file_).layers)
      for (format::manifest_tensor& tensor : layer.tensors) {
        std::string key = key_of(layer.name, tensor.info.name);
        if (!tensors_.try_emplace(std::move(key), std::move(tensor)).second)
          core::fail(error_cause::corruption, file_ + ": two layers have a tensor " + format::printable_name(tensor.info.name));
      }
  }

  /// The digest of a tensor of `model`; throws (corruption) when the manifest has no such tensor or another one.
  digest of(std::string_view model, std::string_view layer, const tensor_info& tensor) const {
    const auto found = tensors_.find(key_of(layer, tensor.name));
    if (found == tensors_.end()) refuse(model, "tensor " + format::printable_name(tensor.name) + " of the model is not in it");
    const tensor_info& said = found->second.info;
    if (said.dtype != tensor.dtype || said.shape != tensor.shape || said.size != tensor.size)
      refuse(model, "tensor " + format::printable_name(tensor.name) + " is " + in_words(said) + " in it, and " +
                        in_words(tensor) + " in the model");
    return found->second.id;
  }
  /// Throws when it has other tensors than those of `model`, which has so many, all found.
  void check_count(std::string_view model, std::size_t tensors) const {
    if (tensors != tensors_.size())
      refuse(model, "it has " + std::to_string(tensors_.size()) + " tensors, the model has " + std::to_string(tensors));
  }

 private:
  [[noreturn]] void refuse(std::string_view model, const std::string& why) const {
    core::fail(error_cause::corruption, file_ + " is not about " + std::string(model) + ": " + why +
                                            "; write it anew (larder layers digest) or remove it");
  }
  std::string key_of(std::string_view layer, std::string_view tensor) const {
    std::string key(how_ == tensors_named::in_layer ? layer : std::string_view{});
    key += '\0';  // in no name
    key += tensor;
    return key;
  }
  static std::string in_words(const tensor_info& tensor) {
    std::string text(to_string(tensor.dtype));
    text += " [";
    for (std::size_t i = 0; i < tensor.shape.size(); ++i) {
      if (i != 0) text += ',';
      text += std::to_string(tensor.shape[i]);
    }
    return text + "]";
  }

  std::string file_;
  tensors_named how_;
  std::unordered_map<std::string, format::manifest_tensor> tensors_;
};

/// What the manifest in `file` says of these layers, which have some of the tensors of `model` or all. Throws (corruption) when it is
/// not about that model.
inline tensor_digests digests_of(const model_file& file, std::string_view model, std::span<const layer_info> layers,
                                 std::span<const tensor_info> all_tensors) {
  const model_digests known(file, tensors_named::in_model);
  for (const tensor_info& tensor : all_tensors) known.of(model, {}, tensor);
  known.check_count(model, all_tensors.size());
  tensor_digests out(layers.size());
  for (std::size_t i = 0; i < layers.size(); ++i)
    for (const tensor_info& tensor : layers[i].tensors) out[i].emplace_back(known.of(model, {}, tensor));
  return out;
}

/// The same for layers that are all of the model and may have tensors of one name.
inline tensor_digests digests_of(const model_file& file, std::string_view model, std::span<const layer_info> layers) {
  const model_digests known(file, tensors_named::in_layer);
  tensor_digests out(layers.size());
  std::size_t count = 0;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    for (const tensor_info& tensor : layers[i].tensors) out[i].emplace_back(known.of(model, layers[i].name, tensor));
    count += layers[i].tensors.size();
  }
  known.check_count(model, count);
  return out;
}

}  // namespace larder::layers
