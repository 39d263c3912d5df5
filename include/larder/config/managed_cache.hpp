#pragma once

#include <larder/config/cache_metrics.hpp>
#include <larder/config/managed_figures.hpp>
#include <larder/core/bytes.hpp>
#include <larder/core/stats.hpp>
#include <larder/core/time.hpp>

#include <cstdint>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

namespace larder {

namespace config {
class cache_part;
}

/// A cache from text to `bytes` whose types were chosen at run time: in memory, on disk, or in memory before the disk, and with
/// a remote store behind these, where look-ups that fail are misses. Any number of threads.
/// A call costs two virtual ones more than on a `cache`.
class managed_cache {
 public:
  managed_cache() = default;
  managed_cache(const managed_cache&) = delete;
  managed_cache& operator=(const managed_cache&) = delete;
  virtual ~managed_cache() = default;

  virtual const std::string& name() const noexcept = 0;

  /// The value, or nothing; counts as a use. A hit in a slower tier is promoted into the faster ones.
  virtual std::optional<bytes> get(std::string_view key) = 0;
  /// The value without any effect on order, expiry or statistics.
  virtual std::optional<bytes> peek(std::string_view key) = 0;
  virtual bool contains(std::string_view key) = 0;
  /// Stores or replaces; false when no tier took it.
  virtual bool put(std::string_view key, bytes value) = 0;
  /// The same with a time to live of its own. A remote tier that is written later (`write_back`) does not take such values: it drops the key.
  virtual bool put(std::string_view key, bytes value, duration time_to_live) = 0;
  virtual bool put_if_absent(std::string_view key, bytes value) = 0;
  /// The value, loaded by `loader(key)` on a miss, once at a time for each key in this process; see `cache::get_or_load`.
  virtual bytes get_or_load(std::string_view key, const std::function<bytes(const std::string& key)>& loader,
                            const std::stop_token& stop = {}) = 0;
  /// Drops the key and says whether it was there.
  virtual bool remove(std::string_view key) = 0;
  /// Drops everything, in a remote tier that is written too, where it may be other machines'.
  virtual void clear() = 0;
  /// f(key) for each key in memory or on disk, once; those that come or go meanwhile may be missed. What a remote tier has is not listed,
  /// as it may be other machines' too.
  virtual void for_each_key(const std::function<void(const std::string& key)>& f) = 0;

  /// Entries, in memory or on disk, whichever has more.
  virtual std::uint64_t size() const = 0;
  /// What its entries weigh, in the memory tier where there is one, else on disk.
  virtual std::uint64_t weight() const = 0;
  /// Its limit there: bytes, or entries where only `memory.max_entries` is said.
  virtual std::uint64_t capacity() const = 0;
  /// Changes that; entries leave before this returns. Under memory pressure it is the size to grow back to.
  virtual void set_capacity(std::uint64_t n) = 0;
  /// A share of that capacity from now on, for as long as memory is short.
  virtual void shrink_to(double share) = 0;

  /// Look-ups and loads of the whole; evictions, expirations, errors and bytes of all tiers together; insertions and refusals of the slowest that is written.
  virtual cache_stats stats() const = 0;
  /// The same for machines, as a whole and tier by tier, with what each holds and may hold: what `metrics` and `metrics_server` show.
  virtual managed_figures figures() const = 0;
  virtual void reset_stats() = 0;
  virtual cache_metrics metrics() const = 0;
  /// Makes what is on disk survive a power cut, and waits, five seconds at most, until a remote tier has what it is owed. Throws
  /// `larder::error` when it cannot.
  virtual void flush() = 0;

  /// The tiers themselves; null where there is none.
  virtual config::cache_part* memory_part() const noexcept = 0;
  virtual config::cache_part* disk_part() const noexcept = 0;
  virtual config::cache_part* remote_part() const noexcept = 0;
};

}  // namespace larder
