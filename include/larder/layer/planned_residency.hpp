#pragma once

// The default residency of a layer cache: residents by plan, everything else through a ring of stream slots. A slot's
// layer leaves in the order of loading, once it was used and nobody holds it; so a pass in order loads each streamed
// layer exactly once, and a demand never waits for a slot: it takes one whose layer is leased (the lease keeps that
// memory, an extra buffer is made), or goes uncached when every slot is being filled.

#include <larder/layer/layer_source.hpp>
#include <larder/layer/residency_plan.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <span>
#include <utility>

namespace larder::layers {

/// Why a layer is loaded.
enum class load_kind : std::uint8_t {
  demand,    ///< somebody waits for it
  warmup,    ///< `warmup`
  prefetch,  ///< `prefetch_next`
  pass,      ///< a pass will come to it
};

/// Whether a load may begin.
enum class room : std::uint8_t {
  granted,   ///< there will be a place for it
  uncached,  ///< load it for those who wait, then forget it
  none,      ///< not now
};

/// How a layer lies in the cache, as far as a residency asks.
struct occupancy {
  bool ready;   ///< loaded, in the cache
  bool leased;  ///< somebody outside holds it
  bool unused;  ///< prefetched, not asked for yet
  bool ahead;   ///< the pass that asks comes to it before the layer that it asks for
};

/// Called under the cache's lock. `Host` answers `occupancy look(index)` and does `evict(index)`.
class planned_residency {
 public:
  planned_residency(std::span<const layer_info> layers, const limits& capacity, std::size_t slots)
      : layers_(layers), wanted_slots_(slots), plan_(plan_residency(layers, capacity, slots)) {}

  /// One with the same plan for an empty cache, and the layers' descriptions in another place.
  planned_residency renewed() const { return planned_residency(layers_, wanted_slots_, plan_); }
  void describe(std::span<const layer_info> layers) noexcept { layers_ = layers; }

  const residency_plan& plan() const noexcept { return plan_; }
  std::uint64_t footprint() const noexcept { return plan_.footprint(); }
  bool is_streamed(std::size_t i) const noexcept { return !plan_.resident[i]; }
  std::uint64_t block_size(std::size_t i) const noexcept { return plan_.resident[i] ? layers_[i].size : plan_.slot_bytes; }
  /// In a pass, layers beyond one for which there was no room may still be loaded.
  static constexpr bool looks_beyond = true;

  /// Before a load: makes its place, which `stored` fills or `abandoned` gives back.
  template <class Host>
  room make_room(std::size_t i, load_kind kind, Host& host) {
    if (plan_.resident[i]) return room::granted;
    if (ring_.size() < plan_.stream_slots) {
      ring_.push_back(i);
      return room::granted;
    }
    const auto replace = [&](auto may_leave) {
      for (auto place = ring_.begin(); place != ring_.end(); ++place) {
        const occupancy state = host.look(*place);
        if (!state.ready || !may_leave(state)) continue;
        const std::size_t leaving = *place;
        ring_.erase(place);
        host.evict(leaving);
        ring_.push_back(i);
        return true;
      }
      return false;
    };
    if (kind == load_kind::pass) return replace([](const occupancy& s) { return !s.leased && !s.ahead; }) ? room::granted : room::none;
    if (replace([](const occupancy& s) { return !s.leased && !s.unused; })) return room::granted;
    if (kind != load_kind::demand) return room::none;
    if (replace([](const occupancy& s) { return !s.leased; })) return room::granted;
    if (replace([](const occupancy&) { return true; })) {
      host.count_extra_buffer();
      return room::granted;
    }
    host.count_extra_buffer();
    return room::uncached;
  }

  template <class Host>
  bool stored(std::size_t, Host&) noexcept {
    return true;
  }
  void abandoned(std::size_t i) noexcept { leave_ring(i); }
  void used(std::size_t) noexcept {}
  void erased(std::size_t i) noexcept { leave_ring(i); }

  /// Plans anew (throws, and changes nothing, when the largest layer does not fit) and drops what is now out of place.
  template <class Host>
  void set_limits(const limits& capacity, Host& host) {
    residency_plan next = plan_residency(layers_, capacity, wanted_slots_);
    host.forget_loads();
    const residency_plan before = std::exchange(plan_, std::move(next));
    for (std::size_t i = 0; i < layers_.size(); ++i)
      if (host.look(i).ready && (before.resident[i] != plan_.resident[i] || (!plan_.resident[i] && before.slot_bytes != plan_.slot_bytes))) {
        leave_ring(i);
        host.evict(i);
      }
    while (ring_.size() > plan_.stream_slots) {
      const std::size_t leaving = ring_.front();
      ring_.pop_front();
      host.evict(leaving);
    }
  }

 private:
  planned_residency(std::span<const layer_info> layers, std::size_t slots, const residency_plan& plan)
      : layers_(layers), wanted_slots_(slots), plan_(plan) {}

  void leave_ring(std::size_t i) noexcept {
    const auto place = std::find(ring_.begin(), ring_.end(), i);
    if (place != ring_.end()) ring_.erase(place);
  }

  std::span<const layer_info> layers_;
  std::size_t wanted_slots_;
  residency_plan plan_;
  std::deque<std::size_t> ring_;  // streamed layers that hold a slot, oldest load first
};

}  // namespace larder::layers
