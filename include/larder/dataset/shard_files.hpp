#pragma once

// The files of a data set, given in whatever way names them.

#include <larder/core/error.hpp>
#include <larder/dataset/shard_file.hpp>

#include <concepts>
#include <cstddef>
#include <filesystem>
#include <initializer_list>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace larder {

/// Files in an order: one path or `shard_file`, or several of them. Converts from all of these, so that a source of a data set takes them
/// as they are. Throws `larder::error` (io) when a file is not there, (invalid_argument) when there is none at all.
class shard_files {
 public:
  template <class File>
    requires(!std::same_as<std::remove_cvref_t<File>, shard_files> && std::convertible_to<File, shard_file>)
  shard_files(File&& file) { files_.push_back(std::forward<File>(file)); }
  shard_files(std::initializer_list<shard_file> files) : files_(files) { need_one(); }
  shard_files(std::vector<shard_file> files) : files_(std::move(files)) { need_one(); }
  template <class File>
    requires(!std::same_as<File, shard_file> && std::convertible_to<const File&, shard_file>)
  shard_files(const std::vector<File>& files) : files_(files.begin(), files.end()) { need_one(); }

  std::size_t size() const noexcept { return files_.size(); }
  const shard_file& operator[](std::size_t n) const noexcept { return files_[n]; }
  auto begin() const noexcept { return files_.begin(); }
  auto end() const noexcept { return files_.end(); }
  /// What people call them: the first one's name without its folder, and how many more there are.
  std::string name() const {
    std::string text = std::filesystem::path(files_.front().name()).filename().string();
    if (files_.size() > 1) text += " and " + std::to_string(files_.size() - 1) + " more";
    return text;
  }

 private:
  void need_one() const {
    if (files_.empty())
      core::fail(error_cause::invalid_argument, "a data set of files needs at least one, and the list of them is empty");
  }
  std::vector<shard_file> files_;
};

}  // namespace larder
