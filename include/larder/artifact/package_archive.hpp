#pragma once

// Packages as one file, for machines without a network: a tar archive of
//
//   packages/<number>.json     the manifest of a package
//   blobs/<digest>             each blob once
//   own/<number>/<name>        files of a package that have no digest of their provider's
//
// Nothing in it is believed: members with other names are refused, none of their names becomes a path, and what is taken from it is compared with its digest.

#include <larder/artifact/atomic_file.hpp>
#include <larder/artifact/blob_folder.hpp>
#include <larder/artifact/fetch_sink.hpp>
#include <larder/artifact/file_copy.hpp>
#include <larder/artifact/package.hpp>
#include <larder/artifact/package_file.hpp>
#include <larder/artifact/package_manifest.hpp>
#include <larder/core/error.hpp>
#include <larder/core/transfer.hpp>
#include <larder/format/tar_members.hpp>
#include <larder/format/tar_writer.hpp>
#include <larder/remote/random_mark.hpp>
#include <larder/remote/range.hpp>
#include <larder/storage/posix_file.hpp>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

namespace larder::artifacts {

/// Writes an archive beside its place, and moves it there at the end.
class archive_writer {
 public:
  archive_writer(std::filesystem::path path, const transfer_control& control)
      : path_(std::move(path)),
        beside_(path_.string() + "." + remote::random_mark() + std::string(unfinished_suffix)),
        control_(control) {
    check_no_link(path_.string(), "the archive");
    file_ = storage::open_file(beside_, O_WRONLY | O_CREAT | O_EXCL);
    if (!file_) storage::fail_file("create", beside_, errno);
  }
  archive_writer(const archive_writer&) = delete;
  archive_writer& operator=(const archive_writer&) = delete;
  ~archive_writer() {
    if (!beside_.empty()) ::unlink(beside_.c_str());
  }

  void add(std::string_view name, std::string_view content) {
    write(format::tar_member_head(name, content.size()));
    write(content);
    write(format::tar_padding(content.size()));
  }
  /// A file of so many bytes.
  void add_file(std::string_view name, const std::filesystem::path& path, std::uint64_t size) {
    const storage::file_descriptor from(
        storage::uninterrupted([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY); }));
    if (!from) storage::fail_file("open", path.string(), errno);
    if (storage::identify(from, path.string()).size != size)
      core::fail(error_cause::corruption, "\"" + path.string() + "\" has not the " + std::to_string(size) +
                                              " bytes that it should; repair the package first");
    write(format::tar_member_head(name, size));
    copy_range(from, path.string(), 0, file_, beside_, at_, size, control_.stop);
    at_ += size;
    write(format::tar_padding(size));
    if (control_.progress) control_.progress(at_, at_);
  }
  void finish() {
    write(format::tar_end());
    if (::fsync(file_.get()) != 0) storage::fail_file("sync", beside_, errno);
    if (const int failed = file_.close(); failed != 0) storage::fail_file("write", beside_, failed);
    if (::rename(beside_.c_str(), path_.c_str()) != 0) storage::fail_file("publish", path_.string(), errno);
    beside_.clear();
  }

 private:
  void write(std::string_view text) {
    storage::write_at(file_, std::as_bytes(std::span(text)), {}, at_, beside_);
    at_ += text.size();
  }

  std::filesystem::path path_;
  std::string beside_;
  const transfer_control& control_;
  storage::file_descriptor file_;
  std::uint64_t at_ = 0;
};

/// Writes packages, which are whole while they are held. Throws `larder::error`; then there is no archive.
inline void write_archive(const std::filesystem::path& path, std::span<const package> packages, const blob_folder& blobs,
                          const transfer_control& control) {
  archive_writer archive(path, control);
  std::map<content_digest, std::uint64_t> wanted;
  for (std::size_t i = 0; i < packages.size(); ++i) {
    package_manifest manifest{
        packages[i].model_id(), packages[i].package_id(), {packages[i].files().begin(), packages[i].files().end()}};
    for (packaged_file& file : manifest.files) {
      if (!file.is_verified()) continue;
      wanted[file.digest] = file.size;
      file.kept = file_keeping::relative;  // how this machine keeps it is of no use to another
    }
    archive.add("packages/" + std::to_string(i) + ".json", manifest_text(manifest));
  }
  for (const auto& [digest, size] : wanted) {
    if (blobs.verify(digest, verification::chunks, {control.stop, {}}).state != blob_state::whole)
      core::fail(error_cause::corruption, "the blob " + digest.text() + " is damaged; repair the packages that have it first");
    archive.add_file("blobs/" + blob_folder::name_of(digest), blobs.path_of(digest), size);
  }
  for (std::size_t i = 0; i < packages.size(); ++i)
    for (const packaged_file& file : packages[i].files())
      if (!file.is_verified())
        archive.add_file("own/" + std::to_string(i) + "/" + file.name, packages[i].path(file.name), file.size);
  archive.finish();
}

/// A package of an archive, and what to ask its `fetch` for.
struct archived_package {
  package_manifest manifest;
  std::vector<package_file> files;  ///< their `url` is a member's name
};

/// An archive, opened and looked through.
class archive_reader {
 public:
  /// Throws `larder::error`: (io), and (corruption) that says what is wrong with it.
  explicit archive_reader(const std::filesystem::path& path) : path_(path.string()) {
    file_ = storage::file_descriptor(
        storage::uninterrupted([&] { return ::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY); }));
    if (!file_) storage::fail_file("open", path_, errno);
    const storage::file_identity seen = storage::identify(file_, path_);
    if (!seen.regular) core::fail(error_cause::invalid_argument, "\"" + path_ + "\" is no file");
    std::string buffer;
    format::for_each_tar_member(
        seen.size,
        [&](std::uint64_t offset, std::uint64_t size) {
          buffer.resize(static_cast<std::size_t>(size));
          if (storage::read_at(file_, buffer.data(), buffer.size(), offset, path_) != buffer.size())
            core::fail(error_cause::corruption, "\"" + path_ + "\" became shorter while it was read");
          return std::as_bytes(std::span(buffer));
        },
        path_, [&](format::tar_member&& member) { take(std::move(member)); });
    read_packages();
  }

  const std::vector<archived_package>& packages() const noexcept { return packages_; }

  /// Gives ranges of members; valid while this lives.
  fetch_function fetch() const {
    return [this](std::string_view name, const byte_range& range, fetch_sink& sink) {
      const place& at = members_.find(name)->second;
      sink.total(at.size);
      const std::uint64_t end =
          std::min(at.size, range.size > at.size - std::min(at.size, range.offset) ? at.size : range.offset + range.size);
      constexpr std::uint64_t step = std::uint64_t{1} << 20U;
      const std::unique_ptr<std::byte[]> buffer(new std::byte[step]);
      for (std::uint64_t from = range.offset; from < end;) {
        const auto n = static_cast<std::size_t>(std::min(step, end - from));
        if (storage::read_at(file_, buffer.get(), n, at.offset + from, path_) != n)
          core::fail(error_cause::corruption, "\"" + path_ + "\" became shorter while it was read");
        sink(std::span<const std::byte>(buffer.get(), n));
        from += n;
      }
    };
  }

 private:
  struct place {
    std::uint64_t offset = 0;
    std::uint64_t size = 0;
  };

  [[noreturn]] void refuse(const std::string& why) const {
    core::fail(error_cause::corruption, "\"" + path_ + "\" is no archive of packages: " + why);
  }

  void take(format::tar_member&& member) {
    const std::string_view name = member.name;
    const bool fits = is_relative_name(name) && (name.starts_with("packages/") || name.starts_with("own/") ||
                                                 (name.starts_with("blobs/") && blob_folder::digest_of_name(name.substr(6))));
    if (!fits) refuse("the member " + format::printable_name(name) + " does not belong there");
    if (!members_.emplace(member.name, place{member.offset, member.size}).second)
      refuse("the member " + format::printable_name(name) + " is there twice");
  }

  void read_packages() {
    manifest_reader reader;
    for (const auto& [name, at] : members_) {
      if (!name.starts_with("packages/")) continue;
      if (at.size > largest_package_manifest) refuse("the manifest " + format::printable_name(name) + " is too large");
      std::string text(static_cast<std::size_t>(at.size), '\0');
      if (storage::read_at(file_, text.data(), text.size(), at.offset, path_) != text.size())
        refuse("it became shorter while it was read");
      archived_package package{reader.read(text, "\"" + path_ + "\": " + name), {}};
      const std::string number = name.substr(9, name.rfind(".json") - std::min<std::size_t>(name.rfind(".json"), 9));
      for (const packaged_file& file : package.manifest.files) {
        const std::string member =
            file.is_verified() ? "blobs/" + blob_folder::name_of(file.digest) : "own/" + number + "/" + file.name;
        const auto there = members_.find(member);
        if (there == members_.end() || there->second.size != file.size)
          refuse("the file " + format::printable_name(file.name) + " of the package " +
                 format::printable_name(package.manifest.package_id) + " is not in it, or of another size");
        package.files.push_back(
            {file.name, member, file.is_verified() ? expected_digest(file.digest) : expected_digest(), file.size});
      }
      packages_.push_back(std::move(package));
    }
    if (packages_.empty()) refuse("it has none");
  }

  std::string path_;
  storage::file_descriptor file_;
  std::map<std::string, place, std::less<>> members_;
  std::vector<archived_package> packages_;
};

}  // namespace larder::artifacts
