#pragma once

#include <larder/codec/codec.hpp>
#include <larder/core/axis.hpp>
#include <larder/core/key_view.hpp>
#include <larder/core/time.hpp>
#include <larder/expiry/expire_after_access.hpp>
#include <larder/expiry/expire_after_write.hpp>
#include <larder/expiry/ttl.hpp>
#include <larder/hash/identity.hpp>
#include <larder/hash/xxh3.hpp>
#include <larder/limit/max_bytes.hpp>
#include <larder/limit/max_entries.hpp>
#include <larder/limit/max_weight.hpp>
#include <larder/limit/watermark.hpp>
#include <larder/storage/compression.hpp>
#include <larder/storage/inline_text.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>
#include <type_traits>

namespace larder::storage {

/// What the table has to know of a cache in memory.
template <class Key, class Value, class Context>
struct memory_spec {
  using key_view = core::key_view<Key>;
  static constexpr bool remembers = Context::remembers;
  static constexpr bool compresses = Context::compresses;
  using payload = std::conditional_t<compresses, kept_value<Value>, Value>;
  using eviction = typename Context::eviction;
  using mutex = typename Context::locking::mutex;
  /// What listeners are told.
  using told_key = Key;

  static constexpr bool weighs_bytes = Context::template has<max_bytes>;
  static constexpr bool weighs_weight = Context::template has<max_weight>;
  /// What may have a limit, and then what a cache that compresses counts besides: bytes as stored, if not yet, and as callers see them.
  static constexpr std::size_t limits = 1 + (weighs_bytes ? 1 : 0) + (weighs_weight ? 1 : 0);
  static constexpr std::size_t weight_dimension = limits - 1;
  static constexpr std::size_t stored_dimension = weighs_bytes ? 1 : limits;
  static constexpr std::size_t logical_dimension = weighs_bytes ? limits : limits + 1;
  static constexpr std::size_t dimensions = compresses ? logical_dimension + 1 : limits;
  static constexpr bool counts_bytes = weighs_bytes;
  static constexpr bool synchronized = Context::locking::synchronized;
  /// Whether room for all entries is made at the beginning.
  static constexpr bool bounded = Context::template has<max_entries>;
  /// Whether the hash of an entry's key is computed anew rather than kept: where that is a few operations on the entry's own
  /// line. A user's function is never called under a lock.
  static constexpr bool rehashes = std::is_trivially_copyable_v<Key> && sizeof(Key) <= 16 &&
                                   (std::is_same_v<typename Context::hasher, xxh3> || std::is_same_v<typename Context::hasher, identity>);
  static constexpr bool keeps_written = Context::template has<expire_after_write> || Context::template has<ttl> ||
                                        Context::set::template count<axis::refresh> != 0;
  static constexpr bool keeps_accessed = Context::template has<expire_after_access>;
  static constexpr bool keeps_expires = Context::template has<ttl>;
  static constexpr bool has_watermark = Context::has_watermark;

  /// Text lies in the entry: in no more room than a `std::string` takes, or in so much more as the blocks' entries may have.
  static constexpr std::size_t beside_key =
      sizeof(payload) + 8 * ((dimensions - 1) + (keeps_written ? 1 : 0) + (keeps_accessed ? 1 : 0) + (keeps_expires ? 1 : 0));
  using key = std::conditional_t<!std::is_same_v<Key, std::string>, Key, inline_text<bounded && beside_key <= 8 ? 40 : 32>>;

  /// Entries that leave go out of the lock to be told of or, when that may take long, to be destroyed.
  static constexpr bool collects_removed =
      Context::notifies || !std::is_trivially_destructible_v<Value>;
  static constexpr bool names_removed = Context::notifies;

  explicit memory_spec(const Context& c)
      : context(c), eviction_policy(c.policies().template get_or<axis::eviction, eviction>()), mark(c.mark()) {}

  template <class Entry>
  bool expired(const Entry& e, instant now) const noexcept {
    instant written{0};
    instant accessed{0};
    instant expires = no_deadline;
    if constexpr (keeps_written) written = e.written.written;
    if constexpr (keeps_accessed) accessed = instant{e.accessed.accessed.load(std::memory_order_relaxed)};
    if constexpr (keeps_expires) expires = e.expires.expires;
    return context.too_old(written, accessed, expires, now);
  }
  /// What `entry_info` says of an entry: by bytes where they are limited, else by weight, else by the payload.
  template <class Entry>
  std::uint64_t order_weight(const Entry& e) const noexcept {
    if constexpr (limits > 1 || compresses)
      return e.weight.weights[0];
    else
      return core::payload_size(e.payload);
  }

  std::uint64_t hash(const key_view& k) const noexcept
    requires rehashes
  {
    return context.hash(k);
  }

  const Context& context;
  eviction eviction_policy;
  watermark mark;
};

}  // namespace larder::storage
