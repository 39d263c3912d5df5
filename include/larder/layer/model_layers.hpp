#pragma once

#include <larder/format/tensor.hpp>
#include <larder/layer/file_layers.hpp>
#include <larder/layer/layer_grouping.hpp>
#include <larder/layer/layer_source.hpp>
#include <larder/layer/model_digests.hpp>
#include <larder/layer/model_file.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace larder::layers {

/// The layers of a model in files, whatever their format: a source for `layer_cache`. `Headers` are what the format writes before
/// the tensors: `Headers(model_file, tensor_files&)` reads and checks them and adds the files, `alignment(tensor)` says where a
/// tensor may begin in memory.
template <class Headers>
class model_layers : public file_layers {
 public:
  /// Where the model is: a path, or a `remote_file`. Layers by their tensors' names (`layer_of`).
  template <class Where>
    requires(!std::derived_from<std::remove_cvref_t<Where>, model_layers> && std::constructible_from<model_file, Where>)
  explicit model_layers(Where&& where) : model_layers(std::forward<Where>(where), group_by{&layer_of}) {}

  /// Layers by `f(tensor's name) -> layer's name`.
  template <class Where, class F>
    requires(std::constructible_from<model_file, Where>)
  model_layers(Where&& where, group_by<F> grouping) : model_layers(opened{}, model_file(std::forward<Where>(where))) {
    lay_out(group_tensors(tensors(), grouping));
  }

  /// Layers by a list; tensors that it does not name are left out.
  template <class Where>
    requires(std::constructible_from<model_file, Where>)
  model_layers(Where&& where, const std::vector<layer_group>& list)
      : model_layers(opened{}, model_file(std::forward<Where>(where))) {
    lay_out(group_tensors(tensors(), list, name_));
  }

  /// What the manifest beside the model says (`MODEL.digests.json`, looked for when the model was opened); empty without one.
  /// Throws `larder::error` (corruption) when it is damaged or about another model.
  tensor_digests digests() const {
    if (!digests_) return {};
    return digests_of(*digests_, name_, layers(), tensors());
  }
  /// What the headers say beside.
  const auto& metadata() const noexcept { return headers_.metadata(); }
  /// The model's path, or what messages call it where it is elsewhere.
  std::filesystem::path path() const { return name_; }

 private:
  struct opened {};
  model_layers(opened, model_file file)
      : name_(file.name()), digests_(file.find_beside(digests_name(name_))), headers_(std::move(file), files_) {}
  void lay_out(const std::vector<tensor_group>& groups) {
    files_.lay_out(groups, [this](const tensor_info& tensor) { return headers_.alignment(tensor); });
  }

  std::string name_;
  std::optional<model_file> digests_;
  Headers headers_;
};

}  // namespace larder::layers
