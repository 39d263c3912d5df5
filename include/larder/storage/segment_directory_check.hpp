#pragma once

#include <larder/core/error.hpp>
#include <larder/storage/entry_directory.hpp>
#include <larder/storage/posix_file.hpp>
#include <larder/storage/segment_folder.hpp>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <string>
#include <vector>

#include <sys/stat.h>

namespace larder::storage {

/// Whether the marker of a directory of `mmap_disk` is there and whole; without one it is such a directory by its names alone. Throws
/// `larder::error` when it is none, is of another version, or cannot be read; the sentence is for who named the directory.
inline bool check_segment_directory(const std::string& root) {
  const auto refuse = [&](const std::string& why) { core::fail(error_cause::invalid_argument, "\"" + root + "\" " + why); };
  struct stat answer {};
  if (::stat(root.c_str(), &answer) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) refuse("is not there; name a directory that a cache on mmap_disk has used");
    fail_file("look at", root, errno);
  }
  if (!S_ISDIR(answer.st_mode)) refuse("is not a directory; name the directory that was given to mmap_disk");
  const std::optional<std::string> marker = entry_directory::read_marker(root);
  if (marker) {
    const std::string described = entry_directory::described(*marker);
    const std::string own = std::string(segment_folder::format_version) + ",little-endian";
    if (described == "1,little-endian")
      refuse(
          "is of version 1: a cache on the storage `directory` (or a larder before segments) wrote it, one file per entry; "
          "this is for directories of mmap_disk, version " +
          std::string(segment_folder::format_version));
    if (described != own)
      refuse("was written as version " + described + ", and this reads version " + own + "; use the larder that wrote it");
    return true;
  }
  const std::vector<std::string> names = names_in(root + "/.");  // of what a link leads to
  if (names.empty()) refuse("is empty: no cache on mmap_disk has used it yet");
  const bool holds_entries = std::find(names.begin(), names.end(), "entries") != names.end();
  for (const std::string& name : names)
    if (!entry_directory::is_known(name) || !holds_entries)
      refuse("is not a directory of mmap_disk: it has no marker file \"format\"" +
             (holds_entries ? " and holds \"" + name + "\"" : std::string(" and no folder \"entries\"")) +
             "; name the directory that was given to mmap_disk");
  return false;
}

}  // namespace larder::storage
