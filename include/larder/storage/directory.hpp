#pragma once

// directory: values in files of a shared mount (NFS, SMB, Lustre) that several machines read and write.
//
// Source: one file per entry, as ccache and Bazel's disk cache have it, with nothing that network file systems do badly: no flock (a no-op on some),
// no mapping (a server that goes away is a SIGBUS, and reads are slow), no journal. Only rename must be atomic.
// Cost: a get is open, one or two reads and one pass of XXH3 over what came; a put is open, write, close and rename.
// Choose it for a mount that machines share; on a local file system mmap_disk does less work and knows what others did.
//
// Entries of other machines are found by their name, as late as the mount's attribute cache shows them. There is no
// `sync`: each cache keeps its own bytes within its limit, not those of all machines together.

#include <larder/core/axis.hpp>
#include <larder/core/bytes.hpp>
#include <larder/core/concepts.hpp>
#include <larder/storage/entry_directory.hpp>
#include <larder/storage/entry_file.hpp>
#include <larder/storage/entry_reader.hpp>
#include <larder/sync/process_mutex.hpp>

#include <filesystem>
#include <new>
#include <optional>
#include <string>
#include <utility>

namespace larder {

struct directory_options {
  larder::verify verify = larder::verify::always;  ///< the bytes come over a network
};

/// Values in files of a directory that several machines mount.
struct directory {
  using policy_axis = axis::storage;
  std::filesystem::path path;
  directory_options options{};

  class store;
};

/// The live part of `directory`; see `indexed_store`. `bytes` are copies on the heap, aligned to 64.
class directory::store {
 public:
  class handle {
   public:
    bool operator==(const handle&) const noexcept = default;

   private:
    friend class store;
    storage::entry_memory memory_;
  };
  using staged = storage::staged_entry;
  using guard = sync::process_mutex::guard;

  /// Opens the directory and makes what is missing of it. Throws `larder::error` when it cannot be used or holds
  /// something else.
  store(const directory& policy, error_sink& sink)
      : options_(policy.options), directory_(policy.path, "directory", sink) {
    directory_.remove_stale_staging(false);
  }

  /// Excludes the other threads of this process; other processes are not excluded and need not be.
  guard lock() { return lock_.lock(); }

  /// f(id, handle, info) for each entry whose head is right, oldest first.
  template <class F>
  void recover(F&& f) {
    for (const storage::scanned_entry& entry : storage::scan_entries(directory_)) {
      handle known;
      known.memory_.stamp = entry.stamp;
      f(entry.id, known, entry.info);
    }
  }

  /// Writes all of an entry aside, up to the server's answer. Throws `larder::error`, `no_space` when it is full;
  /// nothing is left then.
  staged stage(const stored_entry& entry) {
    for (int attempt = 0;; ++attempt) {
      try {
        staged result(directory_.staging_path(), entry.id, entry.info);
        result.write(entry);
        return result;
      } catch (const storage::file_error& e) {
        if ((e.number() != ENOENT && e.number() != ESTALE) || attempt != 0) throw;
        directory_.create_folders();
      }
    }
  }

  /// Makes a staged entry visible on every machine.
  handle publish(staged&& entry) {
    directory_.publish(entry);
    handle result;
    result.memory_.stamp = entry.stamp();
    return result;
  }

  /// A copy of the payload.
  fetched fetch(const digest& id, const bytes& key, handle& known) {
    const std::string file = directory_.path_of(id);
    try {
      const std::optional<fetched> result = stale_tolerant([&] { return read(id, key, known, file); });
      if (!result) known = {};
      return result.value_or(fetched{});
    } catch (const std::bad_alloc&) {
      core::fail(error_cause::io, "not enough memory to read \"" + file + "\"");
    }
  }

  /// What the directory holds under this digest and key, whoever put it.
  std::optional<stored_info> find(const digest& id, const bytes& key) {
    return stale_tolerant([&] { return storage::find_entry(directory_, id, key); });
  }

  /// The encoded key of an entry, copied; nothing when it is gone or damaged.
  std::optional<bytes> key_of(const digest& id, const handle&) {
    return stale_tolerant([&] { return storage::read_entry_key(directory_, id); });
  }

  /// Removes an entry for every machine.
  void erase(const digest& id, const handle&) { storage::remove_file(directory_.path_of(id)); }

  /// Removes every entry for every machine, the quarantined ones too.
  void clear() {
    directory_.for_each([](const digest&, const std::string& file) { storage::remove_file(file); });
    directory_.empty_quarantine();
  }

 private:
  /// What `attempt` says. ESTALE means that another machine replaced or removed the file while we had it open: once more,
  /// then it counts as absent.
  template <class Attempt>
  static auto stale_tolerant(Attempt attempt) -> decltype(attempt()) {
    for (int tries = 0; tries < 2; ++tries) {
      try {
        return attempt();
      } catch (const storage::file_error& e) {
        if (e.number() != ESTALE) throw;
      }
    }
    return {};
  }

  /// The answer, or nothing when the entry is not there.
  std::optional<fetched> read(const digest& id, const bytes& key, handle& known, const std::string& file) {
    for (;;) {
      const std::optional<storage::opened_entry> entry = storage::open_entry(file);
      if (!entry) return std::nullopt;
      storage::copied_entry copied = storage::copy_entry(*entry, id, key, known.memory_, options_.verify, file);
      if (copied.collision) return std::nullopt;
      if (copied.damage.empty()) return fetched{fetch_status::hit, std::move(copied.payload), copied.changed};
      if (!directory_.put_aside(file, entry->identity, copied.damage)) continue;  // another file has come in its place
      known = {};
      return fetched{fetch_status::damaged, {}, std::nullopt};
    }
  }

  directory_options options_;
  storage::entry_directory directory_;
  sync::process_mutex lock_;
};

}  // namespace larder
