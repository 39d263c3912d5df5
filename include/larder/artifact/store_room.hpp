#pragma once

// What a store takes up, and what goes when that is too much. What a blob is used by is what manifests say, and drafts of makers that live: counts are
// made when they are needed, so that folders removed by hand leave nothing wrong behind.

#include <larder/artifact/blob_folder.hpp>
#include <larder/artifact/content_digest.hpp>
#include <larder/artifact/left_partial_files.hpp>
#include <larder/artifact/package_folder.hpp>
#include <larder/artifact/package_index.hpp>
#include <larder/artifact/package_manifest.hpp>
#include <larder/artifact/packed_blobs.hpp>
#include <larder/artifact/piece_list.hpp>
#include <larder/artifact/store_layout.hpp>
#include <larder/artifact/use_lock.hpp>
#include <larder/core/error.hpp>
#include <larder/core/sweep.hpp>
#include <larder/core/time.hpp>
#include <larder/storage/posix_file.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <sys/stat.h>

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
  std::uint64_t packed_blobs = 0;  ///< that are kept in pieces
  std::uint64_t packed_bytes = 0;  ///< of them, if each were a file
  std::uint64_t piece_bytes = 0;   ///< of all pieces: what packed blobs take
  std::uint64_t own_bytes = 0;     ///< files that packages have for themselves: unverified ones and copies
  std::uint64_t allocated = 0;     ///< of blobs and such files
  std::uint64_t linked_bytes = 0;  ///< of all packages, as if each had a copy

  /// What a quota counts.
  std::uint64_t bytes() const noexcept { return blob_bytes + piece_bytes + own_bytes; }
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
  store_room(const store_layout& layout, const blob_folder& blobs, packed_blobs& packed)
      : layout_(layout), blobs_(blobs), packed_(packed) {}

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
    packed_.for_each([&](const content_digest&, const piece_list& list, std::int64_t) {
      ++usage.packed_blobs;
      usage.packed_bytes += list.size;
    });
    usage.piece_bytes = packed_.bytes_in_pieces();
    usage.allocated += usage.piece_bytes;
    return usage;
  }

  /// Removes blobs that no package wants, then files of packed ones, and then packages, least recently used first, until the store has at most so many
  /// bytes; pinned packages and those in use stay.
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
    erase_unwanted_lists(seen, report, [](std::int64_t) { return true; });
    if (seen.bytes > most) {
      removal_report files;
      erase_packed_files(seen, files);
      report.blobs += files.blobs;
      report.bytes += files.bytes;
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
  removal_report collect(instant now, duration grace, const sweep_control& control) const {
    const use_lock sweeping = sweep();
    removal_report report;
    view seen = look();
    core::sweep blobs(control);
    blobs.found(seen.blobs.size());
    for (const auto& [digest, blob] : seen.blobs) {
      blobs.next();
      if (seen.references(digest) == 0 && (grace.count() <= 0 || now.count() - blob.modified > grace.count()))
        erase(blob, seen, report);
    }
    blobs.finish();
    erase_unwanted_lists(seen, report, [&](std::int64_t packed_at) { return grace.count() <= 0 || now.count() - packed_at > grace.count(); });
    report.bytes += packed_.sweep();
    report.bytes += blobs_.empty_state(std::chrono::hours(1), [&](const content_digest& digest) { return packed_.has(digest); });
    report.bytes += remove_left_partial_files(layout_, std::chrono::hours(24 * 7));
    return report;
  }

  removal_report purge(purge_scope scope) const {
    const use_lock sweeping = sweep();
    removal_report report;
    view seen = look();
    if (scope != purge_scope::blobs)
      for (const package_info& package : seen.packages) remove(package, seen, report, scope == purge_scope::all);
    if (scope == purge_scope::packages) return report;
    if (scope == purge_scope::blobs) {
      purge_blobs(seen, report);
    } else {
      const std::unordered_map<content_digest, stored_blob> all = seen.blobs;
      for (const auto& [digest, blob] : all)
        if (seen.references(digest) == 0) erase(blob, seen, report);
      erase_unwanted_lists(seen, report, [](std::int64_t) { return true; });
      report.bytes += packed_.sweep();
      report.bytes += blobs_.empty_state(std::chrono::hours(1), [&](const content_digest& digest) { return packed_.has(digest); });
      report.bytes += remove_left_partial_files(layout_, std::chrono::seconds(0));
    }
    return report;
  }

  /// Removes the files of packed blobs that no package in use has; those of `which`, or of all.
  removal_report release_packed(const std::set<content_digest>* which = nullptr) const {
    const use_lock sweeping = sweep();
    removal_report report;
    view seen = look();
    erase_packed_files(seen, report, which);
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
    std::unordered_map<content_digest, std::int64_t> packed;  // and when
    std::unordered_map<content_digest, std::uint64_t> counts;
    std::vector<content_digest> drafted;
    std::uint64_t bytes = 0;

    std::uint64_t references(const content_digest& digest) const {
      const auto found = counts.find(digest);
      return found == counts.end() ? 0 : found->second;
    }
  };

  /// Lists of packed blobs that no package wants, as far as `may_go` agrees.
  template <class MayGo>
  void erase_unwanted_lists(view& seen, removal_report& report, MayGo&& may_go) const {
    bool any = false;
    for (const auto& [digest, packed_at] : seen.packed)
      if (seen.references(digest) == 0 && may_go(packed_at)) any = erase_list(digest) || any;
    if (any) sweep_pieces(seen, report);
  }
  bool erase_list(const content_digest& digest) const {
    if (!packed_.erase(digest)) return false;
    if (!blobs_.find(digest)) blobs_.erase(digest);  // its list of chunks
    return true;
  }
  void sweep_pieces(view& seen, removal_report& report) const {
    const std::uint64_t freed = packed_.sweep();
    report.bytes += freed;
    seen.bytes -= std::min(seen.bytes, freed);
  }

  /// Files that packed blobs have as well. A package that has such a file for itself, or by a hard link, gets it again with the next `get`.
  void erase_packed_files(view& seen, removal_report& report, const std::set<content_digest>* which = nullptr) const {
    std::vector<content_digest> twice;
    for (const auto& [digest, one] : seen.packed)
      if (which == nullptr || which->contains(digest)) twice.push_back(digest);
    for_each_free(twice, seen, report, [&](const content_digest& digest, const std::vector<std::size_t>& packages) {
      if (!packed_.is_whole(digest, false)) return;
      for (const std::size_t i : packages)
        for (const packaged_file& file : seen.packages[i].manifest.files) {
          if (file.digest != digest || file.kept == file_keeping::relative) continue;
          package_folder(seen.packages[i].folder).remove_files({file});
          if (!takes_room_of_its_own(file)) continue;
          report.bytes += file.size;
          seen.bytes -= std::min(seen.bytes, file.size);
        }
      const auto blob = seen.blobs.find(digest);
      if (blob == seen.blobs.end() || !blobs_.erase_content(digest)) return;
      ++report.blobs;
      report.bytes += blob->second.size;
      seen.bytes -= std::min(seen.bytes, blob->second.size);
      seen.blobs.erase(blob);
    });
  }

  void purge_blobs(view& seen, removal_report& report) const {
    std::vector<content_digest> all;
    for (const auto& [digest, blob] : seen.blobs) all.push_back(digest);
    for (const auto& [digest, one] : seen.packed)
      if (!seen.blobs.contains(digest)) all.push_back(digest);
    bool any = false;
    for_each_free(all, seen, report, [&](const content_digest& digest, const std::vector<std::size_t>&) {
      if (const auto blob = seen.blobs.find(digest); blob != seen.blobs.end()) erase(stored_blob(blob->second), seen, report);
      any = erase_list(digest) || any;
    });
    if (any) sweep_pieces(seen, report);
  }

  /// Calls `f(digest, packages that want it)` for each of these blobs that nobody uses; packages in use that want one are counted. Who has a package open, or opens it meanwhile, must find its files: while f runs
  /// nobody has one that wants it.
  template <class F>
  void for_each_free(const std::vector<content_digest>& blobs, const view& seen, removal_report& report, F&& f) const {
    std::unordered_map<content_digest, std::vector<std::size_t>> wanted_by;
    for (std::size_t i = 0; i < seen.packages.size(); ++i)
      for (const packaged_file& file : seen.packages[i].manifest.files)
        if (file.is_verified()) wanted_by[file.digest].push_back(i);
    const std::set<content_digest> drafted(seen.drafted.begin(), seen.drafted.end());
    std::set<std::size_t> in_use;
    for (const content_digest& digest : blobs) {
      if (drafted.contains(digest)) continue;
      std::vector<use_lock> nobody;
      const std::vector<std::size_t>& packages = wanted_by[digest];
      const bool is_free = std::all_of(packages.begin(), packages.end(), [&](std::size_t i) {
        return !in_use.contains(i) && (is_alone_with(seen.packages[i], nobody) || (in_use.insert(i), false));
      });
      if (is_free) f(digest, packages);
    }
    report.in_use += in_use.size();
  }
  /// Whether nobody else has a package, and will not while what is put into `nobody` lives.
  static bool is_alone_with(const package_info& package, std::vector<use_lock>& nobody) {
    try {
      if (std::optional<use_lock> alone = use_lock::try_alone(package_folder(package.folder).use_path())) {
        nobody.push_back(std::move(*alone));
        return true;
      }
    } catch (const error&) {  // a link, or no descriptor is left: it is not known
    }
    return false;
  }

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
    packed_.for_each([&](const content_digest& digest, const piece_list&, std::int64_t packed_at) { seen.packed[digest] = packed_at; });
    seen.bytes += packed_.bytes_in_pieces();
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
    std::vector<use_lock> nobody;
    if (!is_alone_with(package, nobody) && is_a_use_file(folder.use_path())) {
      ++report.in_use;
      return;
    }
    folder.remove(package.manifest);
    ++report.packages;
    bool lists_gone = false;
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
      if (seen.packed.erase(file.digest) != 0) lists_gone = erase_list(file.digest) || lists_gone;
    }
    if (lists_gone) sweep_pieces(seen, report);
  }

  static bool is_a_use_file(const std::filesystem::path& path) {
    const std::optional<storage::file_identity> there = storage::identify(path.string());
    return there && there->regular;
  }

  const store_layout& layout_;
  const blob_folder& blobs_;
  packed_blobs& packed_;
};

}  // namespace artifacts
}  // namespace larder
