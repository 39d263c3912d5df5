#pragma once

#include <larder/codec/codec.hpp>
#include <larder/core/concepts.hpp>
#include <larder/core/stats.hpp>
#include <larder/limit/max_bytes.hpp>
#include <larder/limit/max_entries.hpp>
#include <larder/limit/max_weight.hpp>
#include <larder/observe/reuse_sampler.hpp>
#include <larder/storage/engine_context.hpp>
#include <larder/storage/entry_table.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

namespace larder::storage {

/// An engine whose look-ups, puts and erasures a `reuse_sampler` follows. What is not followed goes straight through.
template <class Key, class Value, class Context, class Engine>
class observed_engine : public Engine {
 public:
  using typename Engine::address;
  using typename Engine::departures;

  explicit observed_engine(Context& context)
      : Engine(context), policies_(context), sampler_(Engine::template capacity<measured>()) {}

  template <class F>
  bool read(const address& at, look how, F&& f) {
    if constexpr (by_bytes) {  // what the value weighs is seen only in there
      if (how == look::use && sampler_.samples(hash_of(at))) [[unlikely]]
        return read_followed(at, f);
      return Engine::read(at, how, f);
    } else {
      // Asked afterwards and compared in place, it is one instruction of the caller's loop; a call that took `f` would
      // keep what `f` refers to in memory.
      if (Engine::read(at, how, f)) [[likely]] {
        if (how == look::use && sampler_.samples(hash_of(at))) [[unlikely]]
          note_hit(hash_of(at));
        return true;
      }
      if (how == look::use && sampler_.samples(hash_of(at))) [[unlikely]]
        note_miss(hash_of(at));
      return false;
    }
  }
  bool write(const address& at, Value&& value, const write_mode& mode, departures& gone) {
    if (sampler_.samples(hash_of(at))) [[unlikely]]
      return write_followed(at, std::move(value), mode, gone);
    return Engine::write(at, std::move(value), mode, gone);
  }

  template <class Rows>
    requires requires { typename Engine::pending_write; }
  void write_many(Rows& rows, const write_mode& mode, departures& gone) {
    std::vector<std::pair<std::size_t, std::uint64_t>> followed;  // row and weight
    for (std::size_t i = 0; i < rows.size(); ++i)
      if (sampler_.samples(hash_of(rows[i].at))) [[unlikely]]
        followed.emplace_back(i, weight_of(rows[i].at, *rows[i].value));
    Engine::write_many(rows, mode, gone);
    for (const auto& [i, weight] : followed) sampler_.put(hash_of(rows[i].at), weight, true);
  }

  template <class Range>
    requires requires { typename Engine::room; }
  auto read_range(const address& at, const Range& wanted) {
    auto found = Engine::read_range(at, wanted);
    if (sampler_.samples(hash_of(at))) [[unlikely]] {
      observe::entry_weight weight;
      if constexpr (by_bytes) weight = {Engine::stored_size(at).value_or(0)};
      sampler_.look_up(hash_of(at), found.has_value(), weight);
    }
    return found;
  }
  template <class Path, class Mode, class... More>
    requires requires { typename Engine::room; }
  bool adopt(const address& at, const Path& path, Mode how, departures& gone, const More&... more) {
    const bool stored = Engine::adopt(at, path, how, gone, more...);
    if (sampler_.samples(hash_of(at))) [[unlikely]]
      sampler_.put(hash_of(at), by_bytes ? Engine::stored_size(at).value_or(mean_weight().amount) : 1, true);
    return stored;
  }
  template <class Room>
    requires requires { typename Engine::room; }
  bool commit(const address& at, Room&& filled, departures& gone) {
    const std::uint64_t weight = by_bytes ? filled.size() : 1;
    const bool stored = Engine::commit(at, std::forward<Room>(filled), gone);
    if (sampler_.samples(hash_of(at))) [[unlikely]]
      sampler_.put(hash_of(at), weight, true);
    return stored;
  }

  bool erase(const address& at, departures& gone) {
    forget(at);
    return Engine::erase(at, gone);
  }
  template <class Drop>
  std::size_t erase_if(Drop&& drop) {
    if constexpr (std::is_invocable_v<Drop&, const Key&, const Value&>)
      return Engine::erase_if(
          [&](const Key& key, const Value& value) { return drop(key, value) && (forget(Engine::locate(key)), true); });
    else
      return Engine::erase_if([&](const Key& key) { return drop(key) && (forget(Engine::locate(key)), true); });
  }
  void clear() {
    Engine::clear();
    sampler_.forget_all();
  }

  template <class Limit>
  void set_capacity(std::uint64_t n) {
    Engine::template set_capacity<Limit>(n);
    if constexpr (std::is_same_v<Limit, measured>) sampler_.set_capacity(n, so_far());
  }

  void add_to(cache_stats& stats) const {
    Engine::add_to(stats);
    stats.curve = sampler_.curve(unit, {stats.hits + stats.misses, stats.misses});
    stats.overhead_bytes += sampler_.bytes();
  }
  void reset_stats() noexcept {
    Engine::reset_stats();
    sampler_.restart({});
  }

 private:
  static constexpr bool by_bytes = Context::template has<max_bytes>;
  static constexpr bool by_weight = !by_bytes && Context::template has<max_weight>;
  static constexpr capacity_unit unit = by_bytes    ? capacity_unit::bytes
                                        : by_weight ? capacity_unit::weight
                                                    : capacity_unit::entries;
  static constexpr bool on_bytes = !core::is_memory_storage<typename Context::storage>;
  using measured = std::conditional_t<by_bytes, max_bytes, std::conditional_t<by_weight, max_weight, max_entries>>;

  static std::uint64_t hash_of(const address& at) noexcept {
    if constexpr (on_bytes)
      return at.id.low;
    else
      return at.hash;
  }

  [[gnu::noinline]] void note_hit(std::uint64_t hash) noexcept {
    if constexpr (by_weight)
      sampler_.look_up(hash, true, mean_weight());
    else
      sampler_.look_up(hash, true, {});
  }
  [[gnu::noinline]] void note_miss(std::uint64_t hash) noexcept { sampler_.look_up(hash, false, {}); }
  template <class F>
  [[gnu::noinline]] bool read_followed(const address& at, F& f)
    requires by_bytes
  {
    observe::entry_weight weight;
    const bool hit = Engine::read(at, look::use, [&](const Value& value, instant written) {
      if constexpr (!Context::compresses) weight = weight_met(at, value);
      f(value, written);
    });
    if constexpr (Context::compresses) weight = {Engine::stored_size(at).value_or(0)};
    sampler_.look_up(hash_of(at), hit, weight);
    return hit;
  }
  [[gnu::noinline]] bool write_followed(const address& at, Value&& value, const write_mode& mode, departures& gone) {
    std::uint64_t weight = weight_of(at, value);
    const bool stored = Engine::write(at, std::move(value), mode, gone);
    if constexpr (by_bytes && Context::compresses) weight = Engine::stored_size(at).value_or(weight);  // what it became
    const bool too_heavy = weight > Engine::template capacity<measured>();  // for this cache, not for a larger one
    sampler_.put(hash_of(at), weight, stored || too_heavy || !mode.only_if_absent);
    return stored;
  }
  void forget(const address& at) noexcept {
    if (sampler_.samples(hash_of(at))) sampler_.forget(hash_of(at));
  }

  /// What a value weighs that a look-up met. Encoding it to know is worth it once.
  observe::entry_weight weight_met(const address& at, const Value& value) const noexcept {
    if constexpr (!on_bytes || std::is_same_v<Value, bytes>) {
      return {core::payload_size(value)};
    } else {
      if (!sampler_.knows(hash_of(at))) {
        try {
          return {codec<Value>::encode(value).size()};
        } catch (...) {  // a codec of the user's; the next put tells
        }
      }
      return mean_weight();
    }
  }
  std::uint64_t weight_of([[maybe_unused]] const address& at, const Value& value) const {
    if constexpr (by_weight) {
      const auto& f = policies_.policies().template get<typename Context::set::template on<axis::weigher>>().f;
      if constexpr (std::is_invocable_v<decltype(f), const typename Engine::key_view&, const Value&>)
        return static_cast<std::uint64_t>(f(at.key, value));
      else
        return static_cast<std::uint64_t>(f(Key(at.key), value));
    } else if constexpr (!by_bytes) {
      return 1;
    } else if constexpr (!on_bytes || std::is_same_v<Value, bytes>) {
      return core::payload_size(value);
    } else {
      try {
        return codec<Value>::encode(value).size();
      } catch (...) {  // the storage meets the same, and refuses
        return mean_weight().amount;
      }
    }
  }
  /// The guess for an entry that was there before the sampler knew of it.
  observe::entry_weight mean_weight() const noexcept {
    return {Engine::weight() / std::max<std::uint64_t>(Engine::size(), 1), false};
  }

  observe::traffic so_far() const {
    cache_stats stats;
    Engine::add_to(stats);
    return {stats.hits + stats.misses, stats.misses};
  }

  const Context& policies_;
  mutable observe::reuse_sampler<by_bytes || by_weight, Context::locking::synchronized> sampler_;
};

}  // namespace larder::storage
