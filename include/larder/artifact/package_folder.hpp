#pragma once

// One package on disk.
//
//   .larder.json         its manifest: written last, removed first
//   .larder.draft.json   what is being made; counts while its maker lives
//   .larder.use          its time of change is the last use, its lock is shared by who uses the package, its content says whether it is pinned

#include <larder/artifact/atomic_file.hpp>
#include <larder/artifact/blob_folder.hpp>
#include <larder/artifact/file_link.hpp>
#include <larder/artifact/folder_tree.hpp>
#include <larder/artifact/package_manifest.hpp>
#include <larder/artifact/use_lock.hpp>
#include <larder/core/error.hpp>
#include <larder/core/time.hpp>
#include <larder/storage/posix_file.hpp>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <iterator>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace larder::artifacts {

inline constexpr const char* manifest_name = ".larder.json";
inline constexpr const char* draft_name = ".larder.draft.json";
inline constexpr const char* use_name = ".larder.use";
inline constexpr std::string_view pinned_text = "pinned\n";

/// How a file of a package is found.
enum class placed_file : std::uint8_t { right, misplaced, wrong_size };

class package_folder {
 public:
  explicit package_folder(std::filesystem::path folder) : folder_(std::move(folder)) {}

  const std::filesystem::path& path() const noexcept { return folder_; }
  std::filesystem::path path_of(std::string_view name) const { return folder_ / name; }
  std::filesystem::path manifest_path() const { return folder_ / manifest_name; }
  std::filesystem::path use_path() const { return folder_ / use_name; }

  /// Its manifest; nothing when there is none that can be read, or it is another package's. Throws `larder::error` (invalid_argument) when it is a
  /// symbolic link.
  std::optional<package_manifest> manifest(std::string_view model_id, std::string_view package_id) const {
    std::optional<package_manifest> found = read(manifest_name);
    return found && found->model_id == model_id && found->package_id == package_id ? found : std::nullopt;
  }
  std::optional<package_manifest> manifest() const { return read(manifest_name); }
  std::optional<package_manifest> draft() const { return read(draft_name); }

  void write_manifest(const package_manifest& manifest) const {
    write_atomically(manifest_path(), manifest_text(manifest), {.durable = true});
  }
  void write_draft(const package_manifest& manifest) const { write_atomically(folder_ / draft_name, manifest_text(manifest)); }
  void remove_draft() const { storage::remove_file((folder_ / draft_name).string()); }

  /// Makes the folder and shares its use.
  use_lock use() const {
    for (;;) {
      check_no_link(folder_.string(), "the package");
      make_folder_tree(folder_);
      if (std::optional<use_lock> shared = use_lock::share(use_path())) return std::move(*shared);
    }
  }

  /// Whether a file is where the manifest says and of its size; a link has to lead to the blob.
  placed_file look(const packaged_file& file, const blob_folder& blobs) const {
    const std::string path = path_of(file.name).string();
    const std::optional<storage::file_identity> here = storage::identify(path);
    if (!here) return placed_file::misplaced;
    if (file.kept == file_keeping::own || file.kept == file_keeping::copy) {
      if (!here->regular) return placed_file::misplaced;
      return here->size == file.size ? placed_file::right : placed_file::wrong_size;
    }
    const std::optional<storage::file_identity> there = target_of(path);
    const std::optional<storage::file_identity> blob = storage::identify(blobs.path_of(file.digest).string());
    if (!there || !blob || !there->same_file(*blob) || here->regular != (file.kept == file_keeping::hard))
      return placed_file::misplaced;
    return there->size == file.size ? placed_file::right : placed_file::wrong_size;
  }

  /// The folder in which a file lies, made. Throws `larder::error` when something else is in its way.
  void make_folder_of(const packaged_file& file) const {
    std::filesystem::path folder = folder_;
    const std::filesystem::path name(file.name);
    for (auto part = name.begin(); std::next(part) != name.end(); ++part) {
      folder /= *part;
      storage::make_directory(folder.string());
    }
  }

  /// Removes the manifest, files that it names and the store's own, then folders that are empty. What others put there stays.
  void remove(const package_manifest& manifest) const {
    storage::remove_file(manifest_path().string());
    remove_files(manifest.files);
    remove_rest();
  }
  void remove_files(const std::vector<packaged_file>& files) const {
    std::set<std::filesystem::path> folders;
    for (const packaged_file& file : files) {
      std::error_code ignored;
      const std::filesystem::path path = path_of(file.name);
      if (!std::filesystem::is_directory(std::filesystem::symlink_status(path, ignored))) ::unlink(path.c_str());
      for (std::filesystem::path above = std::filesystem::path(file.name).parent_path(); !above.empty();
           above = above.parent_path())
        folders.insert(folder_ / above);
    }
    for (auto at = folders.rbegin(); at != folders.rend(); ++at) ::rmdir(at->c_str());
  }
  /// Of a package that is none any more.
  void remove_rest() const {
    remove_draft();
    remove_unfinished_files();
    ::unlink(use_path().c_str());
    if (::rmdir(folder_.c_str()) == 0) ::rmdir(folder_.parent_path().c_str());
  }

  /// What `list` shows beside the manifest. The use file's state, as `stat` says it.
  static bool is_pinned(const struct stat& use) noexcept { return use.st_size != 0; }
  static instant last_use(const struct stat& use) noexcept { return instant{storage::posix::nanoseconds_of(use.st_mtim)}; }
  static void touch(const use_lock& use, instant now) noexcept {
    const timespec moment = storage::posix::timespec_of(now.count());
    const std::array<timespec, 2> both{moment, moment};
    static_cast<void>(::futimens(use.file().get(), both.data()));  // who may only read leaves no trace
  }
  static void set_pinned(const use_lock& use, bool pinned) {
    struct stat before {};
    if (::fstat(use.file().get(), &before) != 0) storage::fail_file("look at", use.path(), errno);
    if (::ftruncate(use.file().get(), 0) != 0) storage::fail_file("write", use.path(), errno);
    if (pinned) storage::write_at(use.file(), std::as_bytes(std::span(pinned_text)), {}, 0, use.path());
    touch(use, last_use(before));
  }

 private:
  std::optional<package_manifest> read(const char* name) const {
    const std::filesystem::path path = folder_ / name;
    try {
      const std::optional<std::string> text = read_small_file(path, largest_package_manifest);
      if (text) return manifest_reader().read(*text, "the manifest \"" + path.string() + "\"");
    } catch (const error& e) {
      if (e.cause() != error_cause::corruption) throw;
    }
    return std::nullopt;
  }

  void remove_unfinished_files() const {
    std::error_code failed;
    for (std::filesystem::directory_iterator at(folder_, failed), end; !failed && at != end; at.increment(failed)) {
      const std::string name = at->path().filename().string();
      if (name.starts_with(beside_prefix) || (name.starts_with(reserved_prefix) && name.ends_with(unfinished_suffix)))
        ::unlink(at->path().c_str());
    }
  }

  std::filesystem::path folder_;
};

}  // namespace larder::artifacts
