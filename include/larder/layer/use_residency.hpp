#pragma once

// Residency by use: an eviction policy decides who leaves, exactly as in a cache of one shard. A layer's index is its slot
// number. Who leaves, leaves when the new layer is loaded, so a load that fails costs nothing that is cached; while a
// load goes on its buffer comes on top of the capacity.

#include <larder/core/concepts.hpp>
#include <larder/core/mix.hpp>
#include <larder/core/slot.hpp>
#include <larder/layer/layer_source.hpp>
#include <larder/layer/planned_residency.hpp>
#include <larder/layer/residency_plan.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <type_traits>
#include <vector>

namespace larder::layers {

/// Called under the cache's lock; see `planned_residency` for the contract with `Host`.
template <eviction_policy Policy>
class use_residency {
  using state = typename Policy::state;
  struct states {
    state* first;
    state& operator[](slot s) const noexcept { return first[s]; }
  };
  using order = typename Policy::template order<states>;

 public:
  use_residency(Policy policy, std::span<const layer_info> layers, const limits& capacity, std::size_t slots)
      : policy_(policy), layers_(layers), capacity_(capacity), ahead_limit_(slots), states_(std::make_unique<state[]>(layers.size())), order_(make_order(policy)) {
    for (const layer_info& l : layers_) largest_ = std::max(largest_, l.size);
  }

  /// One of the same policy and capacity for an empty cache, and the layers' descriptions in another place.
  use_residency renewed() const { return use_residency(policy_, layers_, capacity_, ahead_limit_); }
  void describe(std::span<const layer_info> layers) noexcept { layers_ = layers; }

  /// The capacity and one load more.
  std::uint64_t footprint() const noexcept {
    constexpr auto most = std::numeric_limits<std::uint64_t>::max();
    if (capacity_.bytes != most) return capacity_.bytes > most - largest_ ? most : capacity_.bytes + largest_;
    if (capacity_.entries >= layers_.size()) return most;
    return (capacity_.entries + 1) * largest_;
  }
  static bool is_streamed(std::size_t) noexcept { return false; }
  static std::optional<partial_layer> partial() noexcept { return std::nullopt; }
  template <class Host>
  static std::vector<std::uint64_t> missing_blocks(const Host&) {
    return {};  // whatever is asked for, in whatever sizes
  }
  std::uint64_t block_size(std::size_t i) const noexcept { return layers_[i].size; }
  static constexpr bool looks_beyond = false;

  template <class Host>
  room make_room(std::size_t i, load_kind kind, Host& host) {
    if (layers_[i].size > capacity_.bytes || capacity_.entries == 0) return kind == load_kind::demand ? room::uncached : room::none;
    if (kind == load_kind::pass) {  // what was loaded ahead must not push out what was loaded ahead
      const auto [count, bytes] = host.loaded_ahead();
      if (count >= ahead_limit_ || count >= capacity_.entries || bytes > capacity_.bytes - layers_[i].size) return room::none;
    }
    return room::granted;
  }

  template <class Host>
  bool stored(std::size_t i, Host& host) noexcept {
    const std::uint64_t size = layers_[i].size;
    if (size > capacity_.bytes || capacity_.entries == 0) return false;  // the capacity shrank meanwhile
    while (bytes_ > capacity_.bytes - size || entries_ >= capacity_.entries)
      if (!evict_one(host)) return false;
    std::destroy_at(&states_[i]);
    std::construct_at(&states_[i]);
    order_.on_insert(static_cast<slot>(i), info(i));
    bytes_ += size;
    ++entries_;
    return true;
  }
  void abandoned(std::size_t) noexcept {}
  void used(std::size_t i) noexcept { order_.on_hit(static_cast<slot>(i)); }
  /// Orders hear of uses and insertions; the order of a pass is none of theirs.
  template <class Host>
  static bool asked(std::size_t, Host&) noexcept {
    return false;
  }
  template <class Host>
  static bool offered(std::span<const std::size_t>, std::uint64_t, Host&) noexcept {
    return false;
  }
  void erased(std::size_t i) noexcept {
    order_.on_erase(static_cast<slot>(i));
    forget(i);
  }

  template <class Host>
  void set_limits(const limits& capacity, Host& host) {
    capacity_ = capacity;
    while (bytes_ > capacity_.bytes || entries_ > capacity_.entries)
      if (!evict_one(host)) break;
  }

 private:
  order make_order(const Policy& policy) {
    const states handle{states_.get()};
    if constexpr (std::is_constructible_v<order, const Policy&, states>)
      return order(policy, handle);
    else if constexpr (std::is_constructible_v<order, states>)
      return order(handle);
    else
      return order();
  }
  // The hash is the same for the same layer, for orders that remember who left.
  entry_info info(std::size_t i) const noexcept { return {core::mix(i + std::uint64_t{1}), layers_[i].size}; }
  void forget(std::size_t i) noexcept {
    bytes_ -= layers_[i].size;
    --entries_;
  }
  template <class Host>
  bool evict_one(Host& host) noexcept {
    const slot s = order_.victim();
    if (s == no_slot) return false;
    order_.on_evict(s, info(s));
    forget(s);
    host.evict(s);
    return true;
  }

  Policy policy_;
  std::span<const layer_info> layers_;
  limits capacity_;
  std::size_t ahead_limit_;
  std::unique_ptr<state[]> states_;
  order order_;
  std::uint64_t largest_ = 0;
  std::uint64_t bytes_ = 0;
  std::uint64_t entries_ = 0;
};

}  // namespace larder::layers
