#pragma once

// A directory of `mmap_disk` that is opened to be changed, by the library's own store: what it does is safe beside other processes, which
// follow it in the log.

#include "disk/entry_reader.hpp"

#include <larder/core/error.hpp>
#include <larder/core/policy_set.hpp>
#include <larder/eviction/lru.hpp>
#include <larder/expiry/expire_after_access.hpp>  // so that records written anew keep their last use
#include <larder/expiry/ttl.hpp>
#include <larder/limit/max_bytes.hpp>
#include <larder/observe/error_listener.hpp>
#include <larder/storage/engine_context.hpp>
#include <larder/storage/logged_index.hpp>
#include <larder/storage/mmap_disk.hpp>
#include <larder/sync/sharded.hpp>

#include <algorithm>
#include <bit>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace disk {

/// A capacity that nothing reaches: nobody is evicted and nothing compacted unasked.
inline constexpr std::uint64_t no_capacity = std::uint64_t{1} << 62;

/// New segments get the size that the largest one there has.
inline larder::mmap_disk storage_for(const segment_inspection& found, larder::verify how) {
  constexpr std::uint64_t usual = 1024 * 1024;
  constexpr std::uint64_t most = 1024 * usual;
  std::uint64_t largest = 0;
  for (const inspected_segment& one : found.segments()) largest = std::max(largest, one.file_size);
  larder::mmap_disk storage{found.root(), {}};
  storage.options.segment_size = largest == 0 ? usual : std::clamp<std::uint64_t>(std::bit_ceil(largest), 128 * 1024, most);
  storage.options.verify = how;
  return storage;
}

/// What the library said while it worked.
class told_errors {
 public:
  void add(const larder::error_event& event) {
    const std::lock_guard guard(mutex_);
    events_.push_back(event);
  }
  std::vector<larder::error_event> take() {
    const std::lock_guard guard(mutex_);
    return std::exchange(events_, {});
  }

 private:
  std::mutex mutex_;
  std::vector<larder::error_event> events_;
};
using error_teller = larder::error_listener<std::function<void(const larder::error_event&)>>;

/// The index of the directory's entries, by the digests of their keys.
class opened_directory {
 public:
  opened_directory(const segment_inspection& found, std::uint64_t capacity, told_errors& errors)
      : context_(context::set(larder::lru{}, larder::max_bytes{capacity}, larder::ttl{}, larder::expire_after_access{larder::duration::max()}, larder::sharded<1>{},
                              storage_for(found, larder::verify::always),
                              error_teller([&errors](const larder::error_event& e) { errors.add(e); }))),
        index_(context_) {}

  /// Reads an entry as a cache does: one that is damaged is moved out and has no value any more. Whether it was right, or gone already.
  bool check(const larder::digest& id, const std::string& key) {
    departures gone;
    const auto lock = index_.store().lock();
    index_.catch_up(gone);
    std::optional<index::handle> known = index_.find(id.low);
    if (!known) return true;
    const auto answer = index_.store().fetch(id, larder::bytes::copy_of(key), *known);
    if (answer.status != larder::fetch_status::damaged) return true;
    index_.erase(id, larder::removal_cause::erased, std::nullopt, gone);
    return false;
  }
  /// Says that a key has no value, though this index knows of none either.
  void mark_erased(const larder::digest& id) {
    departures gone;
    const auto lock = index_.store().lock();
    index_.catch_up(gone);
    if (index_.find(id.low)) return;  // somebody put it anew
    auto mark = index_.store().stage_erasure(id);
    while (!index_.store().publish(mark)) index_.catch_up(gone);
  }
  bool compact_oldest() {
    departures gone;
    const auto lock = index_.store().lock();
    return index_.compact_oldest(gone);
  }

 private:
  using context = larder::storage::engine_context<larder::mmap_disk, larder::lru, larder::max_bytes, larder::ttl, larder::expire_after_access,
                                                  larder::sharded<1>, larder::mmap_disk, error_teller>;
  using index = larder::storage::logged_index<std::string, larder::bytes, context>;
  using departures = index::departures;

  context context_;
  index index_;
};

}  // namespace disk
