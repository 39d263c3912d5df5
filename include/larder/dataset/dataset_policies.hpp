#pragma once

// Which cache is under a data set cache, by the policies that its user names.

#include <larder/cache.hpp>
#include <larder/core/axis.hpp>
#include <larder/core/bytes.hpp>
#include <larder/core/policy_set.hpp>
#include <larder/eviction/epoch_pin.hpp>
#include <larder/limit/max_bytes.hpp>
#include <larder/limit/unbounded.hpp>
#include <larder/storage/mmap_disk.hpp>

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
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

/// The policies of the cache below. What stays is limited above it, by payload: on disk `max_bytes` counts what lies around a value, too. In memory
/// the cache below has a `max_bytes` all the same, of all bytes that there are, since it weighs by bytes only then.
template <class... Policies>
struct inner_policies {
  static constexpr bool keeps = keeps_all<Policies...>;
  template <class P>
  using passed = std::conditional_t<keeps && (is_byte_limit<P> || std::is_same_v<P, epoch_pin>), policy_list<>, policy_list<P>>;
  using storages = std::conditional_t<core::axis_count<axis::storage, Policies...> == 0, policy_list<mmap_disk>, policy_list<>>;
  static constexpr bool in_memory = (core::is_memory_storage<Policies> || ...);
  using order_on_disk = std::conditional_t<(is_other_limit<Policies> || ...), policy_list<epoch_pin>, policy_list<unbounded>>;
  using order =
      std::conditional_t<!keeps, policy_list<>, std::conditional_t<in_memory, policy_list<epoch_pin, max_bytes>, order_on_disk>>;

  template <class... Lists>
  struct all {
    using type = policy_list<>;
  };
  template <class First, class... Rest>
  struct all<First, Rest...> {
    using type = typename joined<First, typename all<Rest...>::type>::type;
  };
  using type = typename all<passed<Policies>..., storages, order>::type;
};

template <class List>
struct cache_of;
template <class... P>
struct cache_of<policy_list<P...>> {
  using type = larder::cache<std::string, bytes, P...>;
  static constexpr bool weighs = (std::is_same_v<P, epoch_pin> || ...) && (std::is_same_v<P, max_bytes> || ...);

  /// The cache, made of those of the given objects that are its policies.
  template <class... Given>
  static std::unique_ptr<type> make(const Given&... given) {
    const auto made = [](const auto&... one) { return std::make_unique<type>(one...); };
    if constexpr (weighs)
      return std::apply(
          made, std::tuple_cat(std::tuple<max_bytes>(max_bytes{std::numeric_limits<std::int64_t>::max()}), chosen(given)...));
    else
      return std::apply(made, std::tuple_cat(chosen(given)...));
  }
  template <class Given>
  static constexpr bool takes = (std::is_same_v<Given, P> || ...) && !(weighs && std::is_same_v<Given, max_bytes>);

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
  [[maybe_unused]] const auto look = [&](const auto& one) {
    if constexpr (std::is_same_v<std::remove_cvref_t<decltype(one)>, max_bytes>) most = one.value;
  };
  (look(given), ...);
  return most;
}

/// The file by which the processes keep to limits together that have the samples on the `mmap_disk` among the given objects; empty without one.
template <class... Given>
std::string fill_page(const Given&... given) {
  std::string path;
  [[maybe_unused]] const auto look = [&](const auto& one) {
    if constexpr (std::is_same_v<std::remove_cvref_t<decltype(one)>, mmap_disk>) path = (one.directory / ".filling").string();
  };
  (look(given), ...);
  return path;
}

}  // namespace larder::datasets
