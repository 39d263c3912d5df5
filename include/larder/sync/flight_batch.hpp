#pragma once

// One call for many keys over single flight: what is there is taken, of the rest the call leads some flights, which it lands
// together, and waits for the others only when its own have landed. So calls that want the same keys in any order never wait for
// each other in a circle.

#include <algorithm>
#include <cstddef>
#include <exception>
#include <optional>
#include <utility>
#include <vector>

namespace larder::sync {

/// How a key that is not there comes: the call leads its flight, does so already for an equal key, or waits for another call's.
enum class flight_role { leads, leads_already, waits };

/// What a call for many keys has of them so far, key by key in their order. `Flights` is a `single_flight`, or what stands before
/// one.
template <class Key, class Value, class Flights>
class flight_batch {
 public:
  using flight = typename Flights::handle;

  explicit flight_batch(Flights& flights) noexcept : flights_(flights) {}
  flight_batch(const flight_batch&) = delete;
  flight_batch& operator=(const flight_batch&) = delete;

  /// Runs what asks and lands. When it throws, the flights that the call leads fail with that, but those that have landed.
  template <class F>
  void run(F&& f) {
    try {
      f();
    } catch (...) {
      for (std::size_t i = 0; i < led_.size(); ++i)
        if (led_[i]) flights_.fail(keys_[i], led_[i], std::current_exception());
      throw;
    }
  }
  /// The next key's value is there.
  void add(Value value) { found_.emplace_back(std::move(value)); }
  /// The next key's value is not there.
  flight_role fly(Key key) {
    found_.emplace_back();
    keys_.push_back(std::move(key));  // all that may throw comes before the flight, or `run` would not know of it
    led_.emplace_back();
    awaited& row = awaited_.emplace_back(awaited{found_.size() - 1, {}, std::nullopt});
    const auto [flown, leads] = flights_.join_or_lead(keys_.back());
    row.flown = flown;
    if (leads) {
      led_.back() = flown;
      return flight_role::leads;
    }
    row.key.emplace(std::move(keys_.back()));
    keys_.pop_back();
    led_.pop_back();
    return std::find(led_.begin(), led_.end(), flown) == led_.end() ? flight_role::waits : flight_role::leads_already;
  }
  /// The flight that the call has just come to lead has landed with this value.
  void landed(Value value) {
    found_.back().emplace(std::move(value));
    awaited_.pop_back();
    keys_.pop_back();
    led_.pop_back();
  }

  /// The keys whose flights the call leads, and these flights.
  const std::vector<Key>& keys() const noexcept { return keys_; }
  const std::vector<flight>& led() const noexcept { return led_; }
  /// How many keys have their values, and how many wait for flights, led or joined.
  std::size_t there() const noexcept { return found_.size() - awaited_.size(); }
  std::size_t coming() const noexcept { return awaited_.size(); }

  /// The value of each key, after `run`. `wait(flight, key)` gives that of a flight; the key is named unless this call led the
  /// flight.
  template <class Wait>
  std::vector<Value> values(Wait&& wait) {
    for (const awaited& row : awaited_) found_[row.place].emplace(wait(row.flown, row.key));
    std::vector<Value> all;
    all.reserve(found_.size());
    for (std::optional<Value>& value : found_) all.push_back(std::move(*value));
    return all;
  }

 private:
  struct awaited {
    std::size_t place;  // in found_
    flight flown;
    std::optional<Key> key;
  };

  Flights& flights_;
  std::vector<std::optional<Value>> found_;
  std::vector<awaited> awaited_;
  std::vector<Key> keys_;
  std::vector<flight> led_;
};

}  // namespace larder::sync
