#pragma once

#include <larder/artifact/atomic_file.hpp>
#include <larder/artifact/content_digest.hpp>
#include <larder/artifact/package_folder.hpp>
#include <larder/artifact/package_manifest.hpp>
#include <larder/artifact/store_layout.hpp>
#include <larder/artifact/use_lock.hpp>
#include <larder/core/error.hpp>
#include <larder/core/time.hpp>
#include <larder/storage/posix_file.hpp>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace larder {

/// A package as `package_store::list` shows it.
struct package_info {
  package_manifest manifest{};
  std::filesystem::path folder{};
  instant last_use{};  ///< time of day
  bool pinned = false;

  std::uint64_t size() const noexcept { return manifest.size(); }
};

namespace artifacts {

/// Looks through all packages with as few system calls as that takes: five for each, and six for each model. For one thread at a time.
class package_index {
 public:
  explicit package_index(const store_layout& layout) : layout_(layout) {}

  /// The names of models' folders.
  std::vector<std::string> models() const {
    const std::string root = layout_.models().string();
    const open_folder folder = open_at(AT_FDCWD, root.c_str(), 0);
    std::vector<std::string> names;
    if (!folder && errno != ENOENT) storage::fail_file("list", root, errno);
    if (!folder) return names;
    while (const dirent* const entry = ::readdir(folder.get()))
      if (is_name(*entry)) names.emplace_back(static_cast<const char*>(entry->d_name));
    return names;
  }

  /// Calls `each(package_info&&)` for each package that has a manifest, in no order; of all models, or of some.
  template <class Each>
  void for_each(Each&& each) {
    for_each_of(models(), each);
  }
  template <class Each>
  void for_each_of(std::span<const std::string> some, Each&& each) {
    walk(some, [&](int model, const std::string& folder, const char* name) {
      const std::string inside(name);
      std::optional<package_manifest> manifest = manifest_in(model, inside, manifest_name, folder);
      if (!manifest || manifest->package_id != inside) return;
      package_info info{std::move(*manifest), folder + '/' + inside, {}, false};
      struct stat use {};
      if (::fstatat(model, (inside + '/' + use_name).c_str(), &use, AT_SYMLINK_NOFOLLOW) == 0) {
        info.last_use = package_folder::last_use(use);
        info.pinned = package_folder::is_pinned(use);
      }
      each(std::move(info));
    });
  }

  /// Calls `each(const package_manifest&, folder)` for each package that is being made, and takes away what is left of makers that are no more.
  template <class Each>
  void for_each_draft(Each&& each) {
    walk(models(), [&](int model, const std::string& folder, const char* name) {
      const std::string inside(name);
      struct stat there {};
      const bool has_draft = ::fstatat(model, (inside + '/' + draft_name).c_str(), &there, AT_SYMLINK_NOFOLLOW) == 0;
      const bool has_manifest = ::fstatat(model, (inside + '/' + manifest_name).c_str(), &there, AT_SYMLINK_NOFOLLOW) == 0;
      if (!has_draft && has_manifest) return;
      const package_folder package(folder + '/' + inside);
      const std::optional<use_lock> nobody = use_lock::try_alone(package.use_path());
      if (nobody) {  // its maker would share it
        if (has_draft) take_away(package, has_manifest);
        if (!has_manifest) package.remove_rest();
        return;
      }
      if (const std::optional<package_manifest> draft = package.draft()) each(*draft, package.path());
    });
  }

 private:
  struct closed {
    void operator()(DIR* folder) const noexcept { ::closedir(folder); }
  };
  using open_folder = std::unique_ptr<DIR, closed>;

  static bool is_name(const dirent& entry) noexcept {
    return entry.d_name[0] != '.' && (entry.d_type == DT_DIR || entry.d_type == DT_UNKNOWN || entry.d_type == DT_LNK);
  }
  static open_folder open_at(int above, const char* name, int more_flags) noexcept {
    const int descriptor =
        storage::uninterrupted([&] { return ::openat(above, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | more_flags); });
    open_folder folder(descriptor < 0 ? nullptr : ::fdopendir(descriptor));
    if (!folder && descriptor >= 0) ::close(descriptor);
    return folder;
  }

  /// Calls `each(descriptor of the model's folder, its path, name of the package's folder)`.
  template <class Each>
  void walk(std::span<const std::string> some, Each&& each) {
    const std::string root = layout_.models().string();
    const storage::file_descriptor above(
        storage::uninterrupted([&] { return ::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
    for (const std::string& name : some) {
      const open_folder model = open_at(above.get(), name.c_str(), 0);
      if (!model) continue;  // gone meanwhile, or a file of somebody's
      const std::string folder = root + '/' + name;
      while (const dirent* const entry = ::readdir(model.get()))
        if (is_name(*entry) && entry->d_type != DT_LNK)
          each(::dirfd(model.get()), folder, static_cast<const char*>(entry->d_name));
    }
  }

  std::optional<package_manifest> manifest_in(int model, const std::string& package, const char* name,
                                              const std::string& folder) {
    const storage::file_descriptor file(storage::uninterrupted([&] {
      return ::openat(model, (package + '/' + name).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    }));
    if (!file) return std::nullopt;
    const std::string path = folder + '/' + package + '/' + name;
    try {
      // Most fit a room that is there, and need no look at their size before.
      const std::size_t got = storage::read_at(file, room_.data(), room_.size(), 0, path);
      if (got < room_.size()) return reader_.read({room_.data(), got}, path);
      const std::optional<std::string> text = read_whole(file, path, largest_package_manifest);
      if (text) return reader_.read(*text, path);
    } catch (const error&) {  // damaged: no package, which the next `get` makes anew
    }
    return std::nullopt;
  }

  /// What a maker who died had put in place.
  static void take_away(const package_folder& package, bool has_manifest) {
    const std::optional<package_manifest> draft = package.draft();
    if (draft && !has_manifest) package.remove_files(draft->files);
    package.remove_draft();
  }

  const store_layout& layout_;
  manifest_reader reader_;
  std::string room_ = std::string(std::size_t{16} << 10U, '\0');
};

}  // namespace artifacts
}  // namespace larder
