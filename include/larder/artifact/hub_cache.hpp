#pragma once

// The cache of Hugging Face's hub as others have filled it, read and never written to:
//
//   models--<org>--<name>/refs/<branch>            the commit that a branch is at
//   models--<org>--<name>/snapshots/<commit>/...   links into blobs
//   models--<org>--<name>/blobs/<etag>             SHA-256 of a large file, the Git object's SHA-1 of a small one
//
// It keeps nothing but sizes to check files by, so that what is found here is a candidate: whoever takes it compares its digest.

#include <larder/artifact/content_digest.hpp>
#include <larder/artifact/relative_name.hpp>
#include <larder/core/error.hpp>
#include <larder/remote/environment.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace larder {

/// Safe for any number of threads; looks at the folders each time.
class hub_cache {
 public:
  explicit hub_cache(std::filesystem::path root) : root_(std::move(root)) {}

  /// Where the hub's own library has it: HF_HUB_CACHE, else HF_HOME/hub, else ~/.cache/huggingface/hub.
  static std::filesystem::path default_root(const remote::environment_reader& read = remote::process_environment) {
    if (const auto cache = read("HF_HUB_CACHE")) return *cache;
    if (const auto home = read("HF_HOME")) return std::filesystem::path(*home) / "hub";
    if (const auto cache = read("XDG_CACHE_HOME")) return std::filesystem::path(*cache) / "huggingface" / "hub";
    return std::filesystem::path(read("HOME").value_or(".")) / ".cache" / "huggingface" / "hub";
  }

  const std::filesystem::path& root() const noexcept { return root_; }

  /// The repositories that it has, as "org/name", sorted.
  std::vector<std::string> repositories() const {
    std::vector<std::string> names;
    for_each_repository([&](const std::filesystem::path& folder) {
      std::string name = folder.filename().string().substr(prefix.size());
      if (const std::size_t at = name.find("--"); at != std::string::npos) name.replace(at, 2, "/");
      names.push_back(std::move(name));
    });
    std::sort(names.begin(), names.end());
    return names;
  }

  /// A file of a repository at a branch or commit; nothing when it is not there as a whole.
  std::optional<std::filesystem::path> find(std::string_view repository, std::string_view revision, std::string_view name) const {
    if (!is_relative_name(repository) || !is_relative_name(revision) || !is_relative_name(name)) return std::nullopt;
    std::string folder(prefix);
    for (const char c : repository)
      if (c == '/')
        folder += "--";
      else
        folder += c;
    const std::filesystem::path repo = root_ / folder;
    std::string commit(revision);
    if (std::ifstream ref(repo / "refs" / revision); ref) {
      std::string line;
      std::getline(ref, line);
      if (is_file_name(line)) commit = line;
    }
    return file_at(repo / "snapshots" / commit / name);
  }

  /// Files that may have this digest: the blob that is called so, then files of the name, in whatever repository. Calls `each(path)` until it
  /// says true; whether it did.
  bool find_candidate(const content_digest& digest, std::string_view name,
                      const std::function<bool(const std::filesystem::path&)>& each) const {
    bool found = false;
    if (digest.algorithm() == digest_algorithm::sha256) {
      const std::string blob = digest.hex();
      for_each_repository([&](const std::filesystem::path& folder) {
        if (found) return;
        const std::optional<std::filesystem::path> there = file_at(folder / "blobs" / blob);
        found = there && each(*there);
      });
    }
    if (found || !is_relative_name(name)) return found;
    for_each_repository([&](const std::filesystem::path& folder) {
      std::error_code failed;
      for (std::filesystem::directory_iterator at(folder / "snapshots", failed), end; !found && !failed && at != end;
           at.increment(failed)) {
        const std::optional<std::filesystem::path> there = file_at(at->path() / name);
        found = there && each(*there);
      }
    });
    return found;
  }

 private:
  static constexpr std::string_view prefix = "models--";

  /// The file behind the hub's link, if it lies in the cache: a link to somewhere else is nobody's cache.
  std::optional<std::filesystem::path> file_at(const std::filesystem::path& path) const {
    std::error_code failed;
    const std::filesystem::path there = std::filesystem::canonical(path, failed);
    if (failed || !std::filesystem::is_regular_file(there, failed) || failed) return std::nullopt;
    const std::filesystem::path root = std::filesystem::canonical(root_, failed);
    const auto [of_root, of_path] = std::mismatch(root.begin(), root.end(), there.begin(), there.end());
    if (failed || of_root != root.end()) return std::nullopt;
    return there;
  }
  template <class Each>
  void for_each_repository(Each&& each) const {
    std::error_code failed;
    for (std::filesystem::directory_iterator at(root_, failed), end; !failed && at != end; at.increment(failed))
      if (at->path().filename().string().starts_with(prefix)) each(at->path());
  }

  std::filesystem::path root_;
};

}  // namespace larder
