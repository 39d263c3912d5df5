#pragma once

#include <larder/artifact/content_digest.hpp>
#include <larder/artifact/content_hasher.hpp>
#include <larder/artifact/file_scan.hpp>
#include <larder/artifact/file_stamp.hpp>
#include <larder/core/error.hpp>
#include <larder/core/transfer.hpp>
#include <larder/storage/posix_file.hpp>

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <utility>

#include <fcntl.h>

namespace larder {

namespace artifacts {

/// Reads an open regular file from its start into hashers, and says what it was while it was read: size and times are the same before and after.
/// Throws `larder::error`: `io` also when the file changed meanwhile, `cancelled`.
inline file_stamp hash_file(const storage::file_descriptor& file, const std::string& path,
                            std::span<content_hasher* const> hashers, const transfer_control& control) {
  const file_stamp before = read_unchanged(file, path, control, [&](std::span<const std::byte> piece) {
    for (content_hasher* const hasher : hashers) hasher->add(piece);
  });
  if (stamp_of(file, path) != before)
    core::fail(error_cause::io, "\"" + path + "\" was changed while it was read; try again when its writer has ended");
  return before;
}

/// Opens a file that is to be read as a whole, also behind a symbolic link. Throws `storage::file_error`.
inline storage::file_descriptor open_content(const std::string& path) {
  storage::file_descriptor file(storage::uninterrupted(
      [&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY); }));  // a FIFO must not block
  if (!file) storage::fail_file("open", path, errno);
  return file;
}

}  // namespace artifacts

/// The digest of a regular file's content; a symbolic link is followed. Throws `larder::error` that names the file: when it cannot be read, is no
/// regular file, or is changed while it is read (io), and when a stop is requested (cancelled). Progress is told of every MiB.
inline content_digest digest_of_file(const std::filesystem::path& path, digest_algorithm algorithm,
                                     const transfer_control& control = {}) {
  artifacts::content_hasher hasher(algorithm);
  artifacts::content_hasher* const all[] = {&hasher};
  artifacts::hash_file(artifacts::open_content(path.string()), path.string(), all, control);
  return hasher.take();
}

/// Two digests for the price of one pass over the file.
inline std::pair<content_digest, content_digest> digests_of_file(const std::filesystem::path& path, digest_algorithm first,
                                                                 digest_algorithm second, const transfer_control& control = {}) {
  artifacts::content_hasher one(first), other(second);
  artifacts::content_hasher* const all[] = {&one, &other};
  artifacts::hash_file(artifacts::open_content(path.string()), path.string(), all, control);
  const content_digest found = one.take();
  return {found, other.take()};
}

}  // namespace larder
