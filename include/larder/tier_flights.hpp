#pragma once

#include <larder/core/transfer.hpp>
#include <larder/sync/before_and_after.hpp>
#include <larder/sync/counter.hpp>
#include <larder/sync/single_flight.hpp>
#include <larder/sync/write_epochs.hpp>
#include <larder/tier_row.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <stop_token>
#include <utility>

namespace larder {

/// Searches and loads through a row of tiers, one per key at a time, and what keeps them from undoing the writes that they overlap. Of
/// those who ask for one key together one leads the flight and lands it, the others wait for what it brings.
template <class Row>
class tier_flights {
  using choice = typename Row::choice;
  using departures = typename Row::departures;
  using landings = typename Row::landings;

 public:
  using key_type = typename Row::key_type;
  using mapped_type = typename Row::mapped_type;
  using key_view = typename Row::key_view;

 private:
  using optional_value = std::optional<mapped_type>;
  struct key_hash {
    using is_transparent = void;
    const Row* row;
    std::size_t operator()(key_view key) const { return static_cast<std::size_t>(row->fastest().cache().hash_of(key)); }
  };
  using flights_type = sync::single_flight<key_type, optional_value, key_hash>;

 public:
  using handle = typename flights_type::handle;

  /// The row must outlive it.
  explicit tier_flights(Row& row) : row_(&row), flights_(key_hash{&row}) {}
  tier_flights(const tier_flights&) = delete;
  tier_flights& operator=(const tier_flights&) = delete;

  /// The flight to a key, and whether it is the caller's to lead: to end by a landing, `search` or `fail`.
  auto join_or_lead(const key_type& key) { return flights_.join_or_lead(key); }
  optional_value wait(const handle& flown, const std::stop_token& stop) { return flights_.wait(flown, stop); }
  void fail(const key_type& key, const handle& flown, std::exception_ptr failure) {
    flights_.fail(key, flown, std::move(failure));
  }
  /// Tells later whether the key was written since now.
  sync::write_epochs::read epoch_of(const key_type& key) { return sync::write_epochs::read(epochs_, hash(key)); }

  /// What the tiers below the first have of a key: the value, in which tier, and where it has landed on its way.
  struct found_below {
    optional_value value;
    std::size_t tier = 0;
    landings landed;
  };
  /// Looks through the tiers for the leader of a flight, but those that it does `without`.
  found_below look_below(const key_type& key, const transfer_control& control, const choice& without) {
    found_below found;
    found.value = row_->fastest().peek(key);  // somebody may have landed between the miss and this flight
    if (!found.value)
      row_->fastest_first([&](auto& tier, auto at) {
        if constexpr (at() != 0) {
          if (without[at()]) return false;
          found.value = tier.get(key, control, row_->template land_above<at()>(key, found.landed));
          found.tier = at();
        }
        return found.value.has_value();
      });
    return found;
  }
  /// Ends a flight with what a tier had, which is promoted.
  void land_found(const key_type& key, const handle& flown, found_below& found, const sync::write_epochs::read& epoch) {
    departures gone;
    flights_.land(key, flown, found.value,
                  [&](const optional_value& v) { promote(key, *v, found.tier, found.landed, epoch, gone); });
    row_->tell(gone);
  }
  /// Ends a flight with what was loaded, or with nothing; a value is stored in every writable tier but those `without`.
  void land_loaded(const key_type& key, const handle& flown, const optional_value& value, const sync::write_epochs::read& epoch,
                   const choice& without) {
    departures gone;
    flights_.land(key, flown, value, [&](const optional_value& v) {
      // A change that this flight met at its beginning did not see it then: it must have seen it by now.
      if (!v || !epoch.settled()) return;
      const sync::write_epochs::landing mine(epochs_, hash(key));
      row_->put(key, *v, {}, without, &gone);
      if (!mine.alone()) row_->keep_slowest_only(key, &gone);
    });
    row_->tell(gone);
  }
  /// Leads a flight: looks through the tiers below the first; `otherwise(value)` may fill in what none had. Tiers that it does
  /// `without` are neither asked nor written.
  template <class Otherwise>
  optional_value search(const key_type& key, const handle& flown, const transfer_control& control, Otherwise&& otherwise,
                        const choice& without = {}) {
    try {
      const sync::write_epochs::read epoch(epochs_, hash(key));
      found_below found = look_below(key, control, without);
      if (found.value) {
        land_found(key, flown, found, epoch);
      } else {
        otherwise(found.value);
        land_loaded(key, flown, found.value, epoch, without);
      }
      return std::move(found.value);
    } catch (...) {
      flights_.fail(key, flown, std::current_exception());
      throw;
    }
  }
  /// Runs a change of one key: loads that are on their way are not stored. `f(epoch)` can ask whether other writes overlap it.
  template <class F>
  auto change(key_view key, F&& f) {
    const sync::write_epochs::change epoch(epochs_, hash(key));
    return sync::before_and_after([&] { flights_.supersede(key); }, [&] { return f(epoch); });
  }
  /// The same for changes of any keys.
  template <class F>
  void change_all(F&& f) {
    const auto epochs = epochs_.change_all();
    const auto any = [](const key_type&) { return true; };  // a predicate of the user's never runs under a lock
    sync::before_and_after([&] { flights_.supersede_if(any); }, f);
  }

  /// How many copies were made in faster tiers.
  std::uint64_t promotions() const noexcept { return promotions_.load(); }
  void reset_promotions() noexcept { promotions_.store(0); }

 private:
  std::uint64_t hash(key_view key) const { return row_->fastest().cache().hash_of(key); }

  /// Copies a value into the faster tiers. When a write of the key came in between, the copies may be older than it and are dropped again.
  void promote(const key_type& key, const mapped_type& value, std::size_t found_in, landings& landed,
               const sync::write_epochs::read& epoch, departures& gone) {
    const choice copied = row_->promote(key, value, found_in, landed, gone);
    promotions_.add(static_cast<std::uint64_t>(std::count(copied.begin(), copied.end(), true)));
    if (!epoch.undisturbed()) row_->erase_now(key, copied, gone);
  }

  Row* row_;
  sync::write_epochs epochs_;
  flights_type flights_;
  sync::counter<true> promotions_;
};

}  // namespace larder
