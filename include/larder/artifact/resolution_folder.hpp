#pragma once

// Where resolutions lie: `<home>/auto-resolution-cache/<digest>.json`, and while one is being resolved `<home>/locks/resolution-<digest>.lock`.
//
// An entry is published by rename, and taken away by one: to a name that nobody looks for. Only there is it compared with the one that was meant, and
// put back when it is another, so that nobody takes away what somebody else has just written.

#include <larder/artifact/atomic_file.hpp>
#include <larder/artifact/folder_tree.hpp>
#include <larder/artifact/locked_file.hpp>
#include <larder/artifact/resolution_entry.hpp>
#include <larder/core/error.hpp>
#include <larder/remote/random_mark.hpp>
#include <larder/storage/posix_file.hpp>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

namespace larder::artifacts {

/// What lies at an entry's place.
struct found_resolution {
  std::optional<resolution_entry> entry{};       ///< when it is whole
  std::optional<storage::file_identity> file{};  ///< when there is one, whole or not

  bool is_damaged() const noexcept { return file && !entry; }
};

class resolution_folder {
 public:
  explicit resolution_folder(const std::filesystem::path& home)
      : home_(home), entries_(home / "auto-resolution-cache"), locks_(home / "locks") {}

  const std::filesystem::path& home() const noexcept { return home_; }
  std::filesystem::path path_of(const std::string& id) const { return entries_ / (id + ".json"); }
  std::filesystem::path lock_path_of(const std::string& id) const { return locks_ / ("resolution-" + id + ".lock"); }

  /// Makes what is missing of the folders; links to folders are followed. Throws `storage::file_error`.
  void create() const {
    make_folder_tree(entries_);
    make_folder_tree(locks_);
  }

  /// What is there for an id. Throws `storage::file_error`; `larder::error` (invalid_argument) when it is a symbolic link, (corruption) when it is
  /// no regular file.
  found_resolution read(const std::string& id) const { return read_at_path(path_of(id)); }

  /// Puts an entry in the place of what is there. Throws as `read`.
  void write(const std::string& id, const resolution_entry& entry) const {
    const std::string text = encode_resolution(entry);
    if (text.size() > largest_small_file)
      core::fail(error_cause::invalid_argument,
                 "an answer of " + std::to_string(entry.value ? entry.value->size() : 0) +
                     " bytes is too large for the cache of resolutions; keep what it names elsewhere");
    in_folders([&] { create(); }, [&] { return write_atomically(path_of(id), text); });
  }

  /// Takes an entry away if it is still the one that was read. Throws `storage::file_error`.
  bool erase_same(const std::string& id, const storage::file_identity& meant) const { return erase_same_at(path_of(id), meant); }

  /// Takes away what is there, unless it is a symbolic link. Throws `storage::file_error`.
  bool erase(const std::string& id) const {
    check_no_link(path_of(id).string(), "the entry");
    return storage::remove_file(path_of(id).string());
  }

  /// Waits for the lock of an id. Throws as `locked_file::lock`.
  locked_file lock(const std::string& id, const std::stop_token& stop) const {
    return in_folders([&] { create(); }, [&] { return locked_file::lock(lock_path_of(id), stop); });
  }

  /// The lock of an id, unless somebody holds it. Throws as `locked_file::try_lock`.
  std::optional<locked_file> try_lock(const std::string& id) const {
    return in_folders([&] { create(); }, [&] { return locked_file::try_lock(lock_path_of(id)); });
  }

  /// f(id, found) for each entry; a file that cannot be read is passed over.
  template <class F>
  void for_each(F&& f) const {
    for_each_file(entries_, "", ".json", [&](const std::filesystem::path& path, const std::string& id) {
      found_resolution found;
      try {
        found = read_at_path(path);
      } catch (const error&) {
        return;
      }
      if (found.file) f(id, found);
    });
  }

  /// Removes what processes that died have left: files that were being written, and locks that nobody holds.
  void remove_leftovers() const {
    remove_unfinished(entries_);
    for_each_file(locks_, "resolution-", ".lock", [](const std::filesystem::path& path, const std::string&) {
      try {
        if (std::optional<locked_file> held = locked_file::try_lock(path)) held->discard();
      } catch (const error&) {  // a link, or without a right to it: it stays
      }
    });
  }

 private:
  static found_resolution read_at_path(const std::filesystem::path& path) {
    found_resolution found;
    const storage::file_descriptor file = open_small_file(path);
    if (!file) return found;
    found.file = storage::identify(file, path.string());
    if (const std::optional<std::string> text = read_whole(file, path.string(), largest_small_file))
      found.entry = decode_resolution(*text);
    return found;
  }

  static bool erase_same_at(const std::filesystem::path& path, const storage::file_identity& meant) {
    const std::string aside = path.string() + '.' + remote::random_mark() + std::string(unfinished_suffix);
    if (::rename(path.c_str(), aside.c_str()) != 0) {
      if (errno == ENOENT) return false;
      storage::fail_file("remove", path.string(), errno);
    }
    const std::optional<storage::file_identity> taken = storage::identify(aside);
    if (taken && taken->regular && taken->same_file(meant) && taken->size == meant.size && taken->modified == meant.modified)
      return storage::remove_file(aside);
    if (!move_where_free(aside, path.string())) storage::remove_file(aside);  // a still newer one is there
    return false;
  }

  template <class F>
  static void for_each_file(const std::filesystem::path& folder, std::string_view prefix, std::string_view suffix, F&& f) {
    std::error_code failed;
    for (std::filesystem::directory_iterator at(folder, failed), end; !failed && at != end; at.increment(failed)) {
      const std::string name = at->path().filename().string();
      if (name.size() >= prefix.size() + suffix.size() && name.starts_with(prefix) && name.ends_with(suffix))
        f(at->path(), name.substr(prefix.size(), name.size() - prefix.size() - suffix.size()));
    }
  }

  std::filesystem::path home_, entries_, locks_;
};

}  // namespace larder::artifacts
