#pragma once

#include <larder/core/key_view.hpp>
#include <larder/storage/engine_context.hpp>
#include <larder/storage/value_landing.hpp>
#include <larder/tier.hpp>
#include <larder/tier_access.hpp>

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

namespace larder {

/// The tiers of a `tiered` in their order, and what is done to several of them at once. It knows nothing of loads, nor of who writes meanwhile.
template <class... Tiers>
class tier_row {
  using first_cache = typename std::tuple_element_t<0, std::tuple<Tiers...>>::cache_type;

 public:
  using key_type = typename first_cache::key_type;
  using mapped_type = typename first_cache::mapped_type;
  using key_view = core::key_view<key_type>;
  static constexpr std::size_t count = sizeof...(Tiers);

  /// Some of the tiers.
  using choice = std::array<bool, count>;
  /// Entries that left the tiers, of which the listeners are told once no lock is held.
  using departures = std::tuple<typename tier_access<Tiers>::departures...>;
  /// Where a large value has landed on its way, by tier.
  using landings = std::tuple<std::unique_ptr<typename tier_access<Tiers>::landing>...>;

  template <class... Arguments>
    requires(sizeof...(Arguments) == count)
  explicit tier_row(Arguments&&... arguments) : tiers_(std::forward<Arguments>(arguments)...) {}
  tier_row(const tier_row&) = delete;
  tier_row& operator=(const tier_row&) = delete;

  auto& fastest() noexcept { return std::get<0>(tiers_); }
  const auto& fastest() const noexcept { return std::get<0>(tiers_); }
  template <std::size_t I>
  auto& at() noexcept {
    return std::get<I>(tiers_);
  }
  const auto& all() const noexcept { return tiers_; }

  /// f(tier, index) for tiers, fastest first, until one says true; whether one did.
  template <class F, std::size_t I = 0>
  bool fastest_first(F&& f) {
    if constexpr (I == count)
      return false;
    else
      return f(std::get<I>(tiers_), std::integral_constant<std::size_t, I>{}) || fastest_first<F, I + 1>(std::forward<F>(f));
  }
  /// f(tier, index) for every tier, fastest first.
  template <class F>
  void each(F&& f) {
    fastest_first([&](auto& tier, auto at) { return f(tier, at), false; });
  }
  /// f(tier, index) for each writable tier, slowest first.
  template <class F, std::size_t I = count>
  void slowest_first(F&& f) {
    if constexpr (I != 0) {
      auto& tier = std::get<I - 1>(tiers_);
      if constexpr (std::remove_reference_t<decltype(tier)>::writable) f(tier, std::integral_constant<std::size_t, I - 1>{});
      slowest_first<F, I - 1>(std::forward<F>(f));
    }
  }

  /// Puts into every writable tier but those `except`, slowest first; whether any took it. With `gone` the listeners are told later.
  bool put(key_view key, const mapped_type& value, const storage::write_mode& mode, const choice& except = {},
           departures* gone = nullptr) {
    bool stored = false;
    slowest_first([&](auto& tier, auto at) {
      if (!except[at()]) stored = tier.put(key, value, mode, of<at()>(gone)) || stored;
    });
    return stored;
  }
  /// Writes of one key overlapped, so the tiers may differ; the slowest, which has one of the values, is right by definition.
  void keep_slowest_only(key_view key, departures* gone = nullptr) {
    bool slowest = true;
    slowest_first([&](auto& tier, auto at) {
      if (!std::exchange(slowest, false)) tier.erase(key, of<at()>(gone));
    });
  }
  /// Copies a value into the writable tiers faster than the one that had it, or makes it an entry where it has landed; which took it.
  choice promote(const key_type& key, mapped_type value, std::size_t found_in, landings& landed, departures& gone) {
    choice copied{};
    slowest_first([&](auto& tier, auto at) {
      if (at() >= found_in) return;
      if constexpr (std::remove_reference_t<decltype(tier)>::lands_values) {
        if (const auto& whole = std::get<at()>(landed); whole && whole->is_whole()) {
          copied[at()] = tier.promote(key, *whole, std::get<at()>(gone));
          if (std::optional<mapped_type> entry = tier.peek(key); copied[at()] && entry)
            value = std::move(*entry);  // what holds it is counted there
          return;
        }
      }
      copied[at()] = tier.promote(key, value, std::get<at()>(gone));
    });
    return copied;
  }
  void erase_now(const key_type& key, const choice& from, departures& gone) {
    slowest_first([&](auto& tier, auto at) {
      if (from[at()]) tier.erase_now(key, &std::get<at()>(gone));
    });
  }
  void tell(departures& gone) {
    slowest_first([&](auto& tier, auto at) { tier.tell(std::get<at()>(gone)); });
  }

  /// Room in the nearest faster tier that takes large values as they come, for what the I-th may have; null where there is none.
  template <std::size_t I>
  storage::value_landing* land_above([[maybe_unused]] const key_type& key, [[maybe_unused]] landings& landed) {
    if constexpr (landing_tier<I>() == count) {
      return nullptr;
    } else {
      constexpr std::size_t above = landing_tier<I>();
      std::get<above>(landed) = std::get<above>(tiers_).land(key);
      return std::get<above>(landed).get();
    }
  }

 private:
  template <std::size_t I>
  static constexpr std::size_t landing_tier() {
    constexpr choice lands{tier_access<Tiers>::lands_values...};
    if constexpr (std::tuple_element_t<I, std::tuple<Tiers...>>::cache_type::in_memory) return count;
    for (std::size_t above = I; above != 0; --above)
      if (lands[above - 1]) return above - 1;
    return count;
  }
  template <std::size_t I>
  static auto* of(departures* gone) noexcept {
    return gone == nullptr ? nullptr : &std::get<I>(*gone);
  }

  std::tuple<tier_access<Tiers>...> tiers_;
};

}  // namespace larder
