#pragma once

// mmap_disk: values in files of a local directory, read through memory mappings without a copy.
//
// Source: one file per entry, written aside and renamed into place, as ccache, cacache and Bazel's disk cache do it; what
// they lack and this has: the key and a checksum compared at reads, mappings that outlive their entry, and a journal by
// which the processes that share the directory follow each other.
// Cost: a warm get is one stat; the first get of an entry is open, mmap and one pass of XXH3; a put is open, write and
// rename, and one 64-byte record for the others. Opening reads the head of every file. Nothing is flushed to the device
// until `flush()`: kill -9 loses nothing; after a power cut, what was not flushed may be missing or show the value before
// the last one; neither gives a wrong byte.
// Choose it for values from some KiB up on a local file system; `directory` is for network mounts.
//
// Limits of mappings: another program that truncates an entry's file, or a device that fails under a mapping, is a
// SIGBUS and not a miss: `read_mode::copy` is the answer. A process may have 65530 mappings (vm.max_map_count); a store
// keeps at most `max_mappings` and copies smaller values beyond that. Eviction, erase and clear only ever unlink.

#include <larder/core/axis.hpp>
#include <larder/core/bytes.hpp>
#include <larder/core/concepts.hpp>
#include <larder/storage/change_journal.hpp>
#include <larder/storage/directory_lock.hpp>
#include <larder/storage/entry_directory.hpp>
#include <larder/storage/entry_file.hpp>
#include <larder/storage/entry_reader.hpp>
#include <larder/storage/mapped_entry.hpp>

#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace larder {

/// How `mmap_disk` hands out payloads.
enum class read_mode : std::uint8_t {
  mapping,  ///< in place, in the page cache
  copy,     ///< on the heap: no SIGBUS whatever happens to the file
};

struct mmap_disk_options {
  larder::verify verify = larder::verify::first_read;
  read_mode read = read_mode::mapping;
  std::size_t max_mappings = 16 * 1024;  ///< that the index keeps; beyond it values below 1 MiB are copied
};

/// Values in files of a directory of this machine, shared by every process that names it.
struct mmap_disk {
  using policy_axis = axis::storage;
  std::filesystem::path directory;
  mmap_disk_options options{};

  class store;
};

/// The live part of `mmap_disk`; see `indexed_store`. A damaged entry is put aside and told to the sink; a system error
/// (too many open files, no memory, EIO) throws and leaves the entry where it is.
class mmap_disk::store {
 public:
  class handle {
   public:
    bool operator==(const handle&) const noexcept = default;

   private:
    friend class store;
    storage::mapping_reference mapping_;
    storage::entry_memory memory_;
  };
  using staged = storage::staged_entry;
  using guard = storage::directory_lock::guard;

  /// Opens the directory and makes what is missing of it. Throws `larder::error` when it cannot be used or holds
  /// something else.
  store(const mmap_disk& policy, error_sink& sink)
      : options_(policy.options),
        directory_(policy.directory, "mmap_disk", sink),
        lock_(directory_.file("LOCK")),
        journal_(directory_),
        ledger_(std::make_shared<storage::mapping_ledger>()) {
    const guard held = lock();
    users_ = storage::open_file(directory_.file("USERS"), O_RDWR | O_CREAT);
    if (!users_) storage::fail_file("open", directory_.file("USERS"), errno);
    const bool alone = ::flock(users_.get(), LOCK_EX | LOCK_NB) == 0;
    if (storage::uninterrupted([&] { return ::flock(users_.get(), LOCK_SH); }) != 0)
      storage::fail_file("lock", directory_.file("USERS"), errno);
    directory_.remove_stale_staging(alone, true);
    journal_.open(alone);
  }

  /// Excludes the other threads and processes from changes; throws `larder::error` when the lock file cannot be used.
  guard lock() {
    for (int attempt = 0;; ++attempt) {
      try {
        return lock_.lock();
      } catch (const storage::file_error& e) {
        if (e.number() != ENOENT || attempt != 0) throw;
        directory_.create_folders();  // the directory was removed by hand
      }
    }
  }

  /// f(id, handle, info) for each entry whose head is right, least recently used first. Reads heads, no payloads.
  template <class F>
  void recover(F&& f) {
    journal_.skip_to_end();
    for (const storage::scanned_entry& entry : storage::scan_entries(directory_, true)) {
      handle known;
      known.memory_.stamp = entry.stamp;
      f(entry.id, std::move(known), entry.info);
    }
  }

  /// Writes all of an entry aside. Throws `larder::error`, `no_space` when the device is full; nothing is left then.
  staged stage(const stored_entry& entry) {
    for (int attempt = 0;; ++attempt) {
      try {
        staged result(directory_.staging_path(), entry.id, entry.info);
        result.write(entry, true);
        return result;
      } catch (const storage::file_error& e) {
        if (e.number() != ENOENT || attempt != 0) throw;
        directory_.create_folders();
      }
    }
  }

  /// Makes a staged entry visible. The others are told first: they may count an entry that never came, and do not miss
  /// one that did.
  handle publish(staged&& entry) {
    journal_.append({storage::change_kind::put, entry.id(), entry.info()});
    directory_.publish(entry);
    remember_unflushed(entry.id());
    handle result;
    result.memory_.stamp = entry.stamp();
    return result;
  }

  /// The payload, in place unless `read_mode::copy`. A warm one costs one stat, by which a replacement is noticed.
  fetched fetch(const digest& id, const bytes& key, handle& known) {
    const std::string path = directory_.path_of(id);
    try {
      if (known.mapping_) {
        const std::optional<storage::file_identity> now = storage::identify(path);
        if (!now) return forget(known);
        const storage::file_identity& mapped = known.mapping_->identity();
        if (now->same_file(mapped) && now->size == mapped.size) {
          if (std::optional<fetched> result = serve_mapped(id, key, known, *now, path)) return std::move(*result);
        }
        known.mapping_ = {};
      }
      for (;;) {
        const std::optional<storage::opened_entry> entry = storage::open_entry(path);
        if (!entry) return forget(known);
        std::optional<fetched> result =
            options_.read == read_mode::mapping ? fetch_mapped(id, key, known, *entry, path) : fetch_copy(id, key, known, *entry, path);
        if (result) return std::move(*result);  // else it was damaged, and another one has come in its place
      }
    } catch (const std::bad_alloc&) {
      core::fail(error_cause::io, "not enough memory to read \"" + path + "\"");
    }
  }

  /// What the directory holds under this digest and key, whoever put it.
  std::optional<stored_info> find(const digest& id, const bytes& key) {
    return storage::find_entry(directory_, id, key, true);
  }

  /// The encoded key of an entry, copied; nothing when it is gone or damaged.
  std::optional<bytes> key_of(const digest& id, const handle& known) {
    if (known.mapping_) return bytes::copy_of(known.mapping_->key());
    return storage::read_entry_key(directory_, id);
  }

  /// Unlinks an entry; `bytes` of it stay valid.
  void erase(const digest& id, const handle&) {
    storage::remove_file(directory_.path_of(id));
    journal_.append({storage::change_kind::erase, id, {}});
    unflushed_folders_.set(storage::entry_directory::folder_number(id));
  }

  /// Unlinks every entry, the quarantined ones too.
  void clear() {
    directory_.for_each([](const digest&, const std::string& path) { storage::remove_file(path); });
    journal_.append({storage::change_kind::clear, {}, {}});
    directory_.empty_quarantine();
    unflushed_.clear();
    unflushed_folders_.set();
  }

  /// Remembers a use across restarts, as the file's time of access. An entry that has gone is no error.
  void touch(const digest& id, const handle&, instant now) {
    const std::array<timespec, 2> times{storage::posix::timespec_of(now.count()), timespec{0, UTIME_OMIT}};
    const std::string path = directory_.path_of(id);
    if (::utimensat(AT_FDCWD, path.c_str(), times.data(), AT_SYMLINK_NOFOLLOW) != 0 && errno != ENOENT && errno != ENOTDIR)
      storage::fail_file("remember the use of", path, errno);
  }

  /// Under `lock()`: on_change(id, optional<stored_info>) for each entry that another store put (nothing: erased) since
  /// the last time, on_clear() when another one cleared everything. When the journal was lost, on_clear() and then
  /// every entry that is there.
  template <class OnChange, class OnClear>
  void sync(OnChange&& on_change, OnClear&& on_clear) {
    const bool complete = journal_.read([&](const storage::change& seen) {
      if (seen.kind == storage::change_kind::put)
        on_change(seen.id, std::optional<stored_info>(seen.info));
      else if (seen.kind == storage::change_kind::erase)
        on_change(seen.id, std::optional<stored_info>());
      else if (seen.kind == storage::change_kind::clear)
        on_clear();
    });
    if (complete) return;
    on_clear();
    for (const storage::scanned_entry& entry : storage::scan_entries(directory_, true))
      on_change(entry.id, std::optional<stored_info>(entry.info));
  }

  /// Returns when everything published and erased before survives a power cut; throws `larder::error` when the device
  /// says no, and drops the entries that it did not take. Takes the lock for a moment when the caller does not hold it.
  void flush() {
    std::vector<digest> files;
    std::bitset<256> folders;
    bool everything = false;
    {
      const guard held = lock_unless_held();
      files.swap(unflushed_);
      std::swap(folders, unflushed_folders_);
      std::swap(everything, unflushed_overflow_);
    }
    if (everything) {
      const storage::file_descriptor root = storage::open_file(directory_.root(), O_RDONLY | O_DIRECTORY);
      if (!root || ::syncfs(root.get()) != 0) {
        const int number = errno;
        const guard held = lock_unless_held();
        unflushed_overflow_ = true;
        storage::fail_file("flush the file system of", directory_.root(), number);
      }
      return;
    }
    int refused = 0;
    std::string refused_path;
    try {
      while (!files.empty()) {
        const std::string path = directory_.path_of(files.back());
        const storage::file_descriptor file = storage::open_file(path, O_RDONLY);
        if (!file && errno != ENOENT && errno != ENOTDIR) storage::fail_file("open", path, errno);
        if (file && storage::uninterrupted([&] { return ::fdatasync(file.get()); }) != 0) {
          // After a failed write-back the pages count as clean: the next try would say yes to data that is lost.
          refused = errno;
          refused_path = path;
          const guard held = lock_unless_held();
          erase(files.back(), {});
        }
        files.pop_back();
      }
      for (std::size_t number = 0; number < folders.size(); ++number) {
        if (folders.test(number)) flush_folder(directory_.folder_of(number));
        folders.reset(number);
      }
      flush_folder(directory_.file("entries"));
      flush_folder(directory_.root());
    } catch (const error&) {
      const guard held = lock_unless_held();  // the rest is for the next call
      for (const digest& id : files) remember_unflushed(id);
      unflushed_folders_ |= folders;
      throw;
    }
    if (refused != 0) storage::fail_file("flush", refused_path, refused);
  }

  /// Payload bytes that callers still hold of entries that have left.
  std::uint64_t pinned_bytes() const noexcept { return ledger_->pinned_bytes(); }

  /// Memory that the store itself takes for its open mappings and unflushed entries.
  std::uint64_t overhead_bytes() const noexcept {
    constexpr std::size_t in_table = 48;
    return sizeof(store) + sizeof(storage::mapping_ledger) + ledger_->mappings() * (sizeof(storage::mapped_entry) + in_table);
  }

 private:
  static constexpr std::uint64_t mapped_anyway_from = 1024 * 1024;
  static constexpr std::size_t unflushed_limit = 4096;

  static fetched forget(handle& known) {
    known = {};
    return {};
  }

  guard lock_unless_held() { return lock_.lock_unless_held(); }

  /// The answer for a damaged entry; nothing when another file has its place by now.
  std::optional<fetched> damaged(handle& known, const std::string& path, const storage::file_identity& identity, std::string_view why) {
    known.mapping_ = {};
    if (!directory_.put_aside(path, identity, why)) return std::nullopt;
    known = {};
    return fetched{fetch_status::damaged, {}, std::nullopt};
  }

  std::optional<fetched> serve_mapped(const digest& id, const bytes& key, handle& known, const storage::file_identity& now,
                                      const std::string& path) {
    switch (storage::compare_key(known.mapping_->key(), key, id)) {
      case storage::key_match::same: break;
      case storage::key_match::collision: return forget(known);
      case storage::key_match::foreign: return damaged(known, path, now, storage::foreign_key);
    }
    if (!known.mapping_->check(options_.verify, id, now.modified)) return damaged(known, path, now, storage::damaged_payload);
    known.memory_.verified = known.mapping_->verified();
    fetched result{fetch_status::hit, known.mapping_->payload(), std::nullopt};
    if (const std::uint64_t stamp = known.mapping_->stamp(); stamp != known.memory_.stamp) {
      known.memory_.stamp = stamp;
      result.changed = storage::info_of(known.mapping_->frame(), now, true);
    }
    return result;
  }

  std::optional<fetched> fetch_mapped(const digest& id, const bytes& key, handle& known, const storage::opened_entry& entry,
                                      const std::string& path) {
    if (!entry.file || entry.identity.size < format::entry_frame::header_size)
      return damaged(known, path, entry.identity, storage::damaged_head);
    known.mapping_ = storage::mapping_reference::find(*ledger_, entry.identity);
    if (known.mapping_ && known.mapping_->identity().size != entry.identity.size) known.mapping_ = {};
    if (known.mapping_) return serve_mapped(id, key, known, entry.identity, path);

    const bool kept = ledger_->mappings() < options_.max_mappings;
    if (!kept && entry.identity.size < mapped_anyway_from) return fetch_copy(id, key, known, entry, path);
    storage::file_mapping mapping(entry.file, entry.identity.size);
    if (!mapping) return fetch_copy(id, key, known, entry, path);  // no more mappings, or a file system without them
    const std::optional<format::entry_frame> frame = format::decode_entry_head(mapping.span(), entry.identity.size);
    if (!frame) return damaged(known, path, entry.identity, storage::damaged_head);
    const bool same = known.memory_.stamp == storage::stamp_of(mapping.span());
    storage::mapping_reference fresh(new storage::mapped_entry(std::move(mapping), *frame, entry.identity, ledger_));
    if (same) fresh->set_verified(known.memory_.verified);
    known.mapping_ = kept ? storage::mapping_reference::share(*ledger_, std::move(fresh)) : std::move(fresh);
    std::optional<fetched> result = serve_mapped(id, key, known, entry.identity, path);
    if (!kept) known.mapping_ = {};
    return result;
  }

  std::optional<fetched> fetch_copy(const digest& id, const bytes& key, handle& known, const storage::opened_entry& entry,
                                    const std::string& path) {
    storage::copied_entry copied = storage::copy_entry(entry, id, key, known.memory_, options_.verify, true, path);
    if (!copied.damage.empty()) return damaged(known, path, entry.identity, copied.damage);
    if (copied.collision) return forget(known);
    return fetched{fetch_status::hit, std::move(copied.payload), copied.changed};
  }

  void remember_unflushed(const digest& id) {
    unflushed_folders_.set(storage::entry_directory::folder_number(id));
    if (unflushed_overflow_) return;
    if (unflushed_.size() < unflushed_limit) {
      unflushed_.push_back(id);
      return;
    }
    unflushed_.clear();
    unflushed_overflow_ = true;  // one flush of the whole file system is cheaper than so many files
  }

  static void flush_folder(const std::string& path) {
    const storage::file_descriptor folder = storage::open_file(path, O_RDONLY | O_DIRECTORY);
    if (!folder && (errno == ENOENT || errno == ENOTDIR)) return;
    if (!folder || storage::uninterrupted([&] { return ::fsync(folder.get()); }) != 0) storage::fail_file("flush", path, errno);
  }

  mmap_disk_options options_;
  storage::entry_directory directory_;
  storage::directory_lock lock_;
  storage::file_descriptor users_;  // flock, shared, while the store lives: who gets it alone may tidy up
  storage::change_journal journal_;
  std::shared_ptr<storage::mapping_ledger> ledger_;
  std::vector<digest> unflushed_;
  std::bitset<256> unflushed_folders_;
  bool unflushed_overflow_ = false;
};

}  // namespace larder
