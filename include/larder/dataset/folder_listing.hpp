#pragma once

// The files of a directory as a data set has them: sorted, described so that a later read tells another file, and none from elsewhere.

#include <larder/core/error.hpp>
#include <larder/storage/posix_file.hpp>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <sys/stat.h>

namespace larder::datasets {

/// A file below a directory.
struct listed_file {
  std::string path;  ///< from the directory, '/' between folders
  storage::file_identity identity;
};

/// Lists the files of a directory, bytewise by their paths. Hidden ones (their name, or that of a folder, begins with a dot) are passed
/// over, and so is what is no file. A link to a file counts when that lies in the directory; one to a folder in it does not, since its files
/// are in the list already. A link that leads elsewhere or nowhere is an error: it would show files that nobody meant, or silently none.
class folder_listing {
 public:
  /// `endings`: files whose name ends in one of them, ASCII letters in either case; all when there are none.
  folder_listing(const std::filesystem::path& directory, const std::vector<std::string>& endings, bool recursive)
      : recursive_(recursive) {
    for (const std::string& ending : endings) endings_.push_back(lower(ending));
    std::error_code failed;
    root_ = std::filesystem::canonical(directory, failed);
    if (failed) core::fail(error_cause::io, directory.string() + " cannot be opened: " + failed.message());
    if (!std::filesystem::is_directory(root_, failed))
      core::fail(error_cause::invalid_argument, directory.string() + " is not a directory");
    folders_.push_back({});
    while (!folders_.empty()) {
      const std::string folder = std::move(folders_.back());
      folders_.pop_back();
      list(folder);
    }
    std::sort(files_.begin(), files_.end(), [](const listed_file& a, const listed_file& b) { return a.path < b.path; });
  }

  /// Without links on the way.
  const std::filesystem::path& root() const noexcept { return root_; }
  std::vector<listed_file> take() && { return std::move(files_); }

 private:
  static std::string lower(std::string_view text) {
    std::string result(text);
    for (char& c : result)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return result;
  }
  bool is_wanted(std::string_view name) const {
    const std::string small = lower(name);
    return endings_.empty() ||
           std::any_of(endings_.begin(), endings_.end(), [&](const std::string& ending) { return small.ends_with(ending); });
  }
  void list(const std::string& folder) {
    std::error_code failed;
    const std::filesystem::path whole = root_ / folder;
    for (std::filesystem::directory_iterator at(whole, failed), end; !failed && at != end; at.increment(failed)) {
      const std::string name = at->path().filename().string();
      if (name.starts_with('.')) continue;
      add(*at, name, folder.empty() ? name : folder + "/" + name);
    }
    if (failed) core::fail(error_cause::io, whole.string() + " cannot be listed: " + failed.message());
  }
  void add(const std::filesystem::directory_entry& entry, const std::string& name, std::string path) {
    std::error_code failed;
    const bool is_link = entry.is_symlink(failed);
    if (entry.is_directory(failed)) {
      if (!recursive_) return;
      if (is_link)
        check_inside(entry.path());
      else
        folders_.push_back(std::move(path));
      return;
    }
    if (!is_wanted(name)) return;
    if (is_link) check_inside(entry.path());
    if (!entry.is_regular_file(failed)) return;
    struct stat answer {};
    if (::stat(entry.path().c_str(), &answer) != 0) storage::fail_file("look at", entry.path().string(), errno);
    files_.push_back({std::move(path), storage::posix::identity_of(answer)});
  }
  void check_inside(const std::filesystem::path& link) const {
    std::error_code failed;
    const std::filesystem::path target = std::filesystem::canonical(link, failed);
    if (failed) core::fail(error_cause::io, "the link " + link.string() + " cannot be followed: " + failed.message());
    if (std::mismatch(root_.begin(), root_.end(), target.begin(), target.end()).first != root_.end())
      core::fail(error_cause::invalid_argument, "the link " + link.string() + " leads out of " + root_.string() + ", to " +
                                                    target.string() + "; open a directory that holds both, or copy the files");
  }

  bool recursive_;
  std::vector<std::string> endings_;
  std::filesystem::path root_;
  std::vector<std::string> folders_;  // still to be listed
  std::vector<listed_file> files_;
};

}  // namespace larder::datasets
