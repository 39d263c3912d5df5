#pragma once

#include <larder/core/error.hpp>

#include <cstdint>
#include <filesystem>
#include <random>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace larder::config {

/// A file or folder that is made under another name, in `temp_dir` where one is said, and gets its own when it is whole. What is not
/// published is removed with this object.
class finished_path {
 public:
  /// Throws `larder::error` when the target is there already, but for an empty folder.
  finished_path(std::filesystem::path target, const std::filesystem::path& temp_dir) : target_(std::move(target)) {
    std::error_code unknown;
    if (target_.empty()) core::fail(error_cause::invalid_argument, "the path to write to is empty");
    if (std::filesystem::exists(target_, unknown) &&
        !(std::filesystem::is_directory(target_, unknown) && std::filesystem::is_empty(target_, unknown)))
      core::fail(error_cause::invalid_argument, "\"" + target_.string() + "\" is there already; name a new one, or move it away");
    std::random_device source;
    const std::string mark = ".partial-" + std::to_string((static_cast<std::uint64_t>(source()) << 32U) | source());
    partial_ = temp_dir.empty() ? target_.string() + mark : (temp_dir / (target_.filename().string() + mark)).string();
    attempt("make the folder of", partial_, [&](std::error_code& code) {
      if (partial_.has_parent_path()) std::filesystem::create_directories(partial_.parent_path(), code);
    });
  }
  finished_path(const finished_path&) = delete;
  finished_path& operator=(const finished_path&) = delete;
  ~finished_path() {
    std::error_code ignored;
    std::filesystem::remove_all(partial_, ignored);
  }

  const std::filesystem::path& partial() const noexcept { return partial_; }

  /// Gives it its name, in one step; from another file system a copy is made beside it first. Throws `larder::error` when that fails.
  void publish() {
    if (target_.has_parent_path())
      attempt("make the folder of", target_,
              [&](std::error_code& code) { std::filesystem::create_directories(target_.parent_path(), code); });
    std::error_code code;
    std::filesystem::rename(partial_, target_, code);
    if (code == std::errc::cross_device_link) {
      finished_path beside(target_, {});
      attempt("copy to", beside.partial_, [&](std::error_code& copied) {
        std::filesystem::copy(partial_, beside.partial_, std::filesystem::copy_options::recursive, copied);
      });
      beside.publish();
      return;
    }
    if (code)
      core::fail(error_cause::io,
                 "cannot rename \"" + partial_.string() + "\" to \"" + target_.string() + "\": " + code.message());
  }

 private:
  template <class Work>
  static void attempt(std::string_view what, const std::filesystem::path& path, Work&& work) {
    std::error_code code;
    work(code);
    if (code) core::fail(error_cause::io, "cannot " + std::string(what) + " \"" + path.string() + "\": " + code.message());
  }

  std::filesystem::path target_;
  std::filesystem::path partial_;
};

}  // namespace larder::config
