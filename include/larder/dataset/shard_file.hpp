#pragma once

// A file of a data set, on this machine or in a remote store: what readers of records are written over.

#include <larder/core/bytes.hpp>
#include <larder/core/concepts.hpp>
#include <larder/core/digest.hpp>
#include <larder/core/error.hpp>
#include <larder/core/part_reading_store.hpp>
#include <larder/dataset/dataset_source.hpp>
#include <larder/dataset/shard_memory.hpp>
#include <larder/storage/posix_file.hpp>
#include <larder/storage/remote_object.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>

namespace larder {
namespace datasets {

/// What `shard_file` asks of a place where files lie.
class any_shard_file {
 public:
  virtual ~any_shard_file() = default;
  virtual const std::string& name() const noexcept = 0;
  virtual std::uint64_t size() const noexcept = 0;
  virtual digest identity() const noexcept = 0;
  virtual void read(std::uint64_t offset, std::span<std::byte> room) const = 0;
  virtual bool is_remote() const noexcept = 0;
  virtual void read_ahead(std::uint64_t /*offset*/, std::uint64_t /*n*/) const noexcept {}
};

/// A file of this machine, as it was when this was made. No descriptor stays open: data sets have thousands of files.
class local_shard_file final : public any_shard_file {
 public:
  explicit local_shard_file(const std::filesystem::path& path) : name_(path.string()), was_(look(open())) {
    if (!was_.regular) core::fail(error_cause::invalid_argument, "\"" + name_ + "\" is not a file");
  }

  const std::string& name() const noexcept override { return name_; }
  std::uint64_t size() const noexcept override { return was_.size; }
  digest identity() const noexcept override {
    // Without the folder: a data set that is moved is the same one.
    return fingerprint_builder()
        .add(std::filesystem::path(name_).filename().string())
        .add(was_.size)
        .add(static_cast<std::uint64_t>(was_.modified))
        .add(static_cast<std::uint64_t>(was_.inode))
        .finish();
  }
  void read(std::uint64_t offset, std::span<std::byte> room) const override {
    const storage::file_descriptor file = open();
    const std::size_t got = storage::read_at(file, room.data(), room.size(), offset, name_);
    const seen is = look(file);  // behind the read, which may have met a change
    const bool same = is.same_file(was_) && is.size == was_.size && is.modified == was_.modified && is.changed == was_.changed;
    if (!same || got != room.size())
      core::fail(error_cause::io, "\"" + name_ + "\" is not what it was when the data set was opened; open it again");
  }
  bool is_remote() const noexcept override { return false; }
  void read_ahead(std::uint64_t offset, std::uint64_t n) const noexcept override {
    const storage::file_descriptor file = try_open();
    if (file) ::posix_fadvise(file.get(), static_cast<off_t>(offset), static_cast<off_t>(n), POSIX_FADV_WILLNEED);
  }

 private:
  // Without waiting: a pipe has nobody at its other end.
  storage::file_descriptor try_open() const noexcept {
    return storage::file_descriptor(
        storage::uninterrupted([&] { return ::open(name_.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY); }));
  }
  storage::file_descriptor open() const {
    storage::file_descriptor file = try_open();
    if (!file) storage::fail_file("open", name_, errno);
    return file;
  }
  /// What the system says of the file, with the time that nobody can set back.
  struct seen : storage::file_identity {
    std::int64_t changed = 0;
  };
  seen look(const storage::file_descriptor& file) const {
    struct stat answer {};
    if (::fstat(file.get(), &answer) != 0) storage::fail_file("look at", name_, errno);
    return {storage::posix::identity_of(answer), storage::posix::nanoseconds_of(answer.st_ctim)};
  }

  std::string name_;
  seen was_;
};

template <class Storage>
class remote_shard_file final : public any_shard_file {
 public:
  explicit remote_shard_file(storage::remote_object<Storage> object) : object_(std::move(object)) {}

  const std::string& name() const noexcept override { return object_.name(); }
  std::uint64_t size() const noexcept override { return object_.size(); }
  digest identity() const noexcept override {
    return fingerprint_builder().add(name()).add(size()).add(object_.version()).finish();
  }
  void read(std::uint64_t offset, std::span<std::byte> room) const override { object_.read(offset, room); }
  bool is_remote() const noexcept override { return true; }

 private:
  storage::remote_object<Storage> object_;
};

}  // namespace datasets

/// A file of a data set: a path of this machine, or an object of a remote storage (`remote_shards`). It is the file that was there when
/// this was made: a later `read` of another one throws. Copies share. Reads run in any number of threads.
class shard_file {
 public:
  /// Throws `larder::error` (io) when there is no such file, (invalid_argument) when it is none.
  template <class Path>
    requires(!std::same_as<std::remove_cvref_t<Path>, shard_file> && std::convertible_to<Path, std::filesystem::path>)
  shard_file(Path&& path)
      : file_(std::make_shared<datasets::local_shard_file>(std::filesystem::path(std::forward<Path>(path)))) {}
  explicit shard_file(std::shared_ptr<const datasets::any_shard_file> file) noexcept : file_(std::move(file)) {}

  const std::string& name() const noexcept { return file_->name(); }
  std::uint64_t size() const noexcept { return file_->size(); }
  /// Says which content it has: name, size and version (of a local file: time of change and inode; not its folder).
  digest identity() const noexcept { return file_->identity(); }
  bool is_remote() const noexcept { return file_->is_remote(); }
  /// Fills the room from `offset`, or throws `larder::error`.
  void read(std::uint64_t offset, std::span<std::byte> room) const {
    if (!room.empty()) file_->read(offset, room);
  }
  /// Says that a range will be read soon, so that the system begins to; nothing where the file lies elsewhere.
  void read_ahead(std::uint64_t offset, std::uint64_t n) const noexcept { file_->read_ahead(offset, n); }
  /// `n` bytes from `offset`, fewer where the file ends.
  bytes read(std::uint64_t offset, std::uint64_t n) const {
    datasets::shard_memory room(static_cast<std::size_t>(offset >= size() ? 0 : std::min(n, size() - offset)));
    read(offset, room.span());
    return std::move(room).freeze();
  }

 private:
  std::shared_ptr<const datasets::any_shard_file> file_;
};

/// Objects of a remote storage as files of a data set, one connection for all. Throws `larder::error` when one of them is not there.
template <class Storage>
std::vector<shard_file> remote_shards(const Storage& where, const std::vector<std::string>& names) {
  static_assert(core::is_remote_storage<Storage>, "larder: remote_shards needs a remote storage, such as http_blob{azure{...}}");
  static_assert(part_reading_store<typename Storage::store>,
                "larder: this storage cannot read objects that others wrote in parts; its store needs find and read "
                "(larder::part_reading_store)");
  std::vector<shard_file> files;
  files.reserve(names.size());
  std::optional<storage::remote_object<Storage>> first;  // whose connection all have
  for (const std::string& name : names) {
    storage::remote_object<Storage> object = first ? first->another(name) : storage::remote_object<Storage>(where, name);
    if (!first) first = object;
    files.push_back(shard_file(std::make_shared<datasets::remote_shard_file<Storage>>(std::move(object))));
  }
  return files;
}

}  // namespace larder
