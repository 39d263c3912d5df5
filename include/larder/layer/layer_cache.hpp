#pragma once

// A cache of a model's layers. Without an eviction policy residency is planned: see residency_plan.hpp for the
// arithmetic and planned_residency.hpp for the slots. With one, layers stay by use: see use_residency.hpp. Choose the
// plan for passes (every layer in turn, again and again), where recency hits nothing; choose a policy for requests that
// pick layers, experts or adapters in no fixed order.

#include <larder/core/axis.hpp>
#include <larder/core/concepts.hpp>
#include <larder/core/error.hpp>
#include <larder/core/time.hpp>
#include <larder/expiry/time_source.hpp>
#include <larder/layer/gguf.hpp>
#include <larder/layer/layer.hpp>
#include <larder/layer/layer_engine.hpp>
#include <larder/layer/layer_pass.hpp>
#include <larder/layer/layer_schedule.hpp>
#include <larder/layer/layer_source.hpp>
#include <larder/layer/layer_stats.hpp>
#include <larder/layer/load_retries.hpp>
#include <larder/layer/loader_source.hpp>
#include <larder/layer/planned_residency.hpp>
#include <larder/layer/prefaulted.hpp>
#include <larder/layer/read_path.hpp>
#include <larder/layer/residency_plan.hpp>
#include <larder/layer/safetensors.hpp>
#include <larder/layer/shared_layers.hpp>
#include <larder/layer/stream_slots.hpp>
#include <larder/layer/use_residency.hpp>
#include <larder/layer/verify_tensors.hpp>
#include <larder/limit/max_bytes.hpp>
#include <larder/limit/max_entries.hpp>
#include <larder/limit/unbounded.hpp>
#include <larder/sync/task.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <memory>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

namespace larder {

namespace layers {

template <class P>
inline constexpr bool is_layer_limit = std::is_same_v<P, max_bytes> || std::is_same_v<P, max_entries> || std::is_same_v<P, unbounded>;

template <class P>
inline constexpr bool is_layer_policy = core::on_axis<P, axis::eviction> || is_layer_limit<P> || core::on_axis<P, axis::time> ||
                                        std::is_same_v<P, stream_slots> || std::is_same_v<P, load_retries> ||
                                        std::is_same_v<P, read_path> || std::is_same_v<P, verify_tensors> ||
                                        std::is_same_v<P, shared_layers> || std::is_same_v<P, prefaulted>;

/// The policies of a layer cache, checked and sorted out.
template <class... Policies>
struct layer_policies {
  static_assert((policy<Policies> && ...), "larder: a layer_cache takes a source, then policies; a policy says its axis as policy_axis");
  static_assert(((!core::on_axis<Policies, axis::limit> || is_layer_limit<Policies>) && ...),
                "larder: a layer_cache is limited by max_bytes and max_entries; it knows each layer's size, so max_weight has no weigher here");
  static_assert(((core::on_axis<Policies, axis::limit> || is_layer_policy<Policies>) && ...),
                "larder: a layer_cache takes an eviction order, max_bytes, max_entries, stream_slots, load_retries, read_path, "
                "verify_tensors, shared_layers, prefaulted and a time_source; it has no other axis");
  static_assert(core::axis_count<axis::eviction, Policies...> <= 1, "larder: a layer_cache has one eviction order at most");
  static_assert(core::axis_count<axis::time, Policies...> <= 1, "larder: a layer_cache has one time_source at most");
  static_assert(((core::type_count<Policies, Policies...> == 1) && ...), "larder: a layer_cache takes each policy once");

  static constexpr bool by_use = core::axis_count<axis::eviction, Policies...> == 1;
  static constexpr bool is_prefaulted = core::type_count<prefaulted, Policies...> == 1;
  static_assert(!(by_use && is_prefaulted),
                "larder: prefaulted takes the memory of a plan; a layer_cache with an eviction order has none, since what will "
                "be asked for is not known");
  static_assert(!(is_prefaulted && core::type_count<shared_layers, Policies...> == 1),
                "larder: prefaulted takes memory for every layer, shared_layers looks for layers in the memory of others; a "
                "layer_cache takes one of the two");
  using time = typename core::first_on_axis<axis::time, time_source<steady_time>, Policies...>::type;
  using eviction = typename core::first_on_axis<axis::eviction, void, Policies...>::type;
};

template <class Policy>
struct residency_for {
  static_assert(eviction_policy<Policy>, "larder: this eviction policy does not meet the concept larder::eviction_policy");
  using type = use_residency<Policy>;
};
template <>
struct residency_for<void> {
  using type = planned_residency;
};

}  // namespace layers

/// A cache of a model's layers over a source. Policies in any order: `max_bytes`, `max_entries` (none named: everything
/// fits), an eviction order (none named: residency is planned), `stream_slots`, `load_retries`, `read_path`, `verify_tensors`,
/// `shared_layers`, `prefaulted`, `time_source`.
///
/// All members may be called from several threads at once. A layer is loaded once, whoever asks for it meanwhile; a
/// loader that throws reaches everybody who waits, nothing is stored, and the next call tries again. So it is with a layer of which
/// a tensor is not what its digest says, where the source knows digests (`verify_tensors`). Wrong indexes,
/// unknown names and a planned capacity below the largest layer throw `larder::error`. The destructor stops what is
/// queued and waits for at most one piece of each layer that is being read (of files up to two, 16 MiB of each); leases stay valid.
template <class Source, class... Policies>
class layer_cache {
  static_assert(layer_source<Source>,
                "larder: a layer source has layers(), convertible to std::span<const layer_info>, and read(index, offset, destination), both const");
  using policies = layers::layer_policies<Policies...>;
  using residency = typename layers::residency_for<typename policies::eviction>::type;
  using engine = layers::layer_engine<Source, residency, typename policies::time>;
  static constexpr std::size_t limit_count = core::type_count<max_bytes, Policies...> + core::type_count<max_entries, Policies...>;

 public:
  using pass_type = layer_pass<engine>;

  /// Reads no layer yet.
  explicit layer_cache(Source source, Policies... chosen) : layer_cache(std::move(source), std::tuple<Policies...>(std::move(chosen)...)) {}
  layer_cache(const layer_cache&) = delete;
  layer_cache& operator=(const layer_cache&) = delete;

  /// A lease on the layer; loads it when it is not there. Starts no other load.
  layer get(std::size_t index) { return engine_.get(checked(index)); }
  layer get(std::string_view name) { return engine_.get(index_of(name)); }

  /// The layers in order, each once, while the loader works ahead: `for (auto layer : layers.pass()) ...`. Loads nothing
  /// beyond its last layer. Of several passes at a time the loader works for the one that asked last.
  pass_type pass() { return passes(1); }
  /// The same in an order of one's own (reversed, a selection, with repetitions).
  pass_type pass(std::vector<std::size_t> order) { return passes(1, std::move(order)); }
  /// So many passes one after the other; the loader goes on across their boundaries.
  pass_type passes(std::uint64_t count) {
    std::vector<std::size_t> order(layer_count());
    std::iota(order.begin(), order.end(), std::size_t{0});
    return passes(count, std::move(order));
  }
  pass_type passes(std::uint64_t count, std::vector<std::size_t> order) {
    for (const std::size_t index : order) checked(index);
    return pass_type(engine_, std::make_shared<layers::layer_schedule>(std::move(order), count));
  }
  /// Passes until the caller leaves the loop; the loader is then up to `stream_slots` layers ahead.
  pass_type endless_passes() { return passes(layers::layer_schedule::endless); }

  /// Loads these layers in the background, in that order; progress counts layers. Under planned residency a layer that is
  /// streamed is passed over when every slot holds one that is still to be used.
  task warmup(std::span<const std::size_t> indexes) { return request({indexes.begin(), indexes.end()}, layers::load_kind::warmup); }
  task warmup(std::initializer_list<std::size_t> indexes) { return request({indexes.begin(), indexes.end()}, layers::load_kind::warmup); }

  /// Asks for the `n` layers after `after` in the background, as far as there are so many and there is room; never waits.
  task prefetch_next(std::size_t after, std::size_t n) {
    checked(after);
    std::vector<std::size_t> wanted(std::min(n, layer_count() - 1 - after));
    std::iota(wanted.begin(), wanted.end(), after + 1);
    return request(std::move(wanted), layers::load_kind::prefetch);
  }

  /// Whether it is cached, which is no use of it.
  bool contains(std::size_t index) const { return holds(checked(index)); }
  bool contains(std::string_view name) const { return holds(index_of(name)); }

  /// Drops the layer; whether it was cached. A load in progress reaches those who wait and is not stored.
  bool erase(std::size_t index) { return engine_.erase(checked(index)); }
  bool erase(std::string_view name) { return engine_.erase(index_of(name)); }
  void clear() { engine_.clear(); }

  /// f(name, bytes) or f(name, bytes, age) for each cached layer by index; f may call the cache.
  template <class F>
  void for_each(F&& f) const {
    std::vector<std::pair<std::size_t, instant>> cached;
    cached.reserve(layer_count());
    engine_.look_up([&](const auto& table) {
      for (std::size_t i = 0; i < layer_count(); ++i)
        if (table.block(i) != nullptr) cached.emplace_back(i, table.loaded_at(i));
    });
    for (const auto& [index, loaded] : cached) {
      const layer_info& info = engine_.catalog()[index];
      if constexpr (std::is_invocable_v<F&, std::string_view, std::uint64_t, duration>)
        f(std::string_view(info.name), info.size, duration(engine_.now() - loaded));
      else {
        static_assert(std::is_invocable_v<F&, std::string_view, std::uint64_t>, "larder: for_each of a layer_cache needs f(name, bytes)");
        f(std::string_view(info.name), info.size);
      }
    }
  }

  /// How many layers are cached.
  std::size_t size() const {
    return engine_.look_up([](const auto& table) { return table.size(); });
  }
  bool empty() const { return size() == 0; }
  /// Bytes of the cached layers; never above `max_bytes`.
  std::uint64_t weight() const {
    return engine_.look_up([](const auto& table) { return table.weight(); });
  }
  /// Bytes where `max_bytes` was named, else layers where `max_entries` was, else the largest number.
  std::uint64_t capacity() const {
    return engine_.look_up([&](const auto&) {
      constexpr auto most = std::numeric_limits<std::uint64_t>::max();
      return limits_.bytes != most || limits_.entries == most ? limits_.bytes : limits_.entries;
    });
  }
  /// Acts at once: a smaller capacity evicts, a larger one evicts nothing by use; a plan is made anew. Under `prefaulted` its memory is
  /// taken; where it is not there this throws, with the new plan in force and memory that comes with the layers.
  void set_capacity(max_bytes n) {
    engine_.set_limits(limits_, [&](layers::limits& l) { l.bytes = n.value; });
  }
  void set_capacity(max_entries n) {
    engine_.set_limits(limits_, [&](layers::limits& l) { l.entries = n.value; });
  }
  template <std::integral Number>
  void set_capacity(Number n) {
    static_assert(limit_count == 1, "larder: set_capacity(n) needs one limit to mean; say set_capacity(max_bytes{n}) or set_capacity(max_entries{n})");
    if constexpr (core::type_count<max_bytes, Policies...> == 1)
      set_capacity(max_bytes{n});
    else
      set_capacity(max_entries{n});
  }

  layer_stats stats() const {
    return engine_.look_up([](const auto& table) { return table.stats(); });
  }
  void reset_stats() { engine_.reset_stats(); }

  /// What is resident, what is streamed, and what a pass costs; how long it takes once passes have been gone through.
  residency_plan plan() const
    requires(!policies::by_use)
  {
    return engine_.plan();
  }

  /// What there is, in the order of use.
  std::span<const layer_info> layers() const noexcept { return engine_.catalog(); }
  std::size_t layer_count() const noexcept { return engine_.catalog().size(); }
  const Source& source() const noexcept { return engine_.source(); }
  /// How many buffers were ever allocated; stands still once the cache is warm and layers are alike in size, from the beginning under
  /// `prefaulted`; but not where they share tensors with others (`shared_layers`): what others may see is not used again.
  std::uint64_t buffer_allocations() const noexcept { return engine_.allocations(); }

 private:
  layer_cache(Source source, std::tuple<Policies...> chosen)
      : limits_(limits_of(chosen)),
        engine_(
            std::move(source), [&](std::span<const layer_info> all) { return make_residency(all, limits_, chosen); },
            pick<typename policies::time>(chosen), pick<load_retries>(chosen, 1U), path_of(chosen), pick<verify_tensors>(chosen).when,
            pool_of(chosen), policies::is_prefaulted) {
    for (std::size_t i = 0; i < layer_count(); ++i)
      if (!by_name_.emplace(engine_.catalog()[i].name, i).second)
        core::fail(error_cause::invalid_argument, "the source has two layers named \"" + engine_.catalog()[i].name + "\"");
  }

  template <class P, class... Default>
  static P pick(const std::tuple<Policies...>& chosen, Default... otherwise) {
    if constexpr (core::type_count<P, Policies...> == 1)
      return std::get<P>(chosen);
    else
      return P(otherwise...);
  }
  static read_path path_of(const std::tuple<Policies...>& chosen) {
    const read_path path = pick<read_path>(chosen);
    if (policies::is_prefaulted && path.value == read_path::mapped)
      core::fail(error_cause::invalid_argument,
                 "prefaulted takes memory for every layer, and with read_path::mapped layers are pages of their files; leave out one of "
                 "the two");
    return path;
  }
  static std::shared_ptr<layers::layer_pool> pool_of(const std::tuple<Policies...>& chosen) {
    if constexpr (core::type_count<shared_layers, Policies...> == 1)
      return std::get<shared_layers>(chosen).pool();
    else
      return nullptr;
  }
  static layers::limits limits_of(const std::tuple<Policies...>& chosen) {
    layers::limits all;
    if constexpr (core::type_count<max_bytes, Policies...> == 1) all.bytes = std::get<max_bytes>(chosen).value;
    if constexpr (core::type_count<max_entries, Policies...> == 1) all.entries = std::get<max_entries>(chosen).value;
    return all;
  }
  static residency make_residency(std::span<const layer_info> all, const layers::limits& limits, const std::tuple<Policies...>& chosen) {
    const std::size_t slots = pick<stream_slots>(chosen).value;
    if constexpr (policies::by_use)
      return residency(std::get<typename policies::eviction>(chosen), all, limits, slots);
    else
      return residency(all, limits, slots, layers::reads_rests<Source> ? layers::partial_layers::one : layers::partial_layers::none);
  }

  std::size_t checked(std::size_t index) const {
    if (index >= layer_count())
      core::fail(error_cause::invalid_argument, "layer " + std::to_string(index) + " was asked for; there are " + std::to_string(layer_count()) +
                                                    ", numbered from 0");
    return index;
  }
  std::size_t index_of(std::string_view name) const {
    const auto found = by_name_.find(name);
    if (found == by_name_.end())
      core::fail(error_cause::invalid_argument, "there is no layer \"" + std::string(name) + "\" among the " + std::to_string(layer_count()) +
                                                    " of the source");
    return found->second;
  }
  bool holds(std::size_t index) const {
    return engine_.look_up([&](const auto& table) { return table.block(index) != nullptr; });
  }
  task request(std::vector<std::size_t> indexes, layers::load_kind kind) {
    for (const std::size_t index : indexes) checked(index);
    if (indexes.empty()) return {};
    return engine_.request(std::move(indexes), kind);
  }
  layers::limits limits_;  // guarded by the engine's lock
  engine engine_;
  std::unordered_map<std::string_view, std::size_t> by_name_;
};

template <class Source, class... Policies>
layer_cache(Source, Policies...) -> layer_cache<Source, Policies...>;

}  // namespace larder
