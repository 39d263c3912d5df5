#pragma once

// The policies that the model tests compose, axis by axis: 6 orders, 8 kinds of limit, 5 of expiry and 3 of locking.

#include <larder/core/axis.hpp>
#include <larder/core/slot.hpp>
#include <larder/eviction/clock.hpp>
#include <larder/eviction/fifo.hpp>
#include <larder/eviction/largest_first.hpp>
#include <larder/eviction/lru.hpp>
#include <larder/eviction/sieve.hpp>
#include <larder/expiry/expire_after_access.hpp>
#include <larder/expiry/expire_after_write.hpp>
#include <larder/expiry/ttl.hpp>
#include <larder/limit/max_bytes.hpp>
#include <larder/limit/max_entries.hpp>
#include <larder/limit/max_weight.hpp>
#include <larder/limit/unbounded.hpp>
#include <larder/limit/watermark.hpp>
#include <larder/limit/weigher.hpp>
#include <larder/sync/sharded.hpp>
#include <larder/sync/unsynchronized.hpp>

#include <cstddef>
#include <string>
#include <string_view>
#include <tuple>

#include "memory_composition.hpp"

namespace model {

// ------------------------------------------------------------------------------------------------------- orders

/// Most recently used goes first: a policy from outside the library, as a user would write it.
struct mru {
  using policy_axis = larder::axis::eviction;
  struct state {
    larder::slot prev = larder::no_slot;
    larder::slot next = larder::no_slot;
  };
  template <class States>
  struct order {
    explicit order(States states) noexcept : s(states) {}
    void on_insert(larder::slot at, larder::entry_info) noexcept {
      s[at].prev = larder::no_slot;
      s[at].next = head;
      if (head != larder::no_slot) s[head].prev = at;
      head = at;
    }
    void on_hit(larder::slot at) noexcept {
      on_erase(at);
      on_insert(at, {});
    }
    void on_erase(larder::slot at) noexcept {
      (s[at].prev == larder::no_slot ? head : s[s[at].prev].next) = s[at].next;
      if (s[at].next != larder::no_slot) s[s[at].next].prev = s[at].prev;
    }
    void on_evict(larder::slot at, larder::entry_info) noexcept { on_erase(at); }
    larder::slot victim() noexcept { return head; }

    States s;
    larder::slot head = larder::no_slot;
  };
};

constexpr order_kind kind_of(larder::lru) { return order_kind::lru; }
constexpr order_kind kind_of(larder::fifo) { return order_kind::fifo; }
constexpr order_kind kind_of(larder::clock) { return order_kind::clock; }
constexpr order_kind kind_of(larder::sieve) { return order_kind::sieve; }
constexpr order_kind kind_of(larder::largest_first) { return order_kind::largest_first; }
constexpr order_kind kind_of(mru) { return order_kind::mru; }

/// As `order_kind` counts them.
using orders = std::tuple<larder::lru, larder::fifo, larder::clock, larder::sieve, larder::largest_first, mru>;

// ------------------------------------------------------------------------------------------------------- limits

struct weigh_text {
  std::size_t operator()(std::string_view key, const std::string& value) const { return key.size() + value.size(); }
};

template <class... Policies>
struct limit_by {
  using policies = std::tuple<Policies...>;
};
struct by_entries : limit_by<larder::max_entries> {
  static constexpr const char* name = "max_entries";
};
struct by_bytes : limit_by<larder::max_bytes> {
  static constexpr const char* name = "max_bytes";
};
struct by_both : limit_by<larder::max_entries, larder::max_bytes> {
  static constexpr const char* name = "max_entries and max_bytes";
};
struct by_weight : limit_by<larder::max_weight, larder::weigher<weigh_text>> {
  static constexpr const char* name = "max_weight";
};
struct by_all : limit_by<larder::max_entries, larder::max_bytes, larder::max_weight, larder::weigher<weigh_text>> {
  static constexpr const char* name = "all limits";
};
struct by_nothing : limit_by<larder::unbounded> {
  static constexpr const char* name = "unbounded";
};
struct marked_entries : limit_by<larder::max_entries, larder::watermark> {
  static constexpr const char* name = "max_entries with watermark";
};
struct marked_both : limit_by<larder::max_entries, larder::max_bytes, larder::watermark> {
  static constexpr const char* name = "max_entries and max_bytes with watermark";
};

using limits = std::tuple<by_entries, by_bytes, by_both, by_weight, by_all, by_nothing, marked_entries, marked_both>;

// ------------------------------------------------------------------------------------------------------- expiry

struct kept {
  static constexpr const char* name = "no expiry";
  using policies = std::tuple<>;
};
struct after_write {
  static constexpr const char* name = "expire_after_write";
  using policies = std::tuple<larder::expire_after_write>;
};
struct after_access {
  static constexpr const char* name = "expire_after_access";
  using policies = std::tuple<larder::expire_after_access>;
};
struct own_ttl {
  static constexpr const char* name = "ttl";
  using policies = std::tuple<larder::ttl>;
};
struct every_expiry {
  static constexpr const char* name = "every expiry";
  using policies = std::tuple<larder::expire_after_write, larder::expire_after_access, larder::ttl>;
};

using expiries = std::tuple<kept, after_write, after_access, own_ttl, every_expiry>;

// ------------------------------------------------------------------------------------------------------ locking

constexpr const char* locking_name(larder::sharded<>) { return "sharded<>"; }
constexpr const char* locking_name(larder::sharded<1>) { return "sharded<1>"; }
constexpr const char* locking_name(larder::unsynchronized) { return "unsynchronized"; }

using lockings = std::tuple<larder::sharded<>, larder::sharded<1>, larder::unsynchronized>;

}  // namespace model
