#pragma once

#include <larder/core/axis.hpp>
#include <larder/core/digest.hpp>
#include <larder/core/time.hpp>
#include <larder/expiry/expire_after_access.hpp>
#include <larder/limit/watermark.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace larder::storage {

/// What the table has to know of a cache on an indexed storage. The payload of an entry is the store's handle.
template <class Context>
struct indexed_spec {
  using key = digest;
  using told_key = digest;
  using key_view = const digest&;
  using payload = typename Context::storage::store::handle;
  using eviction = typename Context::eviction;
  using mutex = typename Context::locking::mutex;

  static constexpr std::size_t limits = 2;  // entries and bytes
  static constexpr std::size_t dimensions = limits;
  static constexpr bool counts_bytes = true;
  static constexpr bool synchronized = Context::locking::synchronized;
  static constexpr bool bounded = false;  // handles share mappings: their places must not move and need not be near
  static constexpr bool rehashes = false;
  static constexpr bool keeps_written = true;
  static constexpr bool keeps_accessed = Context::template has<expire_after_access>;
  static constexpr bool keeps_expires = true;
  static constexpr bool has_watermark = Context::has_watermark;
  static constexpr bool remembers = Context::remembers;
  static constexpr bool collects_removed = true;

  explicit indexed_spec(const Context& c)
      : context(c), eviction_policy(c.policies().template get_or<axis::eviction, eviction>()), mark(c.mark()) {}

  template <class Entry>
  bool expired(const Entry& e, instant now) const noexcept {
    instant accessed{0};
    if constexpr (keeps_accessed) accessed = instant{e.accessed.accessed.load(std::memory_order_relaxed)};
    return context.too_old(e.written.written, accessed, e.expires.expires, now);
  }
  template <class Entry>
  std::uint64_t order_weight(const Entry& e) const noexcept {
    return e.weight.weights[0];
  }

  const Context& context;
  eviction eviction_policy;
  watermark mark;
};

}  // namespace larder::storage
