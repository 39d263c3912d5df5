#pragma once

// What a store takes up, and what goes when that is too much. What a blob is used by is what manifests say, and drafts of makers that live: counts are
// made when they are needed, so that folders removed by hand leave nothing wrong behind.

#include <larder/artifact/blob_folder.hpp>
#include <larder/artifact/content_digest.hpp>
#include <larder/artifact/package_folder.hpp>
#include <larder/artifact/package_index.hpp>
#include <larder/artifact/package_manifest.hpp>
#include <larder/artifact/store_layout.hpp>
#include <larder/artifact/use_lock.hpp>
#include <larder/core/error.hpp>
#include <larder/core/time.hpp>
#include <larder/storage/posix_file.hpp>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <system_error>
#include <unordered_map>
#include <utility>
#include <vector>

#include <sys/stat.h>
#include <unistd.h>

namespace larder {

/// What a store has. Sizes are those of the content, each blob once; `allocated` is what the file system keeps for it: less for files with holes, more
/// for many small ones.
struct store_usage {
  std::uint64_t packages = 0;
  std::uint64_t files = 0;       ///< of all packages
  std::uint64_t unverified = 0;  ///< of them, without a digest of their provider's
  std::uint64_t blobs = 0;
  std::uint64_t unreferenced_blobs = 0;
  std::uint64_t blob_bytes = 0;
  std::uint64_t own_bytes = 0;     ///< files that packages have for themselves: unverified ones and copies
  std::uint64_t allocated = 0;     ///< of blobs and such files
  std::uint64_t linked_bytes = 0;  ///< of all packages, as if each had a copy

  /// What a quota counts.
  std::uint64_t bytes() const noexcept { return blob_bytes + own_bytes; }
};

/// What was removed.
struct removal_report {
  std::uint64_t packages = 0;
  std::uint64_t blobs = 0;
  std::uint64_t bytes = 0;   ///< as a quota counts
  std::uint64_t in_use = 0;  ///< packages that would have gone and are in use
};

enum class purge_scope : std::uint8_t {
  all,       ///< packages, then blobs
  packages,  ///< packages alone: they are made again from the blobs
  blobs,     ///< blobs alone: packages notice, and fetch them again
};

namespace artifacts {

class store_room {
 public:
  store_room(const store_layout& layout, const blob_folder& blobs) : layout_(layout), blobs_(blobs) {}

  store_usage usage() const {
    store_usage usage;
    std::unordered_map<content_digest, bool> wanted;
    package_index(layout_).for_each([&](package_info&& package) {
      ++usage.packages;
      for (const packaged_file& file : package.manifest.files) {
        ++usage.files;
        usage.linked_bytes += file.size;
        if (file.is_verified()) wanted[file.digest] = true;
        if (!file.is_verified()) ++usage.unverified;
        if (!takes_room_of_its_own(file)) continue;
        struct stat there {};
        if (::lstat((package.folder / file.name).c_str(), &there) != 0) continue;
        usage.own_bytes += static_cast<std::uint64_t>(there.st_size);
        usage.allocated += static_cast<std::uint64_t>(there.st_blocks) * 512U;
      }
    });
    blobs_.for_each([&](const stored_blob& blob) {
      ++usage.blobs;
      usage.blob_bytes += blob.size;
      usage.allocated += blob.allocated;
      if (!wanted.contains(blob.digest)) ++usage.unreferenced_blobs;
    });
    return usage;
  }

  /// Removes blobs that no package wants, and then packages, least recently used first, until the store has at most so many bytes; pinned ones and
  /// those in use stay.
  removal_report shrink(std::uint64_t most) const {
    const use_lock sweeping = sweep();
    view seen = look();
    removal_report report;
    if (seen.bytes <= most) return report;
    std::vector<const stored_blob*> orphans;
    for (const auto& [digest, blob] : seen.blobs)
      if (seen.references(digest) == 0) orphans.push_back(&blob);
    std::sort(orphans.begin(), orphans.end(), [](const auto* a, const auto* b) { return a->modified < b->modified; });
    for (const stored_blob* const blob : orphans) {
      if (seen.bytes <= most) return report;
      erase(*blob, seen, report);
    }
    std::sort(seen.packages.begin(), seen.packages.end(),
              [](const package_info& a, const package_info& b) { return a.last_use < b.last_use; });
    for (const package_info& package : seen.packages) {
      if (seen.bytes <= most) break;
      if (!package.pinned) remove(package, seen, report, true);
    }
    return report;
  }

  /// Removes blobs that no package wants and that were stored longer ago than `grace`, what was found damaged, and what dead processes left.
  removal_report collect(instant now, duration grace) const {
    const use_lock sweeping = sweep();
    removal_report report;
    view seen = look();
    for (const auto& [digest, blob] : seen.blobs)
      if (seen.references(digest) == 0 && (grace.count() <= 0 || now.count() - blob.modified > grace.count()))
        erase(blob, seen, report);
    report.bytes += blobs_.empty_state(std::chrono::hours(1));
    report.bytes += remove_partial_files(std::chrono::hours(24 * 7));
    return report;
  }

  removal_report purge(purge_scope scope) const {
    const use_lock sweeping = sweep();
    removal_report report;
    view seen = look();
    if (scope != purge_scope::blobs)
      for (const package_info& package : seen.packages) remove(package, seen, report, scope == purge_scope::all);
    if (scope == purge_scope::packages) return report;
    const std::unordered_map<content_digest, stored_blob> all = seen.blobs;
    std::unordered_map<content_digest, bool> in_use;
    if (scope == purge_scope::blobs) {  // who has a package open must find its files
      for (const package_info& package : seen.packages)
        if (!use_lock::try_alone(package_folder(package.folder).use_path())) {
          ++report.in_use;
          for (const packaged_file& file : package.manifest.files) in_use[file.digest] = true;
        }
      for (const content_digest& digest : seen.drafted) in_use[digest] = true;
    }
    for (const auto& [digest, blob] : all) {
      if (!seen.blobs.contains(digest)) continue;
      if (scope == purge_scope::blobs ? !in_use.contains(digest) : seen.references(digest) == 0) erase(blob, seen, report);
    }
    if (scope == purge_scope::all) {
      report.bytes += blobs_.empty_state(std::chrono::hours(1));
      report.bytes += remove_partial_files(std::chrono::seconds(0));
    }
    return report;
  }

  /// Removes one package; nothing when it is in use. Its blobs stay, for `collect`.
  std::optional<removal_report> erase_package(const package_info& package) const {
    const use_lock sweeping = sweep();
    removal_report report;
    view none;
    remove(package, none, report, false);
    if (report.in_use != 0) return std::nullopt;
    return report;
  }

 private:
  /// All there is, and what wants it.
  struct view {
    std::vector<package_info> packages;
    std::unordered_map<content_digest, stored_blob> blobs;
    std::unordered_map<content_digest, std::uint64_t> counts;
    std::vector<content_digest> drafted;
    std::uint64_t bytes = 0;

    std::uint64_t references(const content_digest& digest) const {
      const auto found = counts.find(digest);
      return found == counts.end() ? 0 : found->second;
    }
  };

  static bool takes_room_of_its_own(const packaged_file& file) noexcept {
    return file.kept == file_keeping::own || file.kept == file_keeping::copy;
  }

  use_lock sweep() const {
    for (;;) {
      if (std::optional<use_lock> alone = use_lock::alone(layout_.sweep_lock())) return std::move(*alone);
      layout_.make_folders();
    }
  }

  view look() const {
    view seen;
    package_index index(layout_);
    index.for_each_draft([&](const package_manifest& draft, const std::filesystem::path&) {
      for (const packaged_file& file : draft.files) {
        ++seen.counts[file.digest];
        seen.drafted.push_back(file.digest);
      }
    });
    index.for_each([&](package_info&& package) {
      for (const packaged_file& file : package.manifest.files) {
        if (file.is_verified()) ++seen.counts[file.digest];
        if (takes_room_of_its_own(file)) seen.bytes += file.size;
      }
      seen.packages.push_back(std::move(package));
    });
    blobs_.for_each([&](const stored_blob& blob) {
      seen.blobs.emplace(blob.digest, blob);
      seen.bytes += blob.size;
    });
    return seen;
  }

  void erase(const stored_blob& blob, view& seen, removal_report& report) const {
    const content_digest digest = blob.digest;
    const std::uint64_t size = blob.size;
    if (!blobs_.erase(digest)) return;
    ++report.blobs;
    report.bytes += size;
    seen.bytes -= std::min(seen.bytes, size);
  }

  /// With its blobs, where asked: those that nobody else wants.
  void remove(const package_info& package, view& seen, removal_report& report, bool with_blobs) const {
    const package_folder folder(package.folder);
    const std::optional<use_lock> nobody = use_lock::try_alone(folder.use_path());
    if (!nobody && storage::identify(folder.use_path().string())) {
      ++report.in_use;
      return;
    }
    folder.remove(package.manifest);
    ++report.packages;
    for (const packaged_file& file : package.manifest.files) {
      if (takes_room_of_its_own(file)) {
        report.bytes += file.size;
        seen.bytes -= std::min(seen.bytes, file.size);
      }
      if (!file.is_verified()) continue;
      const auto count = seen.counts.find(file.digest);
      if (count == seen.counts.end() || --count->second != 0 || !with_blobs) continue;
      if (const auto blob = seen.blobs.find(file.digest); blob != seen.blobs.end()) {
        erase(blob->second, seen, report);
        seen.blobs.erase(blob);
      }
    }
  }

  std::uint64_t remove_partial_files(std::chrono::seconds older_than) const {
    std::uint64_t freed = 0;
    const auto latest = std::filesystem::file_time_type::clock::now() - older_than;
    std::error_code failed;
    for (std::filesystem::directory_iterator at(layout_.partial(), failed), end; !failed && at != end; at.increment(failed)) {
      std::error_code ignored;
      const std::string name = at->path().filename().string();
      if (!std::filesystem::is_regular_file(at->symlink_status(ignored)) || name.ends_with(".journal")) continue;
      if (at->last_write_time(ignored) > latest || ignored) continue;
      // A partial file is a blob's: its lock says whether somebody is at it. Others are as old as they look.
      const std::filesystem::path lock = layout_.blob_lock(name);
      if (storage::identify(lock.string()) && !use_lock::try_alone(lock)) continue;
      if (name.starts_with("own-") && older_than.count() == 0) continue;
      struct stat there {};
      if (::lstat(at->path().c_str(), &there) != 0 || ::unlink(at->path().c_str()) != 0) continue;
      ::unlink((at->path().string() + ".journal").c_str());
      freed += static_cast<std::uint64_t>(there.st_blocks) * 512U;
    }
    return freed;
  }

  const store_layout& layout_;
  const blob_folder& blobs_;
};

}  // namespace artifacts
}  // namespace larder
