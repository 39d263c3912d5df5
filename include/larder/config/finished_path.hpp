#pragma once

#include <larder/core/error.hpp>

#include <cstdint>
#include <filesystem>
#include <random>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace larder::config {

/// A file or folder that is made under another name, in `temp_dir` where one is said, and gets its own when it is whole. What is not
/// published is removed with this object.
class finished_path {
 public:
  /// Throws `larder::error` when the target is there already, but for an empty folder.
  finished_path(std::filesystem::path target, const std::filesystem::path& temp_dir) : target_(std::move(target)) {
    std::error_code unknown;
    if (target_.empty()) core::fail(error_cause::invalid_argument, "the path to write to is empty");
    if (!target_.has_filename()) target_ = target_.parent_path();  // "a/" is "a"; what is beside it is not in it
    if (target_.filename() == "." || target_.filename() == ".." || !target_.has_filename())
      core::fail(error_cause::invalid_argument,
                 "\"" + target_.string() + "\" names nothing that could be made; write the name of the result behind it");
    if (std::filesystem::exists(target_, unknown) &&
        !(std::filesystem::is_directory(target_, unknown) && std::filesystem::is_empty(target_, unknown)))
      core::fail(error_cause::invalid_argument, "\"" + target_.string() + "\" is there already; name a new one, or move it away");
    std::random_device source;
    const std::string mark = ".partial-" + std::to_string((static_cast<std::uint64_t>(source()) << 32U) | source());
    partial_ = temp_dir.empty() ? target_.string() + mark : (temp_dir / (target_.filename().string() + mark)).string();
    try {
      make_folder_of(partial_);
    } catch (...) {
      remove_made();
      throw;
    }
  }
  finished_path(const finished_path&) = delete;
  finished_path& operator=(const finished_path&) = delete;
  ~finished_path() {
    std::error_code ignored;
    std::filesystem::remove_all(partial_, ignored);
    if (!is_published_) remove_made();
  }

  const std::filesystem::path& partial() const noexcept { return partial_; }

  /// Gives it its name, in one step; from another file system a copy is made beside it first. Throws `larder::error` when that fails.
  void publish() {
    make_folder_of(target_);
    std::error_code code;
    std::filesystem::rename(partial_, target_, code);
    if (code == std::errc::cross_device_link) {
      finished_path beside(target_, {});
      attempt("copy to", beside.partial_, [&](std::error_code& copied) {
        std::filesystem::copy(partial_, beside.partial_, std::filesystem::copy_options::recursive, copied);
      });
      beside.publish();
    } else if (code) {
      core::fail(error_cause::io,
                 "cannot rename \"" + partial_.string() + "\" to \"" + target_.string() + "\": " + code.message());
    }
    is_published_ = true;
  }

 private:
  /// Makes the folders that a path needs, and remembers them: they go again when nothing is published.
  void make_folder_of(const std::filesystem::path& path) {
    std::error_code unknown;
    std::vector<std::filesystem::path> missing;
    for (std::filesystem::path folder = path.parent_path(); !folder.empty() && !std::filesystem::exists(folder, unknown);
         folder = folder.parent_path())
      missing.push_back(folder);
    made_.insert(made_.begin(), missing.begin(), missing.end());
    if (path.has_parent_path())
      attempt("make the folder of", path,
              [&](std::error_code& code) { std::filesystem::create_directories(path.parent_path(), code); });
  }
  /// From the innermost out; a folder in which another has put something stays.
  void remove_made() const noexcept {
    std::error_code ignored;
    for (const std::filesystem::path& folder : made_) std::filesystem::remove(folder, ignored);
  }
  template <class Work>
  static void attempt(std::string_view what, const std::filesystem::path& path, Work&& work) {
    std::error_code code;
    work(code);
    if (code) core::fail(error_cause::io, "cannot " + std::string(what) + " \"" + path.string() + "\": " + code.message());
  }

  std::filesystem::path target_;
  std::filesystem::path partial_;
  std::vector<std::filesystem::path> made_;
  bool is_published_ = false;
};

}  // namespace larder::config
