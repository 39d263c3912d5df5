#pragma once

#include <larder/codec/codec.hpp>
#include <larder/core/axis.hpp>
#include <larder/core/bytes.hpp>
#include <larder/core/concepts.hpp>
#include <larder/core/error.hpp>
#include <larder/core/policy_set.hpp>
#include <larder/expiry/expire_after_access.hpp>
#include <larder/expiry/expire_after_write.hpp>
#include <larder/expiry/refresh_after_write.hpp>
#include <larder/expiry/time_source.hpp>
#include <larder/expiry/ttl.hpp>
#include <larder/hash/xxh3.hpp>
#include <larder/limit/max_bytes.hpp>
#include <larder/limit/max_entries.hpp>
#include <larder/limit/max_weight.hpp>
#include <larder/limit/watermark.hpp>
#include <larder/observe/error_reporter.hpp>
#include <larder/observe/removal_listener.hpp>
#include <larder/storage/compression.hpp>
#include <larder/storage/default_order.hpp>
#include <larder/storage/observation.hpp>
#include <larder/sync/load_lease.hpp>
#include <larder/sync/sharded.hpp>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <thread>
#include <type_traits>
#include <utility>

namespace larder::storage {

/// How a put is meant.
struct write_mode {
  std::optional<duration> time_to_live = std::nullopt;
  bool only_if_absent = false;
  const sync::load_lease* lease = nullptr;  ///< under which it was loaded, where processes agree on that
  const transfer_control* control = nullptr;  ///< how the caller follows it on its way to a remote storage, until the write is over
};

/// The policies of one cache and what every engine does with them: tell the time, expire, report, notify.
template <class Storage, class... Policies>
class engine_context {
 public:
  using set = core::policy_set<Policies...>;
  using storage = Storage;
  using eviction = typename set::template on<axis::eviction, default_order<set>>;
  using locking = typename set::template on<axis::locking, sharded<>>;
  using hasher = typename set::template on<axis::hasher, xxh3>;
  using time = typename set::template on<axis::time, time_source<std::conditional_t<core::is_memory_storage<Storage>, steady_time, wall_time>>>;
  using reporter = observe::error_reporter<typename set::template on<axis::error_listener>>;
  using listener = typename set::template on<axis::removal_listener>;
  using compressing = typename set::template on<axis::compression>;
  using timing = typename set::template on<axis::latency>;
  using remembering = typename set::template on<axis::history>;

  template <class P>
  static constexpr bool has = set::template has<P>;
  static constexpr bool notifies = !std::is_same_v<listener, core::none>;
  static constexpr bool compresses = !std::is_same_v<compressing, core::none>;
  static constexpr bool has_watermark = set::template count<axis::watermark> != 0;
  static constexpr bool times = !std::is_same_v<timing, core::none>;
  static constexpr bool remembers = !std::is_same_v<remembering, core::none>;

  explicit engine_context(set&& policies)
      : policies_(std::move(policies)),
        hasher_(policies_.template get_or<axis::hasher, xxh3>()),
        time_(policies_.template get_or<axis::time, time>()),
        reporter_(policies_.template get_or<axis::error_listener, core::none>()),
        compression_(policy_of_compression(policies_)),
        latency_(policies_, core::is_memory_storage<Storage> ? 64 : 1),
        history_(policies_) {}

  const set& policies() const noexcept { return policies_; }
  instant now() const { return time_.now(); }
  reporter& errors() noexcept { return reporter_; }
  const reporter& errors() const noexcept { return reporter_; }
  const auto& compressor() const noexcept { return compression_; }
  /// What durations are told to, a pointer; and what changes of keys are. `core::none` where no policy asks.
  auto latency() const noexcept { return latency_.get(); }
  auto history() const noexcept { return history_.get(); }

  /// The value of what a storage fetched. Nothing, and reported, when it was compressed and cannot have been by this policy; throws
  /// `larder::error` when another policy did it, and what the codec throws.
  template <class Value>
  std::optional<Value> decoded(const fetched& found) {
    if (!found.form) [[likely]]
      return codec<Value>::decode(found.payload);
    const std::optional<bytes> plain = compression_.decompress(found);
    if (plain) return codec<Value>::decode(*plain);
    reporter_.report(error_cause::corruption, "a compressed entry is not what its compression policy makes; it is dropped");
    return std::nullopt;
  }

  /// Gives the budget of an index over a byte storage its limits: entries, and bytes.
  template <class Budget>
  void set_limits(Budget& budget) const {
    if constexpr (has<max_entries>) budget.set_capacity(0, policies_.template get<max_entries>().value);
    if constexpr (has<max_bytes>) budget.set_capacity(1, policies_.template get<max_bytes>().value);
  }

  /// How full the cache may be after an eviction: full, unless a `watermark` says less.
  watermark mark() const noexcept {
    if constexpr (has_watermark)
      return policies_.template get<watermark>();
    else
      return watermark{1.0};
  }

  /// What `work` returns; when it throws, the failure is reported and nothing returned.
  template <class Work>
  auto attempt(Work&& work) noexcept -> decltype(work()) {
    try {
      return work();
    } catch (...) {
      reporter_.report_current(absorbed);
      return {};
    }
  }
  /// Whether `work` says so; when it throws, the failure is reported and `otherwise` returned.
  template <class Work>
  bool guarded(bool otherwise, Work&& work) noexcept {
    try {
      return work();
    } catch (...) {
      reporter_.report_current(absorbed);
      return otherwise;
    }
  }

  /// The key's 64 bits, every one of them depending on all of the key.
  template <class KeyView>
  std::uint64_t hash(const KeyView& key) const {
    const auto raw = static_cast<std::uint64_t>(hasher_(key));
    if constexpr (requires { requires hasher::is_avalanching; })
      return raw;
    else
      return mix(raw);
  }

  /// A deadline of its own for an entry that is written now.
  instant own_deadline(const write_mode& mode, instant now) const noexcept {
    return mode.time_to_live ? core::deadline_after(now, *mode.time_to_live) : no_deadline;
  }

  /// Whether an entry with these stamps is too old; a period that the cache does not have never counts.
  bool too_old(instant written, instant accessed, instant expires, instant now) const noexcept {
    if (now > expires) return true;
    if constexpr (has<expire_after_write>)
      if (now - written > policies_.template get<expire_after_write>().value) return true;
    if constexpr (has<expire_after_access>)
      if (now - accessed > policies_.template get<expire_after_access>().value) return true;
    return false;
  }

  /// Tells the listener; what it throws is reported.
  template <class Key, class Value>
  void notify(const Key& key, const Value& value, removal_cause cause) noexcept {
    if constexpr (notifies) {
      try {
        policies_.template get<listener>().f(key, value, cause);
      } catch (...) {
        reporter_.report_current(error_cause::listener);
      }
    }
  }

  /// How many shards serve so many entries and bytes.
  std::size_t shards() const noexcept {
    if constexpr (locking::shards != 0) {
      return std::bit_ceil(locking::shards);
    } else {
      constexpr std::uint64_t entries_each = 4096;
      constexpr std::uint64_t bytes_each = std::uint64_t{256} << 20;
      std::uint64_t most = std::max<std::uint64_t>(1, std::uint64_t{4} * std::thread::hardware_concurrency());
      if constexpr (has<max_entries>) most = std::min(most, policies_.template get<max_entries>().value / entries_each);
      if constexpr (has<max_bytes>) most = std::min(most, policies_.template get<max_bytes>().value / bytes_each);
      // Weights have a unit of the user's own: so much weight is at most so many entries of weight one.
      if constexpr (has<max_weight>) most = std::min(most, policies_.template get<max_weight>().value / entries_each);
      return static_cast<std::size_t>(std::bit_floor(std::max<std::uint64_t>(most, 1)));
    }
  }
  /// How many entries to make room for at once.
  std::size_t expected() const noexcept {
    if constexpr (has<max_entries>)
      return static_cast<std::size_t>(std::min<std::uint64_t>(policies_.template get<max_entries>().value, std::uint64_t{1} << 22));
    else
      return 0;
  }

 private:
  static decltype(auto) policy_of_compression(const set& policies) noexcept {
    if constexpr (compresses)
      return policies.template get<compressing>();
    else
      return core::none{};
  }
  static constexpr std::uint64_t mix(std::uint64_t x) noexcept {  // the finalizer of MurmurHash3
    x ^= x >> 33;
    x *= 0xff51afd7ed558ccdULL;
    x ^= x >> 33;
    x *= 0xc4ceb9fe1a85ec53ULL;
    return x ^ (x >> 33);
  }

  /// The cause of a failure that does not name its own.
  static constexpr error_cause absorbed = core::is_remote_storage<Storage> ? error_cause::network : error_cause::io;

  set policies_;
  [[no_unique_address]] hasher hasher_;
  time time_;
  reporter reporter_;
  [[no_unique_address]] compression<compressing> compression_;
  [[no_unique_address]] timing_part<timing, locking::synchronized> latency_;
  [[no_unique_address]] history_part<remembering> history_;
};

}  // namespace larder::storage
