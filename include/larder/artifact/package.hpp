#pragma once

#include <larder/artifact/package_folder.hpp>
#include <larder/artifact/package_manifest.hpp>
#include <larder/artifact/use_lock.hpp>
#include <larder/core/edit_distance.hpp>
#include <larder/core/error.hpp>
#include <larder/format/tensor_name.hpp>

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace larder {

namespace artifacts {

/// A package in use.
struct held_package {
  package_folder folder;
  std::shared_ptr<const package_manifest> manifest;
  use_lock use;
};

}  // namespace artifacts

/// A package of model files, whole. While it or a copy of it lives, nothing of it is removed by a quota, `gc` or `purge` of any process.
class package {
 public:
  explicit package(std::shared_ptr<const artifacts::held_package> held) noexcept : held_(std::move(held)) {}

  const std::string& model_id() const noexcept { return held_->manifest->model_id; }
  const std::string& package_id() const noexcept { return held_->manifest->package_id; }
  /// All files lie below it, by their names.
  const std::filesystem::path& folder() const noexcept { return held_->folder.path(); }
  std::span<const packaged_file> files() const noexcept { return held_->manifest->files; }
  std::uint64_t size() const noexcept { return held_->manifest->size(); }

  /// Where a file of it lies. Throws `larder::error` (invalid_argument) when it has none of that name.
  std::filesystem::path path(std::string_view name) const {
    const packaged_file* nearest = nullptr;
    for (const packaged_file& file : files()) {
      if (file.name == name) return held_->folder.path_of(name);
      if (nearest == nullptr || core::edit_distance(file.name, name) < core::edit_distance(nearest->name, name)) nearest = &file;
    }
    core::fail(error_cause::invalid_argument,
               "the package " + format::printable_name(package_id()) + " of " + format::printable_name(model_id()) +
                   " has no file " + format::printable_name(name) +
                   (nearest != nullptr ? "; did you mean " + format::printable_name(nearest->name) + "?" : ""));
  }

 private:
  std::shared_ptr<const artifacts::held_package> held_;
};

}  // namespace larder
