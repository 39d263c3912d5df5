#pragma once

// mmap_disk: values in segments of a local directory, read through memory mappings without a copy, shared by any number of processes.
//
// Source: a log-structured store, as Bitcask and CacheLib's block cache have it: records are appended to segments of a 32nd of the capacity,
// the oldest segment goes when there is no room, and what is wanted of it is carried over. What they lack and this has: payloads that are
// aligned and used in place, key and checksum compared at reads, mappings that outlive their entry, and writers in several processes, which
// agree by a lock-free log (docs/decisions/015). Values of a megabyte and more are files of their own, which leave in the exact order.
// Cost: a put is one write; a warm get touches the index and the record; an entry takes some 46 bytes of memory, under `lru` 42, and 8 more
// for each policy that asks for a time (docs/decisions/016). Opening reads the footers of the segments, some 80 ns an entry, after a crash
// also the one segment that took records. Nothing is flushed to the device until `flush()`: kill -9 loses nothing; after a power cut, what
// was not flushed may be missing or show the value before the last one; neither gives a wrong byte. The order that is not named is `s3_fifo`
// under limits of entries and of bytes.
// A key that several processes miss is loaded by one of them (docs/decisions/018); while there are loads a thread tells the others that it lives.
// Choose it for values of any size on a local file system; `directory` is for mounts that several machines share. The format: docs/disk_format.md.
//
// Limits of mappings: another program that truncates a file, or a device that fails under a mapping, is a SIGBUS and not a miss:
// `read_mode::copy` is the answer, and what is taken by itself on network file systems (`read_mode::automatic`). Eviction, erase and clear only
// ever unlink; published bytes are never written again.

#include <larder/core/axis.hpp>
#include <larder/storage/disk_options.hpp>
#include <larder/storage/key_leases.hpp>
#include <larder/storage/logged_transfers.hpp>
#include <larder/storage/segment_transfers.hpp>

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <filesystem>
#include <optional>

namespace larder {

/// Values in segments of a directory of this machine, shared by every process that names it.
struct mmap_disk {
  using policy_axis = axis::storage;
  std::filesystem::path directory;
  mmap_disk_options options{};

  class store;
};

/// The live part of `mmap_disk`. A damaged entry is copied aside and told to the sink; a system error (too many open files, no memory, EIO)
/// throws and leaves the entry where it is.
class mmap_disk::store : public storage::segment_transfers {
 public:
  store(const mmap_disk& policy, error_sink& sink, std::optional<std::uint64_t> capacity = std::nullopt)
      : segment_transfers(policy.directory, policy.options, sink, capacity), leases_(directory_.file("leases"), policy.options.read == read_mode::copy) {
    storage::value_in_transit::remove_stale(directory_.file("staging"));
  }

  /// Who loads which key, among the processes of the directory.
  storage::key_leases& leases() noexcept { return leases_; }
  /// Puts a word into the log that changes nothing: whoever is about to publish something looks about him once more.
  void nudge() noexcept {
    storage::shared_log* const log = log_.load(std::memory_order_acquire);
    if (log == nullptr) return;
    const std::uint32_t gone = std::max<std::uint32_t>(log->oldest(), 1) - 1;
    log->append_at_end(position_.load(std::memory_order_acquire), {storage::shared_log::change::sealed, {gone, 0}}, 0);
  }

 private:
  storage::key_leases leases_;
};

}  // namespace larder
