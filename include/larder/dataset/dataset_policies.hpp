#pragma once

// Which cache is under a data set cache, by the policies that its user names.

#include <larder/cache.hpp>
#include <larder/core/axis.hpp>
#include <larder/core/bytes.hpp>
#include <larder/core/policy_set.hpp>
#include <larder/eviction/epoch_pin.hpp>
#include <larder/limit/max_bytes.hpp>
#include <larder/limit/max_weight.hpp>
#include <larder/limit/unbounded.hpp>
#include <larder/limit/weigher.hpp>
#include <larder/storage/memory.hpp>
#include <larder/storage/mmap_disk.hpp>

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

namespace larder::datasets {

template <class... Policies>
struct policy_list {};

template <class First, class Second>
struct joined;
template <class... A, class... B>
struct joined<policy_list<A...>, policy_list<B...>> {
  using type = policy_list<A..., B...>;
};

/// Whether what is in the cache stays: `epoch_pin`, or no order named.
template <class... Policies>
inline constexpr bool keeps_all = [] {
  using order = typename core::first_on_axis<axis::eviction, core::none, Policies...>::type;
  return std::is_same_v<order, core::none> || std::is_same_v<order, epoch_pin>;
}();

template <class P>
inline constexpr bool is_byte_limit = std::is_same_v<P, max_bytes> || std::is_same_v<P, unbounded>;
template <class P>
inline constexpr bool is_other_limit = core::on_axis<P, axis::limit> && !is_byte_limit<P>;

/// What a sample weighs in a cache in memory, which counts entries unless a limit says what else: one that is never reached.
struct payload_size {
  std::uint64_t operator()(std::string_view, const bytes& sample) const noexcept { return sample.size(); }
};
using payload_weigher = weigher<payload_size>;

/// The policies of the cache below. What stays is limited above it, by payload: on disk `max_bytes` counts what lies around a value, too.
template <class... Policies>
struct inner_policies {
  static constexpr bool keeps = keeps_all<Policies...>;
  template <class P>
  using passed = std::conditional_t<keeps && (is_byte_limit<P> || std::is_same_v<P, epoch_pin>), policy_list<>, policy_list<P>>;
  using storages = std::conditional_t<core::axis_count<axis::storage, Policies...> == 0, policy_list<mmap_disk>, policy_list<>>;
  static constexpr bool in_memory = (std::is_same_v<Policies, memory> || ...);
  static constexpr bool weighs = keeps && in_memory && !(std::is_same_v<Policies, max_weight> || ...);
  using limits = std::conditional_t<weighs, policy_list<max_weight, payload_weigher>, policy_list<>>;
  using order = std::conditional_t<
      !keeps, policy_list<>,
      std::conditional_t<(weighs || ... || is_other_limit<Policies>), policy_list<epoch_pin>, policy_list<unbounded>>>;

  template <class... Lists>
  struct all {
    using type = policy_list<>;
  };
  template <class First, class... Rest>
  struct all<First, Rest...> {
    using type = typename joined<First, typename all<Rest...>::type>::type;
  };
  using type = typename all<passed<Policies>..., storages, limits, order>::type;
};

template <class List>
struct cache_of;
template <class... P>
struct cache_of<policy_list<P...>> {
  using type = larder::cache<std::string, bytes, P...>;

  /// The cache, made of those of the given objects that are its policies.
  template <class... Given>
  static std::unique_ptr<type> make(const Given&... given) {
    const auto with = [](const auto&... one) { return std::make_unique<type>(one...); };
    if constexpr ((std::is_same_v<P, payload_weigher> || ...)) {
      const max_weight most{std::numeric_limits<std::uint64_t>::max()};
      const payload_weigher weighs{payload_size{}};
      return std::apply(with, std::tuple_cat(chosen(given)..., std::tie(most, weighs)));
    } else {
      return std::apply(with, std::tuple_cat(chosen(given)...));
    }
  }
  template <class Given>
  static constexpr bool takes = (std::is_same_v<Given, P> || ...);

 private:
  template <class Given>
  static auto chosen(const Given& one) {
    if constexpr (takes<Given>)
      return std::tuple<const Given&>(one);
    else
      return std::tuple<>();
  }
};

/// The number of a byte limit among the given objects; without one there is none.
template <class... Given>
std::uint64_t byte_limit(const Given&... given) noexcept {
  std::uint64_t most = ~std::uint64_t{0};
  [[maybe_unused]] const auto look = [&](const auto& one) {  // of no objects, too
    if constexpr (std::is_same_v<std::remove_cvref_t<decltype(one)>, max_bytes>) most = one.value;
  };
  (look(given), ...);
  return most;
}

}  // namespace larder::datasets
