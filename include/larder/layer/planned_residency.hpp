#pragma once

// The default residency of a layer cache: residents by plan, everything else through a ring of stream slots. A slot's
// layer leaves in the order of loading, once it was used and nobody holds it; so a pass in order loads each streamed
// layer exactly once, and a demand never waits for a slot: it takes one whose layer is leased (the lease keeps that
// memory, an extra buffer is made), or goes uncached when every slot is being filled.
//
// The plan is for passes in the layers' order, until a pass in another one is asked for twice in a row, or for several times: then
// it is for that. When accesses follow no order and some layers are asked for much more than others (experts), those become the
// residents, as soon as that saves a tenth of the bytes; when it no longer saves anything the plan is for the order again. Each
// time only what is out of place moves.

#include <larder/layer/layer_source.hpp>
#include <larder/layer/residency_plan.hpp>
#include <larder/layer/use_counts.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <numeric>
#include <optional>
#include <span>
#include <utility>
#include <vector>

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
  planned_residency(std::span<const layer_info> layers, const limits& capacity, std::size_t slots,
                    partial_layers parts = partial_layers::one)
      : layers_(layers),
        capacity_(capacity),
        wanted_slots_(slots),
        parts_(parts),
        declared_(layer_uses::of_each_once(layers.size())),
        pass_(declared_.order),
        counted_(layers.size()),
        plan_(planned(capacity, declared_)) {}

  /// One with the same plan for an empty cache, and the layers' descriptions in another place.
  planned_residency renewed() const {
    planned_residency fresh = *this;
    fresh.ring_.clear();
    return fresh;
  }
  void describe(std::span<const layer_info> layers) noexcept { layers_ = layers; }

  const residency_plan& plan() const noexcept { return plan_; }
  /// The pass that the plan is for.
  std::span<const std::size_t> pass() const noexcept { return pass_; }
  /// Of layers that are whole; what is kept of another one is beside them.
  std::uint64_t footprint() const noexcept { return plan_.footprint() - plan_.kept_bytes(); }
  std::optional<partial_layer> partial() const noexcept { return plan_.partial; }
  bool is_streamed(std::size_t i) const noexcept { return !plan_.resident[i]; }
  /// The sizes of the blocks that the plan needs beside those of the layers that are there.
  template <class Host>
  std::vector<std::uint64_t> missing_blocks(const Host& host) const {
    std::vector<std::uint64_t> missing;
    std::size_t slots = plan_.stream_slots;
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      const bool is_there = host.look(i).ready;
      if (is_there && !plan_.resident[i] && slots != 0) --slots;
      if (!is_there && plan_.resident[i]) missing.push_back(layers_[i].size);
    }
    missing.insert(missing.end(), slots, plan_.slot_bytes);
    return missing;
  }
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

  /// Somebody asks for the layer, whether or not it is there. Whether there is another plan now.
  template <class Host>
  bool asked(std::size_t i, Host& host) {
    if (plan_.stream_slots == 0 || !counted_.count(i)) return false;
    const bool moved = look_at_uses(host);
    counted_.begin_window();
    return moved;
  }
  /// So many passes in that order begin. Whether there is another plan now.
  template <class Host>
  bool offered(std::span<const std::size_t> order, std::uint64_t passes, Host& host) {
    layer_uses uses = layer_uses::of_order(order, layers_.size());
    const bool again = passes > 1 || (uses.order == last_offered_.order && uses.counts == last_offered_.counts);
    last_offered_ = uses;
    if (order.empty() || !again || is_as_declared(uses)) return false;
    std::vector<std::size_t> pass(order.begin(), order.end());
    declared_ = std::move(uses);
    pass_ = std::move(pass);
    if (plan_.stream_slots == 0) return false;
    adopt(planned(capacity_, declared_), host);
    return true;
  }

  /// Plans anew (throws, and changes nothing, when the largest layer does not fit) and drops what is now out of place.
  template <class Host>
  void set_limits(const limits& capacity, Host& host) {
    residency_plan next = planned(capacity, declared_);
    capacity_ = capacity;
    adopt(std::move(next), host);
  }

 private:
  residency_plan planned(const limits& capacity, const layer_uses& uses) const {
    return plan_residency(layers_, capacity, wanted_slots_, uses, parts_);
  }
  template <class Host>
  bool look_at_uses(Host& host) {
    const layer_uses seen{declared_.order, counted_.counts()};
    residency_plan by_use = planned(capacity_, seen);
    by_use.by_use = true;
    std::uint64_t all = 0;
    for (std::size_t i = 0; i < layers_.size(); ++i) all += seen.counts[i] * layers_[i].size;
    const std::uint64_t least = by_use.bytes_per_pass;
    if (least + all / 10 <= streamed_bytes(seen.counts, plan_)) {
      by_use.loads_per_pass = per_pass(by_use.loads_per_pass, seen.counts);
      by_use.bytes_per_pass = per_pass(by_use.bytes_per_pass, seen.counts);
      adopt(std::move(by_use), host);
      return true;
    }
    if (!plan_.by_use) return false;
    residency_plan declared = planned(capacity_, declared_);
    if (streamed_bytes(seen.counts, declared) > least + all / 50) return false;
    adopt(std::move(declared), host);
    return true;
  }
  /// Drops what is out of place; nothing else moves.
  template <class Host>
  void adopt(residency_plan next, Host& host) {
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

  /// A reversed order is spread as evenly as it was forward.
  bool is_as_declared(const layer_uses& uses) const {
    return uses.counts == declared_.counts &&
           (uses.order == declared_.order || std::equal(uses.order.rbegin(), uses.order.rend(), declared_.order.begin(), declared_.order.end()));
  }
  /// What so many uses of each layer read by a plan.
  std::uint64_t streamed_bytes(const std::vector<std::uint64_t>& counts, const residency_plan& plan) const noexcept {
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < layers_.size(); ++i)
      if (!plan.resident[i]) sum += counts[i] * plan.bytes_per_load(i, layers_[i].size);
    return sum;
  }
  /// Of as many accesses as there are layers.
  template <class Number>
  Number per_pass(Number of_all, const std::vector<std::uint64_t>& counts) const noexcept {
    const std::uint64_t accesses = std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
    return static_cast<Number>(static_cast<double>(of_all) * static_cast<double>(layers_.size()) / static_cast<double>(accesses) + 0.5);
  }

  void leave_ring(std::size_t i) noexcept {
    const auto place = std::find(ring_.begin(), ring_.end(), i);
    if (place != ring_.end()) ring_.erase(place);
  }

  std::span<const layer_info> layers_;
  limits capacity_;
  std::size_t wanted_slots_;
  partial_layers parts_;
  layer_uses declared_;
  std::vector<std::size_t> pass_;
  layer_uses last_offered_;
  use_counts counted_;
  residency_plan plan_;
  std::deque<std::size_t> ring_;  // streamed layers that hold a slot, oldest load first
};

}  // namespace larder::layers
