#pragma once

#include <larder/artifact/blob_fetch.hpp>
#include <larder/artifact/blob_folder.hpp>
#include <larder/artifact/blob_supply.hpp>
#include <larder/artifact/content_digest.hpp>
#include <larder/artifact/fetch_sink.hpp>
#include <larder/artifact/file_scan.hpp>
#include <larder/artifact/locked_file.hpp>
#include <larder/artifact/package.hpp>
#include <larder/artifact/package_file.hpp>
#include <larder/artifact/package_folder.hpp>
#include <larder/artifact/package_manifest.hpp>
#include <larder/artifact/package_store_settings.hpp>
#include <larder/artifact/package_store_stats.hpp>
#include <larder/artifact/store_layout.hpp>
#include <larder/artifact/transfer_sum.hpp>
#include <larder/artifact/use_lock.hpp>
#include <larder/core/error.hpp>
#include <larder/core/transfer.hpp>
#include <larder/storage/posix_file.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

namespace larder::artifacts {

/// A package that is whole now.
struct made_package {
  std::shared_ptr<const held_package> held;
  bool as_it_was = false;      ///< nothing had to be done
  bool all_fetched = false;    ///< each file came from the provider just now
  package_store_stats work{};  ///< what it took
};

/// What a package is to be, and where what is missing of it comes from.
struct package_order {
  std::string_view model_id;
  std::string_view package_id;
  const std::vector<package_file>* files = nullptr;      ///< none: those that it has
  const std::vector<packaged_file>* contents = nullptr;  ///< what files without a digest have to hold, one for each of `files`
  const fetch_function* fetch = nullptr;                 ///< none: what this machine has
  bool mend = false;                                     ///< read everything, and fetch what is damaged
};

/// Whether a package has the files that are asked for. What is not said of them does not matter.
inline bool has_files(const package_manifest& manifest, const std::vector<package_file>& wanted) {
  if (manifest.files.size() != wanted.size()) return false;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const packaged_file* found = manifest.files[i].name == wanted[i].name ? &manifest.files[i] : nullptr;
    for (std::size_t j = 0; found == nullptr && j < manifest.files.size(); ++j)
      if (manifest.files[j].name == wanted[i].name) found = &manifest.files[j];
    if (found == nullptr || (wanted[i].digest && *wanted[i].digest != found->digest) ||
        (wanted[i].size && *wanted[i].size != found->size))
      return false;
  }
  return true;
}

/// Makes packages: brings their files, puts links in place, and writes the manifest last. Safe for any number of threads and processes; one at a time
/// makes a package.
class package_maker {
 public:
  package_maker(const store_layout& layout, const blob_folder& blobs, blob_supply& supply, const package_store_settings& settings,
                package_counters& counters)
      : layout_(layout), blobs_(blobs), supply_(supply), settings_(settings), counters_(counters) {}

  /// Nothing when no files are asked for and there is no such package. Throws what the provider throws, and `larder::error`; then the package is what it
  /// was, or there is none.
  std::optional<made_package> make(const package_order& order, const transfer_control& control) {
    layout_.make_folders();
    package_folder folder(layout_.package(order.model_id, order.package_id));
    if (order.files == nullptr && !folder.manifest(order.model_id, order.package_id)) return std::nullopt;
    std::optional<locked_file> taken;
    try {
      taken = locked_file::lock(layout_.package_lock(order.model_id, order.package_id), control.stop,
                                [&](const std::optional<task_progress>& holder) {
                                  if (holder && control.progress) control.progress(holder->done, holder->total);
                                });
    } catch (const storage::file_error& e) {
      const bool may_only_read = e.number() == EACCES || e.number() == EROFS || e.number() == EPERM;
      std::optional<made_package> whole = may_only_read && !order.mend ? as_it_is(folder, order, control) : std::nullopt;
      if (!whole) throw;
      return whole;
    }
    locked_file& lock = *taken;
    const discarded gone_at_the_end{lock};
    use_lock use = folder.use();
    const std::optional<package_manifest> before = folder.manifest(order.model_id, order.package_id);
    if (order.files == nullptr && !before) {
      folder.remove_rest();
      return std::nullopt;
    }
    package_manifest manifest = wanted_of(order, before);
    made_package made;
    if (before && !order.mend && is_right(folder, manifest, *before, control)) {
      made.as_it_was = true;
      manifest = *before;
    } else {
      const transfer_control told{control.stop, [&](std::uint64_t done, std::uint64_t total) {
                                    lock.tell({std::min(done, total), total});
                                    if (control.progress) control.progress(done, total);
                                  }};
      package_counters work;
      const added_up at_the_end{work, counters_};
      build(folder, use, manifest, before, order, told, made, work);
      made.work = work.read();
    }
    package_folder::touch(use, settings_.clock());
    made.held = std::make_shared<const held_package>(
        held_package{std::move(folder), std::make_shared<const package_manifest>(std::move(manifest)), std::move(use)});
    return made;
  }

 private:
  static package_manifest wanted_of(const package_order& order, const std::optional<package_manifest>& before) {
    package_manifest manifest{std::string(order.model_id), std::string(order.package_id), {}};
    if (order.files == nullptr)
      manifest.files = before->files;
    else
      for (const package_file& file : *order.files) manifest.files.push_back(planned(file, before));
    return manifest;
  }
  /// The package if it is whole, without a write: for who may only read.
  std::optional<made_package> as_it_is(const package_folder& folder, const package_order& order,
                                       const transfer_control& control) {
    std::optional<use_lock> use = use_lock::share_existing(folder.use_path());
    std::optional<package_manifest> there = folder.manifest(order.model_id, order.package_id);
    if (!use || !there || !is_right(folder, wanted_of(order, there), *there, control)) return std::nullopt;
    made_package made;
    made.as_it_was = true;
    made.held = std::make_shared<const held_package>(
        held_package{folder, std::make_shared<const package_manifest>(std::move(*there)), std::move(*use)});
    return made;
  }

  struct added_up {
    const package_counters& from;
    package_counters& to;
    ~added_up() { to.add(from.read()); }
  };
  struct discarded {
    locked_file& lock;
    ~discarded() { lock.discard(); }
  };

  /// What comes of a file that is asked for, as far as it is known now: of one without a digest what the package has, if it has it.
  static packaged_file planned(const package_file& file, const std::optional<package_manifest>& before) {
    if (before)
      for (const packaged_file& there : before->files)
        if (there.name == file.name && (!file.digest || *file.digest == there.digest) && (!file.size || *file.size == there.size))
          return there;
    if (file.digest) return {file.name, *file.digest, file.size.value_or(0), file_keeping::relative};
    return {file.name, content_digest(digest_algorithm::xxh3_128, no_content()), 0, file_keeping::own};
  }
  static std::span<const std::byte> no_content() noexcept {
    static constexpr std::array<std::byte, 16> zeros{};
    return zeros;
  }

  bool is_right(const package_folder& folder, const package_manifest& wanted, const package_manifest& before,
                const transfer_control& control) const {
    if (wanted.files != before.files) return false;
    return std::all_of(wanted.files.begin(), wanted.files.end(), [&](const packaged_file& file) {
      return (!file.is_verified() || supply_.find_good(file.digest, control)) && folder.look(file, blobs_) == placed_file::right;
    });
  }

  void build(const package_folder& folder, use_lock& use, package_manifest& manifest,
             const std::optional<package_manifest>& before, const package_order& order, const transfer_control& control,
             made_package& made, package_counters& work) {
    std::vector<supplied_file> own(manifest.files.size());
    { const alone_while_it_changes unused_yet(use, manifest, before); }  // before anything is fetched for it
    try {
      {  // from here on nobody removes its blobs
        const std::optional<use_lock> sweeping = use_lock::share(layout_.sweep_lock());
        folder.write_draft(manifest);
      }
      made.all_fetched = bring(folder, manifest, order, control, own, work);
      const alone_while_it_changes unused(use, manifest, before);
      place(folder, manifest, own, order.mend, work);
      if (!before || *before != manifest) folder.write_manifest(manifest);
      if (before) folder.remove_files(left_over(*before, manifest));
      folder.remove_draft();
    } catch (...) {
      for (supplied_file& file : own)
        if (file.file) file.file->discard();
      take_back(folder, manifest, before);
      throw;
    }
    work.made.add();
  }

  /// Who has a package has its files, whatever others want it to be: what it has under a name becomes another file only when nobody has it.
  class alone_while_it_changes {
   public:
    alone_while_it_changes(use_lock& use, const package_manifest& now, const std::optional<package_manifest>& before)
        : use_(use) {
      if (!before || !takes_away(*before, now)) return;
      is_alone_ = use.try_become_alone();
      if (!is_alone_)
        core::fail(error_cause::invalid_argument, "the package " + format::printable_name(now.package_id) + " of " +
                                                      format::printable_name(now.model_id) +
                                                      " is in use with other files than these; let go of it first, or make "
                                                      "these a package of another id");
    }
    alone_while_it_changes(const alone_while_it_changes&) = delete;
    alone_while_it_changes& operator=(const alone_while_it_changes&) = delete;
    ~alone_while_it_changes() {
      if (is_alone_) use_.become_shared();
    }

   private:
    static bool takes_away(const package_manifest& before, const package_manifest& now) {
      return std::any_of(before.files.begin(), before.files.end(), [&](const packaged_file& file) {
        return std::none_of(now.files.begin(), now.files.end(),
                            [&](const packaged_file& other) { return other.name == file.name && other.digest == file.digest; });
      });
    }

    use_lock& use_;
    bool is_alone_ = false;
  };

  static std::vector<packaged_file> left_over(const package_manifest& before, const package_manifest& now) {
    std::vector<packaged_file> gone;
    for (const packaged_file& file : before.files)
      if (std::none_of(now.files.begin(), now.files.end(), [&](const packaged_file& other) { return other.name == file.name; }))
        gone.push_back(file);
    return gone;
  }

  static void take_back(const package_folder& folder, const package_manifest& manifest,
                        const std::optional<package_manifest>& before) noexcept {
    try {
      if (before) {
        folder.remove_draft();
      } else {
        folder.remove_files(manifest.files);
        folder.remove_rest();
      }
    } catch (...) {  // what went wrong before is what counts
    }
  }

  /// Whether each file came from the provider.
  bool bring(const package_folder& folder, package_manifest& manifest, const package_order& order,
             const transfer_control& control, std::vector<supplied_file>& own, package_counters& work) {
    transfer_sum progress(manifest.files.size(), control);
    std::atomic<std::size_t> fetched{0};
    supply_.streams().run(manifest.files.size(), settings_.streams, control.stop,
                          [&](std::size_t i, const std::stop_token& stop) {
                            transfer_control mine = progress.part(i);
                            mine.stop = stop;
                            packaged_file& file = manifest.files[i];
                            const package_file* const asked = order.files != nullptr ? &(*order.files)[i] : nullptr;
                            const wanted_file wanted{asked != nullptr ? asked->url : std::string{},
                                                     file.is_verified() ? std::optional(file.digest) : std::nullopt,
                                                     asked != nullptr ? asked->size : std::nullopt};
                            if (file.is_verified())
                              fetched += bring_blob(file, wanted, order, mine, work) ? 1 : 0;
                            else
                              fetched += bring_own(folder, file, wanted, order, mine, own[i],
                                                   order.contents != nullptr ? &(*order.contents)[i] : nullptr, work)
                                             ? 1
                                             : 0;
                            progress.tell(i, file.size, file.size);
                          });
    return fetched == manifest.files.size();
  }

  bool bring_blob(packaged_file& file, const wanted_file& wanted, const package_order& order, const transfer_control& control,
                  package_counters& work) {
    const supplied_blob supplied = order.mend ? supply_.mend(wanted, file.name, order.fetch, control)
                                              : supply_.obtain(wanted, file.name, order.fetch, control);
    file.size = supplied.blob.size;
    if (supplied.waited) work.waited.add();
    if (supplied.origin == blob_origin::present) work.shared_files.add();
    if (supplied.origin == blob_origin::unpacked) work.unpacked_files.add();
    if (supplied.origin == blob_origin::hub) work.hub_files.add();
    if (supplied.origin == blob_origin::mended) work.mended_files.add();
    if (supplied.origin == blob_origin::fetched) work.fetched_files.add();
    work.fetched_bytes.add(supplied.fetched);
    work.resumed_bytes.add(supplied.resumed);
    return supplied.origin == blob_origin::fetched;
  }

  bool bring_own(const package_folder& folder, packaged_file& file, const wanted_file& wanted, const package_order& order,
                 const transfer_control& control, supplied_file& into, const packaged_file* content, package_counters& work) {
    if (is_own_right(folder, file, order.mend, control) && (content == nullptr || content->digest == file.digest)) return false;
    if (order.fetch == nullptr)
      core::fail(error_cause::io,
                 "the file " + format::printable_name(file.name) + " is not there as it was, and no provider is to be asked");
    into = supply_.obtain_own(wanted, layout_.own_partial(folder.path(), file.name, wanted.url), *order.fetch, control);
    if (content != nullptr && into.content.digest != content->digest)
      core::fail(error_cause::corruption, "the file " + format::printable_name(file.name) + " has the digest " +
                                              into.content.digest.text() + " and should have " + content->digest.text());
    file.digest = into.content.digest;
    file.size = into.content.chunks.size;
    work.fetched_files.add();
    work.unverified_files.add();
    work.fetched_bytes.add(into.content.fetched);
    work.resumed_bytes.add(into.content.resumed);
    return true;
  }
  bool is_own_right(const package_folder& folder, const packaged_file& file, bool read, const transfer_control& control) const {
    if (std::equal(file.digest.bytes().begin(), file.digest.bytes().end(), no_content().begin(), no_content().end()))
      return false;  // never fetched
    if (folder.look(file, blobs_) != placed_file::right) return false;
    if (!read) return true;
    const std::string path = folder.path_of(file.name).string();
    const storage::file_descriptor there = storage::open_file(path, O_RDONLY);
    return there && scan_file(there, path, digest_algorithm::xxh3_128, {control.stop, {}}).digest == file.digest;
  }

  void place(const package_folder& folder, package_manifest& manifest, std::vector<supplied_file>& own, bool mend,
             package_counters& work) {
    for (std::size_t i = 0; i < manifest.files.size(); ++i) {
      packaged_file& file = manifest.files[i];
      if (!file.is_verified()) {
        if (own[i].file) move_in(folder, file, *own[i].file);
        continue;
      }
      if (folder.look(file, blobs_) == placed_file::right && !(mend && file.kept == file_keeping::copy)) continue;
      folder.make_folder_of(file);
      file.kept = kept_as(blobs_.link_to(file.digest, folder.path_of(file.name), settings_.links));
      work.relinked_files.add();
    }
  }
  static void move_in(const package_folder& folder, const packaged_file& file, partial_file& from) {
    folder.make_folder_of(file);
    const std::string path = folder.path_of(file.name).string();
    if (::fsync(from.file().get()) != 0) storage::fail_file("sync", from.path().string(), errno);
    if (::rename(from.path().c_str(), path.c_str()) != 0) storage::fail_file("publish", path, errno);
    from.discard_journal();
  }

  const store_layout& layout_;
  const blob_folder& blobs_;
  blob_supply& supply_;
  const package_store_settings& settings_;
  package_counters& counters_;
};

}  // namespace larder::artifacts
