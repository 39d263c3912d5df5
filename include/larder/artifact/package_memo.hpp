#pragma once

#include <larder/artifact/file_stamp.hpp>
#include <larder/artifact/package.hpp>
#include <larder/artifact/package_folder.hpp>
#include <larder/artifact/package_manifest.hpp>
#include <larder/artifact/use_lock.hpp>
#include <larder/sync/per_process.hpp>

#include <cstddef>
#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <sys/stat.h>

namespace larder::artifacts {

/// What this process knows of packages that it has seen whole: that they still are is a `stat` for each file, not a look at their content.
class package_memo {
 public:
  package_memo() : table_(0) {}

  /// The package, shared with who uses it; nothing when it is not known, or something of it is not what it was.
  std::shared_ptr<const held_package> find(const std::string& key) const {
    const std::shared_ptr<known> seen = look_up(key);
    if (!seen) return nullptr;
    std::shared_ptr<const held_package> held = seen->held_now();
    if (!held) {
      std::optional<use_lock> use = use_lock::share_existing(seen->folder.use_path());
      if (!use) return nullptr;
      held = seen->hold(std::make_shared<const held_package>(held_package{seen->folder, seen->manifest, std::move(*use)}));
    } else if (!held->use.is_at_its_path()) {  // the folder was removed by hand
      return nullptr;
    }
    return is_unchanged(*seen) ? held : nullptr;
  }

  /// Keeps what is known of a package that was just found whole. One that changes meanwhile is not kept.
  void keep(const std::string& key, const std::shared_ptr<const held_package>& held) {
    auto seen = std::make_shared<known>(held->folder, held->manifest);
    if (!stamp(held->folder.manifest_path(), true, seen->manifest_stamp)) return;
    seen->stamps.resize(held->manifest->files.size());
    for (std::size_t i = 0; i < seen->stamps.size(); ++i)
      if (!stamp(held->folder.path_of(held->manifest->files[i].name), false, seen->stamps[i])) return;
    seen->hold(held);
    table& mine = table_.get();
    const std::lock_guard lock(mine.mutex);
    mine.packages[key] = std::move(seen);
  }

  void forget(const std::string& key) {
    table& mine = table_.get();
    const std::lock_guard lock(mine.mutex);
    mine.packages.erase(key);
  }

 private:
  struct known {
    known(package_folder of, std::shared_ptr<const package_manifest> has) : folder(std::move(of)), manifest(std::move(has)) {}

    std::shared_ptr<const held_package> held_now() {
      const std::lock_guard lock(mutex);
      return held.lock();
    }
    /// The one that is held already, else this one.
    std::shared_ptr<const held_package> hold(std::shared_ptr<const held_package> fresh) {
      const std::lock_guard lock(mutex);
      if (std::shared_ptr<const held_package> there = held.lock(); there && there->use.is_at_its_path()) return there;
      held = fresh;
      return fresh;
    }

    const package_folder folder;
    const std::shared_ptr<const package_manifest> manifest;
    file_stamp manifest_stamp;
    std::vector<file_stamp> stamps;
    std::mutex mutex;
    std::weak_ptr<const held_package> held;  // a package that nobody uses may be removed
  };
  struct table {
    explicit table(int) {}
    std::mutex mutex;
    std::unordered_map<std::string, std::shared_ptr<known>> packages;
  };

  static bool stamp(const std::filesystem::path& path, bool itself, file_stamp& out) noexcept {
    struct stat answer {};
    if ((itself ? ::lstat(path.c_str(), &answer) : ::stat(path.c_str(), &answer)) != 0 || !S_ISREG(answer.st_mode)) return false;
    out = stamp_of(answer);
    return true;
  }
  static bool is_unchanged(const known& seen) {
    file_stamp now;
    if (!stamp(seen.folder.manifest_path(), true, now) || now != seen.manifest_stamp) return false;
    for (std::size_t i = 0; i < seen.stamps.size(); ++i)
      if (!stamp(seen.folder.path_of(seen.manifest->files[i].name), false, now) || now != seen.stamps[i]) return false;
    return true;
  }

  std::shared_ptr<known> look_up(const std::string& key) const {
    table& mine = table_.get();
    const std::lock_guard lock(mine.mutex);
    const auto found = mine.packages.find(key);
    return found == mine.packages.end() ? nullptr : found->second;
  }

  sync::per_process<table, int> table_;
};

}  // namespace larder::artifacts
