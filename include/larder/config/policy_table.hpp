#pragma once

// The orders that settings may name, as types: the one table from names to what is compiled.

#include <larder/config/policy_names.hpp>
#include <larder/core/error.hpp>
#include <larder/eviction/adaptive.hpp>
#include <larder/eviction/arc.hpp>
#include <larder/eviction/clock.hpp>
#include <larder/eviction/cyclic.hpp>
#include <larder/eviction/epoch_pin.hpp>
#include <larder/eviction/fifo.hpp>
#include <larder/eviction/gdsf.hpp>
#include <larder/eviction/largest_first.hpp>
#include <larder/eviction/lfu.hpp>
#include <larder/eviction/lirs.hpp>
#include <larder/eviction/lru.hpp>
#include <larder/eviction/s3_fifo.hpp>
#include <larder/eviction/sieve.hpp>
#include <larder/eviction/w_tinylfu.hpp>
#include <larder/format/nearest_name.hpp>

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>

namespace larder {

namespace config {

/// In the order of `order_names`.
using orders =
    std::tuple<adaptive, arc, clock, cyclic, epoch_pin, fifo, gdsf, largest_first, lfu, lirs, lru, s3_fifo, sieve, w_tinylfu>;
static_assert(std::tuple_size_v<orders> == order_names.size());

template <class Order, std::size_t I = 0>
constexpr std::string_view name_of_order() noexcept {
  static_assert(I < std::tuple_size_v<orders>,
                "larder: settings know no name for this order; add it to config::orders and config::order_names");
  if constexpr (std::is_same_v<std::tuple_element_t<I, orders>, Order>)
    return order_names[I];
  else
    return name_of_order<Order, I + 1>();
}

}  // namespace config

/// The orders that a manager can make caches of. A program that knows which its settings name compiles only those:
/// `cache_manager manager{all, {}, policy_table<lru, fifo>{}}`.
template <class... Orders>
struct policy_table {
  static_assert(sizeof...(Orders) != 0, "larder: a policy_table needs at least one order");
  static constexpr std::array<std::string_view, sizeof...(Orders)> names{config::name_of_order<Orders>()...};

  /// f(order) with the one of that name. Throws `larder::error` when it is not in the table; `subject` begins the message.
  template <class F>
  static auto with(std::string_view name, const std::string& subject, F&& f) {
    using result = std::common_type_t<std::invoke_result_t<F&, Orders>...>;
    result made{};
    const bool found = ((name == config::name_of_order<Orders>() && (made = f(Orders{}), true)) || ...);
    if (!found)
      core::fail(error_cause::invalid_argument, subject + " is " + std::string(name) + ", which this program has no caches of" +
                                                    format::known_names(name, names));
    return made;
  }
};

namespace config {

template <class Orders>
struct table_of;
template <class... Orders>
struct table_of<std::tuple<Orders...>> {
  using type = policy_table<Orders...>;
};

}  // namespace config

/// All of them.
using every_policy = config::table_of<config::orders>::type;

}  // namespace larder
