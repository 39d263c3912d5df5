#pragma once

// Packages of model files, each file stored once: fetched by ranges, checked before anything can see it, shared between packages, processes and
// machines. docs/packages.md tells the whole story.

#include <larder/artifact/artifact_home.hpp>
#include <larder/artifact/blob_folder.hpp>
#include <larder/artifact/blob_supply.hpp>
#include <larder/artifact/fetch_sink.hpp>
#include <larder/artifact/file_scan.hpp>
#include <larder/artifact/hub_cache.hpp>
#include <larder/artifact/package.hpp>
#include <larder/artifact/package_archive.hpp>
#include <larder/artifact/package_file.hpp>
#include <larder/artifact/package_flights.hpp>
#include <larder/artifact/package_index.hpp>
#include <larder/artifact/package_maker.hpp>
#include <larder/artifact/package_manifest.hpp>
#include <larder/artifact/package_memo.hpp>
#include <larder/artifact/package_report.hpp>
#include <larder/artifact/package_store_settings.hpp>
#include <larder/artifact/package_store_stats.hpp>
#include <larder/artifact/packed_blobs.hpp>
#include <larder/artifact/store_layout.hpp>
#include <larder/artifact/store_room.hpp>
#include <larder/artifact/transfer_sum.hpp>
#include <larder/artifact/use_lock.hpp>
#include <larder/core/error.hpp>
#include <larder/core/sweep.hpp>
#include <larder/core/time.hpp>
#include <larder/core/transfer.hpp>
#include <larder/format/tensor_name.hpp>
#include <larder/remote/environment.hpp>
#include <larder/storage/posix_file.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <filesystem>
#include <iterator>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fcntl.h>

namespace larder {

/// Packages below a home folder, for any number of threads and processes at once. Ids are any text; what becomes a path is checked.
class package_store {
 public:
  /// INFERENCE_HOME, else /tmp/cache.
  static std::filesystem::path default_home(const remote::environment_reader& read = remote::process_environment) {
    return artifact_home({}, read);
  }

  /// Makes the folders where they are missing. Throws `larder::error` when they cannot be.
  explicit package_store(const std::filesystem::path& home = default_home(), package_store_settings settings = {})
      : settings_(std::move(settings)),
        layout_{artifact_home(home)},
        blobs_(layout_.blobs(), layout_.state()),
        packed_(blobs_),
        supply_(layout_, blobs_, packed_, hubs_of(settings_), settings_.streams),
        maker_(layout_, blobs_, supply_, settings_, counters_),
        room_(layout_, blobs_, packed_) {
    layout_.make_folders();
  }
  package_store(const package_store&) = delete;
  package_store& operator=(const package_store&) = delete;

  const std::filesystem::path& home() const noexcept { return layout_.home; }
  const package_store_settings& settings() const noexcept { return settings_; }

  /// The package with these files, made if need be: what is here under its digest is linked, the rest fetched, each blob once among all threads and
  /// processes that want it. Whole when it returns. Throws what `fetch` throws, and `larder::error`: (invalid_argument) for ids, names and missing
  /// digests, (corruption) when bytes are not what they should be, (unauthorized) when the guard refuses, (io) when offline and something is missing,
  /// (cancelled). Then the package is what it was before, or there is none.
  package get(std::string_view model_id, std::string_view package_id, const std::vector<package_file>& files,
              const fetch_function& fetch, const transfer_control& control = {}) {
    check_order(package_id, files);
    const bool may_fetch = !settings_.offline && fetch != nullptr;
    return *provide({model_id, package_id, &files, nullptr, may_fetch ? &fetch : nullptr, false}, control);
  }

  /// The package as it was made, without asking anybody; nothing when there is none. Links that were removed are put back; throws `larder::error` (io)
  /// when a file is gone.
  std::optional<package> find(std::string_view model_id, std::string_view package_id, const transfer_control& control = {}) {
    artifacts::check_package_id(package_id);
    return provide({model_id, package_id}, control);
  }

  /// All packages, sorted by model and package.
  std::vector<package_info> list() const {
    constexpr std::size_t worth_a_thread = 500;  // models
    const std::vector<std::string> models = artifacts::package_index(layout_).models();
    const std::size_t parts = std::clamp<std::size_t>(models.size() / worth_a_thread, 1, settings_.streams + 1);
    std::vector<std::vector<package_info>> found(parts);
    supply_.streams().run(parts, parts, {}, [&](std::size_t i, const std::stop_token&) {
      const std::size_t begin = models.size() * i / parts;
      artifacts::package_index(layout_).for_each_of(std::span(models).subspan(begin, models.size() * (i + 1) / parts - begin),
                                                    [&](package_info&& package) { found[i].push_back(std::move(package)); });
    });
    std::vector<package_info> all = std::move(found.front());
    for (std::size_t i = 1; i < parts; ++i)
      all.insert(all.end(), std::make_move_iterator(found[i].begin()), std::make_move_iterator(found[i].end()));
    std::sort(all.begin(), all.end(), [](const package_info& a, const package_info& b) {
      return a.manifest.model_id != b.manifest.model_id ? a.manifest.model_id < b.manifest.model_id
                                                        : a.manifest.package_id < b.manifest.package_id;
    });
    return all;
  }

  /// Looks whether a package is whole, and changes nothing of it. Throws `larder::error` when there is no such package, or a stop is requested.
  package_report verify(std::string_view model_id, std::string_view package_id, verify_depth depth = verify_depth::deep,
                        const transfer_control& control = {}) const {
    const package_manifest manifest = known(model_id, package_id);
    const artifacts::package_folder folder(layout_.package(model_id, package_id));
    package_report report{manifest.model_id, manifest.package_id, {}};
    artifacts::transfer_sum progress(manifest.files.size(), control);
    for (std::size_t i = 0; i < manifest.files.size(); ++i) {
      report.files.push_back(verify_file(folder, manifest.files[i], depth, progress.part(i)));
      progress.tell(i, manifest.files[i].size, manifest.files[i].size);
    }
    return report;
  }

  /// Reads everything of a package and makes it right: of what is damaged its chunks are fetched, of what is missing all of it, links are put back.
  /// `files` say where from. Throws as `get` does.
  repair_report repair(std::string_view model_id, std::string_view package_id, const std::vector<package_file>& files,
                       const fetch_function& fetch, const transfer_control& control = {}) {
    check_order(package_id, files);
    const bool may_fetch = !settings_.offline && fetch != nullptr;
    const artifacts::package_order order{model_id, package_id, &files, nullptr, may_fetch ? &fetch : nullptr, true};
    memo_.forget(layout_.package(model_id, package_id).string());
    const std::optional<artifacts::made_package> made = maker_.make(order, control);
    if (!made) return {};
    return {made->work.mended_files, made->work.fetched_files, made->work.fetched_bytes, made->work.relinked_files};
  }

  /// Removes a package; its blobs stay, for others or for `gc`. False when there is none. Throws `larder::error` (invalid_argument) when it is in use.
  bool erase(std::string_view model_id, std::string_view package_id) {
    artifacts::check_package_id(package_id);
    const artifacts::package_folder folder(layout_.package(model_id, package_id));
    std::optional<package_manifest> manifest = folder.manifest(model_id, package_id);
    if (!manifest) return false;
    memo_.forget(folder.path().string());
    if (!room_.erase_package({std::move(*manifest), folder.path(), {}, false}))
      core::fail(error_cause::invalid_argument, "the package " + format::printable_name(package_id) + " of " +
                                                    format::printable_name(model_id) + " is in use; let go of it first");
    return true;
  }

  /// A pinned package is not removed by the quota, whoever uses it or not; it stays pinned for all processes until `unpin`, `erase` or `purge`. Throws
  /// `larder::error` when there is no such package.
  void pin(std::string_view model_id, std::string_view package_id) { set_pinned(model_id, package_id, true); }
  void unpin(std::string_view model_id, std::string_view package_id) { set_pinned(model_id, package_id, false); }

  /// Removes blobs that no package has and that are older than `grace`, quarantined ones, and what dead processes left. `control` follows the blobs.
  removal_report gc(duration grace = duration{0}, const sweep_control& control = {}) {
    return room_.collect(settings_.clock(), grace, control);
  }
  /// Removes everything that nobody uses now, pinned or not.
  removal_report purge(purge_scope scope = purge_scope::all) { return room_.purge(scope); }
  /// Removes what the quota says, and more when `most` is less. Happens by itself when a package was made.
  removal_report shrink_to(std::uint64_t most) {
    const removal_report report = room_.shrink(most);
    counters_.evicted_packages.add(report.packages);
    counters_.removed_blobs.add(report.blobs);
    return report;
  }

  /// Keeps the files of a package in pieces that equal content of all packed packages shares: tensors of safetensors and GGUF files, else what content itself
  /// cuts off (16 KiB). Files that nobody uses go; the next `get` or `find` puts them together again, without a provider, and compares them with their digests.
  /// Files without a digest stay as they are. Throws `larder::error`: (invalid_argument) when there is no such package, (corruption) when a file is
  /// damaged, (no_space), (cancelled); then nothing has gone.
  pack_report pack(std::string_view model_id, std::string_view package_id, const transfer_control& control = {}) {
    return pack_files({known(model_id, package_id)}, control);
  }
  /// The same for all packages.
  pack_report pack_all(const transfer_control& control = {}) {
    std::vector<package_manifest> all;
    for (package_info& info : list()) all.push_back(std::move(info.manifest));
    return pack_files(all, control);
  }

  /// Writes packages (all where none are named) into one file, by which `import_from` makes them elsewhere. They are in use meanwhile. Throws
  /// `larder::error`; then there is no file.
  std::size_t export_to(const std::filesystem::path& path, const std::vector<std::pair<std::string, std::string>>& which = {},
                        const transfer_control& control = {}) {
    std::vector<package> packages;
    const auto take = [&](std::string_view model_id, std::string_view package_id) {
      std::optional<package> found = find(model_id, package_id, control);
      if (!found) fail_absent(model_id, package_id);
      packages.push_back(std::move(*found));
    };
    for (const auto& [model_id, package_id] : which) take(model_id, package_id);
    if (which.empty())
      for (const package_info& info : list()) take(info.manifest.model_id, info.manifest.package_id);
    if (packages.empty())
      core::fail(error_cause::invalid_argument, "there are no packages in \"" + layout_.home.string() + "\" to export");
    artifacts::write_archive(path, packages, blobs_, control);
    return packages.size();
  }

  /// Makes the packages of an archive; everything is compared with its digest. How many there are. Throws `larder::error` (corruption) for an archive
  /// that is damaged or none; packages before the damage stay.
  std::size_t import_from(const std::filesystem::path& path, const transfer_control& control = {}) {
    const artifacts::archive_reader archive(path);
    const fetch_function fetch = archive.fetch();
    for (const artifacts::archived_package& package : archive.packages())
      if (!maker_.make(
              {package.manifest.model_id, package.manifest.package_id, &package.files, &package.manifest.files, &fetch, false},
              control))
        core::fail(error_cause::io, "a package of \"" + path.string() + "\" could not be made");
    hold_quota();
    return archive.packages().size();
  }

  store_usage usage() const { return room_.usage(); }
  package_store_stats stats() const noexcept { return counters_.read(); }
  /// The files under their digests.
  const artifacts::blob_folder& blobs() const noexcept { return blobs_; }

 private:
  static std::vector<hub_cache> hubs_of(const package_store_settings& settings) {
    std::vector<hub_cache> hubs;
    for (const std::filesystem::path& root : settings.hub_caches) hubs.emplace_back(root);
    return hubs;
  }

  void check_order(std::string_view package_id, const std::vector<package_file>& files) const {
    artifacts::check_package_id(package_id);
    if (files.empty())
      core::fail(error_cause::invalid_argument,
                 "the package " + format::printable_name(package_id) + " has no files; name at least one");
    std::vector<std::string_view> names;
    names.reserve(files.size());
    for (const package_file& file : files) names.push_back(file.name);
    if (const std::string fault = artifacts::package_names_fault(names); !fault.empty())
      core::fail(error_cause::invalid_argument, "the package " + format::printable_name(package_id) + ": " + fault);
    if (!settings_.require_digest) return;
    for (const package_file& file : files)
      if (!file.digest)
        core::fail(error_cause::invalid_argument,
                   "the file " + format::printable_name(file.name) +
                       " comes without a digest, and require_digest refuses such files; nothing was fetched");
  }

  pack_report pack_files(const std::vector<package_manifest>& packages, const transfer_control& control) {
    std::set<content_digest> digests;
    for (const package_manifest& package : packages)
      for (const packaged_file& file : package.files)
        if (file.is_verified() && blobs_.find(file.digest)) digests.insert(file.digest);
    artifacts::transfer_sum progress(digests.size(), control);
    pack_report report;
    for (const content_digest& digest : digests) {
      const artifacts::packed_blob packed = packed_.pack(digest, progress.part(static_cast<std::size_t>(report.files)));
      ++report.files;
      report.bytes += packed.size;
      report.added += packed.added;
    }
    const removal_report gone = room_.release_packed(&digests);
    report.freed = gone.bytes;
    report.in_use = gone.in_use;
    return report;
  }

  [[noreturn]] void fail_absent(std::string_view model_id, std::string_view package_id) const {
    core::fail(error_cause::invalid_argument, "there is no package " + format::printable_name(package_id) + " of " +
                                                  format::printable_name(model_id) + " in \"" + layout_.home.string() + "\"");
  }
  package_manifest known(std::string_view model_id, std::string_view package_id) const {
    artifacts::check_package_id(package_id);
    std::optional<package_manifest> manifest =
        artifacts::package_folder(layout_.package(model_id, package_id)).manifest(model_id, package_id);
    if (!manifest) fail_absent(model_id, package_id);
    return std::move(*manifest);
  }

  std::optional<package> provide(const artifacts::package_order& order, const transfer_control& control) {
    const std::string key = layout_.package(order.model_id, order.package_id).string();
    for (;;) {
      if (const std::shared_ptr<const artifacts::held_package> held = memo_.find(key);
          held && (order.files == nullptr || artifacts::has_files(*held->manifest, *order.files))) {
        check_access(*held->manifest);
        artifacts::package_folder::touch(held->use, settings_.clock());
        counters_.hits.add();
        return package(held);
      }
      std::optional<artifacts::made_package> made;
      if (!flights_.run(flight_of(key, order), control, [&](const transfer_control& told) { made = maker_.make(order, told); })) {
        counters_.joined.add();
        continue;
      }
      if (!made) return std::nullopt;
      if (!made->all_fetched) check_access(*made->held->manifest);
      if (made->as_it_was) counters_.hits.add();
      memo_.keep(key, made->held);
      if (!made->as_it_was) hold_quota();
      return package(std::move(made->held));
    }
  }
  /// That this cannot be done keeps nobody from a package that is there.
  void hold_quota() {
    if (!settings_.quota) return;
    try {
      shrink_to(*settings_.quota);
    } catch (const std::exception&) {
      counters_.quota_failures.add();
    }
  }
  /// Who wants the same, of the same sources, waits for one of them.
  static std::string flight_of(const std::string& key, const artifacts::package_order& order) {
    std::string text = key;
    const auto add = [&](std::string_view part) { text += '\n' + std::to_string(part.size()) + ':' + std::string(part); };
    add(order.fetch != nullptr ? "fetch" : "look");
    if (order.files != nullptr)
      for (const package_file& file : *order.files) {
        add(file.name);
        add(file.url);
        add(file.digest ? file.digest->text() : "");
        add(file.size ? std::to_string(*file.size) : "");
      }
    return text;
  }
  void check_access(const package_manifest& manifest) {
    if (!settings_.guard || settings_.guard({manifest.model_id, manifest.package_id, manifest})) return;
    counters_.denied.add();
    core::fail(error_cause::unauthorized, "access to the package " + format::printable_name(manifest.package_id) + " of " +
                                              format::printable_name(manifest.model_id) + " was refused");
  }

  file_report verify_file(const artifacts::package_folder& folder, const packaged_file& file, verify_depth depth,
                          const transfer_control& control) const {
    file_report report{file.name, file.digest, file_fault::none, file.is_verified(), file.size, {}};
    const artifacts::placed_file placed = folder.look(file, blobs_);
    if (file.is_verified()) {
      const artifacts::blob_report blob = blobs_.verify(
          file.digest, depth == verify_depth::deep ? artifacts::verification::digest : artifacts::verification::size, control);
      report.damaged_chunks = blob.damaged_chunks;
      if (blob.state == artifacts::blob_state::absent && packed_.has(file.digest)) {
        report.packed = true;
        if (!packed_.is_whole(file.digest, depth == verify_depth::deep, control)) report.fault = file_fault::damaged;
        return report;
      }
      if (blob.state == artifacts::blob_state::absent)
        report.fault = file_fault::missing;
      else if (blob.state == artifacts::blob_state::damaged)
        report.fault = file_fault::damaged;
    } else if (placed == artifacts::placed_file::misplaced) {
      report.fault = file_fault::missing;
    }
    if (report.fault != file_fault::none) return report;
    if (placed == artifacts::placed_file::misplaced) report.fault = file_fault::misplaced;
    if (placed == artifacts::placed_file::wrong_size) report.fault = file_fault::damaged;
    const bool by_itself = file.kept == file_keeping::own || file.kept == file_keeping::copy;
    if (report.fault != file_fault::none || depth == verify_depth::quick || !by_itself) return report;
    const std::string path = folder.path_of(file.name).string();
    const storage::file_descriptor opened = storage::open_file(path, O_RDONLY);
    if (!opened || artifacts::scan_file(opened, path, file.digest.algorithm(), control).digest != file.digest)
      report.fault = file_fault::damaged;
    return report;
  }

  void set_pinned(std::string_view model_id, std::string_view package_id, bool pinned) {
    known(model_id, package_id);
    const std::optional<artifacts::use_lock> use =
        artifacts::use_lock::share_existing(artifacts::package_folder(layout_.package(model_id, package_id)).use_path());
    if (!use) fail_absent(model_id, package_id);
    artifacts::package_folder::set_pinned(*use, pinned);
  }

  package_store_settings settings_;
  artifacts::store_layout layout_;
  artifacts::blob_folder blobs_;
  mutable artifacts::packed_blobs packed_;  // guards itself
  artifacts::package_counters counters_;
  artifacts::blob_supply supply_;
  artifacts::package_maker maker_;
  artifacts::store_room room_;
  artifacts::package_memo memo_;
  artifacts::package_flights flights_;
};

}  // namespace larder
