#pragma once

// Layers out of a directory that has a file per layer, as programs leave them that split models by hand.

#include <larder/core/error.hpp>
#include <larder/format/safetensors_header.hpp>
#include <larder/format/tensor.hpp>
#include <larder/layer/file_layers.hpp>
#include <larder/layer/layer_grouping.hpp>
#include <larder/layer/layer_source.hpp>
#include <larder/layer/model_digests.hpp>
#include <larder/layer/model_file.hpp>
#include <larder/layer/safetensors.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace larder {
namespace layers {

/// Whether a name stands before another where numbers in them count as numbers: "layer_2" before "layer_10".
inline bool before_by_numbers(std::string_view a, std::string_view b) noexcept {
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  const std::string_view whole_a = a;
  const std::string_view whole_b = b;
  const auto take_number = [&](std::string_view& text) {
    const auto end = static_cast<std::size_t>(std::find_if_not(text.begin(), text.end(), digit) - text.begin());
    std::string_view number = text.substr(0, end);
    text.remove_prefix(end);
    number.remove_prefix(std::min(number.find_first_not_of('0'), number.size()));
    return number;
  };
  while (!a.empty() && !b.empty()) {
    if (digit(a.front()) && digit(b.front())) {
      const std::string_view x = take_number(a);
      const std::string_view y = take_number(b);
      if (x.size() != y.size()) return x.size() < y.size();
      if (x != y) return x < y;
    } else {
      if (a.front() != b.front()) return a.front() < b.front();
      a.remove_prefix(1);
      b.remove_prefix(1);
    }
  }
  if (a.empty() != b.empty()) return a.empty();
  return whole_a < whole_b;  // "1" and "01"
}

}  // namespace layers

/// The layers of a directory, one in each file with one of the endings, as a source for `layer_cache`. A layer has its file's
/// name without the ending; of a `.safetensors` file it has the tensors, of any other file one tensor "data" of all its bytes.
/// They are in the order of their names, numbers in them counting as numbers. Other files and subdirectories are passed over.
/// Files are opened and headers checked at construction (`larder::error`); they must not change in place afterwards: a later
/// `read` throws. `read` may run in several threads at once.
class layer_files : public layers::file_layers {
 public:
  explicit layer_files(const std::filesystem::path& directory,
                       const std::vector<std::string>& endings = {".safetensors", ".bin"}) {
    std::vector<layers::tensor_group> groups;
    for (const auto& [name, path] : files_of(directory, endings)) {
      const std::size_t first = tensors().size();
      if (path.extension() == ".safetensors")
        add_tensors(path);
      else
        add_bytes(path, name);
      layers::tensor_group group{name, std::vector<std::size_t>(tensors().size() - first)};
      std::iota(group.tensors.begin(), group.tensors.end(), first);
      groups.push_back(std::move(group));
    }
    files_.lay_out(groups, [](const tensor_info& tensor) { return alignment_of(tensor.dtype); });
    const std::filesystem::path manifest = layers::digests_path(directory);
    name_ = directory.string();
    std::error_code failed;
    if (std::filesystem::status(manifest, failed).type() != std::filesystem::file_type::not_found) digests_.emplace(manifest);
  }

  /// What the manifest beside the directory says (`DIRECTORY.digests.json`, looked for when that was opened); empty without one.
  /// Throws `larder::error` (corruption) when it is damaged or about other layers.
  layers::tensor_digests digests() const {
    if (!digests_) return {};
    return layers::digests_of(*digests_, name_, layers());
  }

 private:
  struct named_file {
    std::string name;
    std::filesystem::path path;
  };
  static std::vector<named_file> files_of(const std::filesystem::path& directory, const std::vector<std::string>& endings) {
    std::vector<named_file> found;
    std::error_code failed;
    for (std::filesystem::directory_iterator at(directory, failed), end; !failed && at != end; at.increment(failed)) {
      const std::filesystem::path& path = at->path();
      if (at->is_regular_file(failed) && std::find(endings.begin(), endings.end(), path.extension().string()) != endings.end())
        found.push_back({path.stem().string(), path});
    }
    if (failed) core::fail(error_cause::io, directory.string() + " cannot be listed: " + failed.message());
    if (found.empty())
      core::fail(error_cause::invalid_argument, directory.string() + " has no file that is called as layers are, *" +
                                                    std::accumulate(endings.begin(), endings.end(), std::string(),
                                                                    [](const std::string& all, const std::string& next) {
                                                                      return all.empty() ? next : all + ", *" + next;
                                                                    }));
    std::sort(found.begin(), found.end(),
              [](const named_file& a, const named_file& b) { return layers::before_by_numbers(a.name, b.name); });
    const auto twice =
        std::adjacent_find(found.begin(), found.end(), [](const named_file& a, const named_file& b) { return a.name == b.name; });
    if (twice != found.end())
      core::fail(error_cause::invalid_argument, directory.string() + " has the layer \"" + twice->name + "\" twice: in " +
                                                    twice->path.filename().string() + " and in " +
                                                    std::next(twice)->path.filename().string());
    return found;
  }
  void add_tensors(const std::filesystem::path& path) {
    layers::model_file file(path);
    format::safetensors_header header = layers::safetensors_header_of(file);
    files_.add(std::move(file), std::move(header.tensors), header.data_begin);
  }
  void add_bytes(const std::filesystem::path& path, const std::string& name) {
    layers::model_file file(path);
    tensor_info all;
    all.name = name + ".data";
    all.shape = {file.size()};
    all.size = file.size();
    files_.add(std::move(file), {std::move(all)}, 0);
  }

  std::string name_;
  std::optional<layers::model_file> digests_;
};

static_assert(layer_source<layer_files>);

}  // namespace larder
