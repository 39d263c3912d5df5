#pragma once

// What leaves a cache of passes here; shared_prune.hpp is about the shared store.

#include <larder/artifact/content_uses.hpp>
#include <larder/artifact/evaluation_record.hpp>
#include <larder/artifact/folder_tree.hpp>
#include <larder/artifact/locked_file.hpp>
#include <larder/artifact/pass_explanation.hpp>
#include <larder/artifact/pass_folder.hpp>
#include <larder/artifact/pass_record.hpp>
#include <larder/artifact/pass_report.hpp>
#include <larder/artifact/prune_limits.hpp>
#include <larder/artifact/sealed_text.hpp>
#include <larder/core/error.hpp>
#include <larder/core/time.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace larder {

/// An output that is cached here.
struct pass_entry {
  pass_record record;
  instant last_used{0};
  bool is_pinned = false;
  bool is_pending = false;               ///< not yet in the shared store
  std::vector<std::string> workflows{};  ///< that made or used it
};

namespace artifacts {

inline constexpr std::chrono::hours unused_content_grace{1};  // of blobs that no record names: one may be on its way
inline constexpr std::chrono::hours private_entry_grace{24};  // who could find it is likely to be gone

class pass_upkeep {
 public:
  pass_upkeep(const pass_folder& folder, pass_report& report) : folder_(folder), report_(report) {}

  /// All outputs that are here, least recently used first.
  std::vector<pass_entry> list() const {
    std::map<std::string, std::vector<std::string>> owners = workflows_of_markers();
    std::vector<pass_entry> all;
    for_each_run(folder_, [&](pass_record record) {
      try {
        if (record.listing)
          if (const auto text = read_small_file(folder_.listing_path(*record.listing), pass_record::longest_listing))
            record.read_listing(*text);
      } catch (const error&) {  // it is listed without its files
      }
      pass_entry entry;
      const auto seen = storage::identify(folder_.run_path(record.id).string());
      entry.last_used = seen ? instant(seen->modified) : record.made;
      entry.is_pinned = pass_folder::is_there(folder_.pin_path(record.id));
      entry.is_pending = pass_folder::is_there(folder_.pending_path(pass_folder::marker_of(pass_entry_kind::run, record.id)));
      entry.workflows = owners[pass_folder::marker_of(pass_entry_kind::run, record.id)];
      entry.record = std::move(record);
      all.push_back(std::move(entry));
    });
    std::sort(all.begin(), all.end(), [](const pass_entry& a, const pass_entry& b) {
      return a.last_used != b.last_used ? a.last_used < b.last_used : a.record.id < b.record.id;
    });
    return all;
  }

  prune_report prune(const prune_limits& limits, instant now) {
    prune_report report;
    const std::vector<pass_entry> entries = list();
    content_uses uses;
    for (const pass_entry& entry : entries) uses.add(entry.record);
    std::vector<const pass_entry*> stay;
    const auto leave = [&](const pass_entry& entry) {
      const std::uint64_t before = uses.bytes();
      if (!limits.dry_run && !remove_run(entry.record.id)) return;
      const std::vector<content_digest> free = uses.remove(entry.record);
      report.removed.push_back(entry.record.id);
      report.freed += before - uses.bytes();
      if (!limits.dry_run)
        for (const content_digest& digest : free) erase_content(digest);
    };
    for (const pass_entry& entry : entries) {
      const bool is_old = limits.max_age && now - entry.record.made > *limits.max_age;
      const bool is_idle = limits.max_idle && now - entry.last_used > *limits.max_idle;
      const bool is_lost = entry.record.is_private && now - entry.last_used > private_entry_grace;
      const bool is_over = entry.record.failure && now >= entry.record.failure->until;
      if (!entry.is_pinned && (is_old || is_idle || is_lost || is_over))
        leave(entry);
      else
        stay.push_back(&entry);
    }
    if (limits.max_bytes)
      for (const pass_entry* const entry : stay) {
        if (uses.bytes() <= *limits.max_bytes) break;
        if (!entry->is_pinned) leave(*entry);
      }
    report.kept = uses.bytes();
    report.evaluations = prune_evaluations(limits, now);
    if (limits.dry_run) return report;
    const auto latest =
        std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::system_clock::now().time_since_epoch()) -
        unused_content_grace;
    for (const stored_blob& blob : folder_.blobs().list())
      if (!uses.needs(blob.digest) && instant(blob.modified) < latest && folder_.blobs().erase(blob.digest))
        report.freed += blob.size;
    report.freed += folder_.blobs().empty_state(unused_content_grace);
    for_each_entry(folder_.root() / "listings", [&](const std::filesystem::path& path) {
      const std::optional<content_digest> digest = content_digest::parse(path.filename().string());
      const auto seen = storage::identify(path.string());
      if (digest && !uses.needs(*digest) && seen && instant(seen->modified) < latest && storage::remove_file(path.string()))
        report.freed += seen->size;
    });
    for (const char* const name : {"runs", "evaluations", "listings"}) remove_unfinished(folder_.root() / name);
    remove_old_work();
    remove_lost_outputs();
    return report;
  }

  /// Removes an entry, unless somebody is making it at this moment; its contents stay until they are pruned. Whether it was there.
  bool remove_run(const std::string& id) {
    std::optional<locked_file> lock;
    try {
      lock = locked_file::try_lock(folder_.lock_of(id));
      if (!lock) return false;
    } catch (...) {
      report_.absorb_current();
    }
    bool removed = false;
    try {
      removed = storage::remove_file(folder_.run_path(id).string());
      folder_.remove_output(id);
      storage::remove_file(folder_.pin_path(id).string());
      storage::remove_file(folder_.pending_path(pass_folder::marker_of(pass_entry_kind::run, id)).string());
      remove_markers(pass_folder::marker_of(pass_entry_kind::run, id));
    } catch (...) {
      report_.absorb_current();
    }
    if (lock) lock->discard();
    return removed;
  }

  /// This workflow's entries of a kind go; pinned ones stay, and, unless `shared_too`, those that another workflow made or used too. How many went.
  std::size_t clean(pass_entry_kind kind, bool shared_too = false) {
    std::size_t removed = 0;
    const std::map<std::string, std::vector<std::string>> owners = workflows_of_markers();
    for (const auto& [marker, workflows] : owners) {
      if (marker.front() != static_cast<char>(kind)) continue;
      if (std::find(workflows.begin(), workflows.end(), folder_.workflow()) == workflows.end()) continue;
      const std::string id = marker.substr(2);
      if (kind == pass_entry_kind::run && pass_folder::is_there(folder_.pin_path(id))) continue;
      storage::remove_file((folder_.workflow_folder() / marker).string());
      if (workflows.size() > 1 && !shared_too) continue;
      if (kind == pass_entry_kind::run ? remove_run(id) : remove_evaluation(id)) ++removed;
    }
    return removed;
  }

 private:
  void erase_content(const content_digest& digest) {
    try {
      folder_.blobs().erase(digest);
      storage::remove_file(folder_.listing_path(digest).string());
    } catch (...) {
      report_.absorb_current();
    }
  }
  bool remove_evaluation(const std::string& id) {
    const bool removed = storage::remove_file(folder_.evaluation_path(id).string());
    storage::remove_file(folder_.pending_path(pass_folder::marker_of(pass_entry_kind::evaluation, id)).string());
    remove_markers(pass_folder::marker_of(pass_entry_kind::evaluation, id));
    return removed;
  }
  std::size_t prune_evaluations(const prune_limits& limits, instant now) {
    std::size_t removed = 0;
    if (!limits.max_age && !limits.max_idle) return removed;
    for_each_entry(folder_.root() / "evaluations", [&](const std::filesystem::path& path) {
      const std::string name = path.filename().string();
      if (!name.ends_with(".json")) return;
      try {
        const std::optional<std::string> text = read_small_file(path, pass_record::longest);
        const auto seen = storage::identify(path.string());
        if (!text || !seen) return;
        const unsealed_text opened = unseal_text(*text, secret());
        const instant made =
            opened.state == seal_state::whole ? evaluation_record::parse(opened.body).made : instant(seen->modified);
        if ((limits.max_age && now - made > *limits.max_age) ||
            (limits.max_idle && now - instant(seen->modified) > *limits.max_idle))
          removed += limits.dry_run || remove_evaluation(name.substr(0, name.size() - 5)) ? 1 : 0;
      } catch (...) {
        report_.absorb_current();
      }
    });
    return removed;
  }
  void remove_old_work() const {
    std::error_code failed;
    const auto latest = std::filesystem::file_time_type::clock::now() - std::chrono::hours(24);
    for (std::filesystem::directory_iterator at(folder_.root() / "work", failed), end; !failed && at != end;
         at.increment(failed)) {
      std::error_code ignored;
      if (at->last_write_time(ignored) < latest && !ignored) remove_tree(at->path());
    }
  }

  /// Outputs without a record: of who was killed before he wrote it, and those that could not be cached.
  void remove_lost_outputs() const {
    const auto latest = std::filesystem::file_time_type::clock::now() - std::chrono::hours(24);
    for_each_entry(folder_.root() / "outputs", [&](const std::filesystem::path& path) {
      std::error_code failed;
      const std::string id = path.filename().string();
      if (!is_pass_id(id) || pass_folder::is_there(folder_.run_path(id))) return;
      if (std::filesystem::last_write_time(path, failed) > latest || failed) return;
      try {
        std::optional<locked_file> lock = locked_file::try_lock(folder_.lock_of(id));
        if (!lock) return;
        if (!pass_folder::is_there(folder_.run_path(id))) folder_.remove_output(id);
        lock->discard();
      } catch (...) {
        report_.absorb_current();
      }
    });
  }

  template <class F>
  void for_each_workflow(F&& f) const {
    for_each_entry(folder_.root() / "workflows", [&](const std::filesystem::path& path) {
      std::error_code ignored;
      if (std::filesystem::is_directory(std::filesystem::symlink_status(path, ignored))) f(path);
    });
  }
  void remove_markers(const std::string& marker) const {
    for_each_workflow([&](const std::filesystem::path& folder) { storage::remove_file((folder / marker).string()); });
  }
  std::map<std::string, std::vector<std::string>> workflows_of_markers() const {
    std::map<std::string, std::vector<std::string>> owners;
    for_each_workflow([&](const std::filesystem::path& folder) {
      std::string name;
      try {
        name = read_small_file(folder / "name", 4096).value_or(folder.filename().string());
      } catch (const error&) {
        name = folder.filename().string();
      }
      for_each_entry(folder, [&](const std::filesystem::path& path) {
        if (const std::string marker = path.filename().string(); marker.size() == 66 && marker[1] == '-')
          owners[marker].push_back(name);
      });
    });
    return owners;
  }

  const pass_folder& folder_;
  pass_report& report_;
};

}  // namespace artifacts
}  // namespace larder
