#pragma once

#include <larder/core/axis.hpp>
#include <larder/core/packed_word.hpp>
#include <larder/core/time.hpp>
#include <larder/expiry/expire_after_access.hpp>
#include <larder/expiry/expire_after_write.hpp>
#include <larder/expiry/refresh_after_write.hpp>
#include <larder/expiry/ttl.hpp>
#include <larder/limit/watermark.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace larder::storage {

/// What the table has to know of a cache on a logged storage. The key of an entry is the low half of its key's digest, as it is everywhere
/// in the log: of two keys with equal halves one is a miss, since a fetch compares the whole key. The payload is the store's handle. What
/// only some policies ask for, and the record says as well, is kept in memory for those alone.
template <class Context>
struct logged_spec {
  using store = typename Context::storage::store;
  using key = core::packed_word;
  using told_key = std::uint64_t;
  using key_view = std::uint64_t;
  using payload = typename store::handle;
  using eviction = typename Context::eviction;
  using mutex = typename Context::locking::mutex;

  static constexpr std::size_t limits = 2;                                            // entries and bytes
  static constexpr std::size_t dimensions = limits + (Context::compresses ? 1 : 0);  // and bytes as callers see them
  static constexpr bool counts_bytes = true;
  static constexpr bool synchronized = Context::locking::synchronized;
  static constexpr bool bounded = false;  // who is in a block must hash again when it grows
  static constexpr bool rehashes = false;
  static constexpr bool key_is_hash = true;
  static constexpr bool keeps_written = Context::template has<expire_after_write> || Context::template has<refresh_after_write>;
  static constexpr bool keeps_accessed = Context::template has<expire_after_access>;
  static constexpr bool keeps_expires = Context::template has<ttl>;
  static constexpr bool keeps_time = keeps_written || keeps_accessed || keeps_expires;
  static constexpr bool has_watermark = Context::has_watermark;
  static constexpr bool remembers = Context::remembers;
  static constexpr bool collects_removed = true;

  logged_spec(const Context& c, const store& s)
      : context(c), records(s), eviction_policy(c.policies().template get_or<axis::eviction, eviction>()), mark(c.mark()) {}

  template <class Entry>
  static instant written(const Entry& e) noexcept {
    if constexpr (keeps_written)
      return e.written.written;
    else
      return instant{0};
  }
  template <class Entry>
  static instant accessed(const Entry& e) noexcept {
    if constexpr (keeps_accessed)
      return instant{e.accessed.accessed.load(std::memory_order_relaxed)};
    else
      return instant{0};
  }
  /// The entry's own deadline, which a process with another cache type may have given it.
  template <class Entry>
  instant expires(const Entry& e) const noexcept {
    if constexpr (keeps_expires)
      return e.expires.expires;
    else
      return e.payload.expires() ? records.deadline_of(e.payload) : no_deadline;
  }
  /// Where nothing expires, looking for the time would cost a hit more than finding the entry: only one with a deadline of its own asks.
  template <class Entry>
  bool expired(const Entry& e, [[maybe_unused]] instant now) const noexcept {
    if constexpr (!keeps_time) return e.payload.expires() && context.now() > records.deadline_of(e.payload);
    return context.too_old(written(e), accessed(e), expires(e), now);
  }
  template <class Entry>
  std::uint64_t order_weight(const Entry& e) const noexcept {
    return e.weight.weights[0];
  }

  const Context& context;
  const store& records;
  eviction eviction_policy;
  watermark mark;
};

}  // namespace larder::storage
