#pragma once

#include <larder/format/model_manifest.hpp>
#include <larder/layer/gguf.hpp>
#include <larder/layer/layer_files.hpp>
#include <larder/layer/layer_source.hpp>
#include <larder/layer/safetensors.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <variant>

namespace layers {

/// A model on this machine, of any format that larder reads. Throws `larder::error` as its source does.
class opened_model {
 public:
  /// A directory of layer files, a GGUF file (of a split model the first), a safetensors file or the index of several.
  explicit opened_model(const std::string& path);

  std::string format() const;  ///< `safetensors`
  const std::string& path() const noexcept { return path_; }
  /// What the model is called after its file: without the ending, and without what numbers the files of a split one.
  std::string name() const;
  std::span<const larder::layer_info> layers() const;
  void read(std::size_t layer, std::uint64_t offset, std::span<std::byte> room) const;
  /// The file that has a tensor, and where in it.
  std::string place_of(std::size_t layer, std::size_t tensor) const;
  /// What a manifest at `path` says of its tensors.
  larder::layers::tensor_digests digests(const std::filesystem::path& path) const;

  std::size_t tensor_count() const;
  std::uint64_t bytes() const;

  /// The manifest without digests.
  larder::format::model_manifest outline(const std::string& name) const;

 private:
  using source = std::variant<larder::safetensors, larder::gguf, larder::layer_files>;
  static source open(const std::string& path);

  std::string path_;
  source source_;
};

}  // namespace layers
