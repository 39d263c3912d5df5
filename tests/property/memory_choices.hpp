#pragma once

// Compositions out of the policies under test: all of them, or as few as let every two policies meet.

#include <cstddef>
#include <memory>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include "memory_cache_subject.hpp"
#include "memory_composition.hpp"
#include "memory_policies.hpp"

namespace model {

template <class Policy, class... Policies>
inline constexpr bool among = (std::is_same_v<Policy, Policies> || ...);

template <class... Policies>
rules rules_of() {
  return {.limited = {among<larder::max_entries, Policies...>, among<larder::max_bytes, Policies...>, among<larder::max_weight, Policies...>},
          .mark = among<larder::watermark, Policies...> ? watermark_share : 0,
          .after_write = among<larder::expire_after_write, Policies...> ? write_period : never,
          .after_access = among<larder::expire_after_access, Policies...> ? access_period : never,
          .own_periods = among<larder::ttl, Policies...>};
}

template <class Subject>
std::unique_ptr<subject> begin_subject(const surroundings& s) {
  return std::unique_ptr<subject>(new Subject(s));
}

template <class Order, class Limits, class Expiry, class Locking>
composition composed() {
  return []<class... Limited, class... Expiring>(std::tuple<Limited...>*, std::tuple<Expiring...>*) {
    return composition{name_of(kind_of(Order{}), Limits::name, Expiry::name, locking_name(Locking{})), kind_of(Order{}),
                       rules_of<Limited..., Expiring...>(),
                       &begin_subject<cache_subject<Limited..., Expiring..., Order, Locking, larder::time_source<larder::manual_clock>,
                                                    larder::removal_listener<hear>>>};
  }(static_cast<typename Limits::policies*>(nullptr), static_cast<typename Expiry::policies*>(nullptr));
}

/// One order and one kind of limit with every expiry and every locking.
template <class Order, class Limits>
std::vector<composition> every_expiry_and_locking() {
  return []<class... Expiry, class... Locking>(std::tuple<Expiry...>*, std::tuple<Locking...>*) {
    std::vector<composition> all;
    const auto with_each_expiry = [&]<class Each>(Each*) { (all.push_back(composed<Order, Limits, Expiry, Each>()), ...); };
    (with_each_expiry(static_cast<Locking*>(nullptr)), ...);
    return all;
  }(static_cast<expiries*>(nullptr), static_cast<lockings*>(nullptr));
}

/// Which expiry and which locking the pairwise choice gives to an order under a limit.
constexpr std::size_t expiry_at(std::size_t order, std::size_t limit) { return (order + limit) % std::tuple_size_v<expiries>; }
constexpr std::size_t locking_at(std::size_t order, std::size_t limit) { return (order + 2 * limit + 2) % std::tuple_size_v<lockings>; }

/// Whether each order meets each expiry and locking, each limit each expiry and locking, and each expiry each locking; each
/// order meets each limit by the way in which the choice is made.
constexpr bool all_pairs_meet() {
  constexpr std::size_t n_orders = std::tuple_size_v<orders>, n_limits = std::tuple_size_v<limits>;
  constexpr std::size_t n_expiries = std::tuple_size_v<expiries>, n_lockings = std::tuple_size_v<lockings>;
  bool order_expiry[n_orders][n_expiries]{}, order_locking[n_orders][n_lockings]{};
  bool limit_expiry[n_limits][n_expiries]{}, limit_locking[n_limits][n_lockings]{};
  bool expiry_locking[n_expiries][n_lockings]{};
  for (std::size_t o = 0; o < n_orders; ++o)
    for (std::size_t l = 0; l < n_limits; ++l) {
      const std::size_t e = expiry_at(o, l), k = locking_at(o, l);
      order_expiry[o][e] = order_locking[o][k] = limit_expiry[l][e] = limit_locking[l][k] = expiry_locking[e][k] = true;
    }
  const auto full = [](const auto& pairs) {
    for (const auto& row : pairs)
      for (const bool met : row)
        if (!met) return false;
    return true;
  };
  return full(order_expiry) && full(order_locking) && full(limit_expiry) && full(limit_locking) && full(expiry_locking);
}
static_assert(all_pairs_meet());

/// The pairwise choice's part of an order: every limit once.
template <class Order>
std::vector<composition> each_limit_once() {
  return []<std::size_t... L>(std::index_sequence<L...>) {
    constexpr auto o = static_cast<std::size_t>(kind_of(Order{}));
    static_assert(std::is_same_v<std::tuple_element_t<o, orders>, Order>);
    return std::vector<composition>{composed<Order, std::tuple_element_t<L, limits>, std::tuple_element_t<expiry_at(o, L), expiries>,
                                             std::tuple_element_t<locking_at(o, L), lockings>>()...};
  }(std::make_index_sequence<std::tuple_size_v<limits>>{});
}

}  // namespace model
