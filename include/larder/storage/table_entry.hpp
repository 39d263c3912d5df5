#pragma once

#include <larder/core/packed_word.hpp>
#include <larder/core/slot.hpp>
#include <larder/core/time.hpp>
#include <larder/limit/budget.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace larder::storage {

/// When an entry was written; nothing where nobody asks.
template <bool Kept>
struct written_stamp {
  instant written{0};
};
template <>
struct written_stamp<false> {};

/// When an entry was last used: set during hits, which run in parallel.
template <bool Kept>
struct accessed_stamp {
  std::atomic<std::int64_t> accessed{0};
};
template <>
struct accessed_stamp<false> {};

/// The entry's own deadline.
template <bool Kept>
struct expires_stamp {
  instant expires = no_deadline;
};
template <>
struct expires_stamp<false> {};

/// What it counts for beyond being one entry.
template <std::size_t Weights, class Word = std::uint64_t>
struct weight_fields {
  std::array<Word, Weights> weights{};
};
template <class Word>
struct weight_fields<0, Word> {};

/// What the eviction order keeps of a slot. Made anew in place, so it shares its bytes with nothing else.
template <class State, bool Empty = std::is_empty_v<State>>
struct order_field {
  State order_state{};
  void renew_state() noexcept {
    std::destroy_at(&order_state);
    ::new (static_cast<void*>(&order_state)) State{};
  }
};
template <class State>
struct order_field<State, true> {
  static inline State order_state{};
  void renew_state() noexcept {}
};

/// One place in a block: key, payload and what the policies keep; hash and the order's state are kept elsewhere.
template <class Spec>
struct block_entry {
  template <class KeyLike>
  block_entry(KeyLike&& k, typename Spec::payload&& p) : key(std::forward<KeyLike>(k)), payload(std::move(p)) {}

  typename Spec::key key;
  typename Spec::payload payload;
  [[no_unique_address]] weight_fields<Spec::dimensions - 1> weight;
  [[no_unique_address]] written_stamp<Spec::keeps_written> written;
  [[no_unique_address]] accessed_stamp<Spec::keeps_accessed> accessed;
  [[no_unique_address]] expires_stamp<Spec::keeps_expires> expires;
};

/// One place of a slab: key, payload, hash and what the policies keep; each stamp is there only when one needs it.
template <class Spec>
struct table_entry : order_field<typename Spec::eviction::state> {
  template <class KeyLike>
  table_entry(KeyLike&& k, typename Spec::payload&& p, std::uint64_t h)
      : key(std::forward<KeyLike>(k)), payload(std::move(p)), hash(h) {}

  typename Spec::key key;
  typename Spec::payload payload;
  std::uint64_t hash;
  [[no_unique_address]] weight_fields<Spec::dimensions - 1> weight;
  [[no_unique_address]] written_stamp<Spec::keeps_written> written;
  [[no_unique_address]] accessed_stamp<Spec::keeps_accessed> accessed;
  [[no_unique_address]] expires_stamp<Spec::keeps_expires> expires;
};

/// The same where the key is its own hash and there are so many entries that each byte counts: nothing lies twice, and no hole.
template <class Spec>
  requires requires { requires Spec::key_is_hash; }
struct table_entry<Spec> : order_field<typename Spec::eviction::state> {
  table_entry(core::packed_word k, typename Spec::payload&& p, std::uint64_t) : payload(std::move(p)), key(k) {}

  typename Spec::payload payload;
  core::packed_word key;
  [[no_unique_address]] weight_fields<Spec::dimensions - 1, core::packed_word> weight;
  [[no_unique_address]] written_stamp<Spec::keeps_written> written;
  [[no_unique_address]] accessed_stamp<Spec::keeps_accessed> accessed;
  [[no_unique_address]] expires_stamp<Spec::keeps_expires> expires;
};

/// The handle through which an eviction order reaches its state in the entries.
template <class Slab>
class order_states {
 public:
  explicit order_states(Slab& slab) noexcept : slab_(&slab) {}
  auto& operator[](slot s) const noexcept { return (*slab_)[s].order_state; }

 private:
  Slab* slab_;
};

/// An order made from `(policy, states)`, `(states)`, `{states}` or nothing: whatever its author wrote.
template <class Order, class Policy, class States>
Order make_order(const Policy& policy, States& states) {
  if constexpr (std::is_constructible_v<Order, const Policy&, States&>)
    return Order(policy, states);
  else if constexpr (std::is_constructible_v<Order, States&>)
    return Order(states);
  else if constexpr (requires { Order{states}; })
    return Order{states};
  else
    return Order{};
}

}  // namespace larder::storage
