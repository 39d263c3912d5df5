#pragma once

#include <larder/codec/byte_run.hpp>
#include <larder/codec/codec.hpp>
#include <larder/core/axis.hpp>
#include <larder/core/key_view.hpp>
#include <larder/core/stats.hpp>
#include <larder/storage/compression.hpp>
#include <larder/storage/engine_context.hpp>
#include <larder/storage/entry_table.hpp>
#include <larder/storage/memory_spec.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

namespace larder {

/// Values live in the process, in the cache's own slots. The storage that needs no naming.
struct memory {
  using policy_axis = axis::storage;
  static constexpr bool in_memory = true;
};

namespace storage {

/// The engine behind a cache in memory: one table of keys and values.
template <class Key, class Value, class Context>
class memory_engine {
 public:
  using key_view = core::key_view<Key>;
  using spec_type = memory_spec<Key, Value, Context>;
  using table_type = entry_table<spec_type>;
  using departures = typename table_type::removals;
  static constexpr bool keeps_index = true;

  struct address {
    key_view key;
    std::uint64_t hash;
  };

  explicit memory_engine(Context& context)
      : context_(context), spec_(context), table_(spec_, context.shards(), context.expected()) {
    if constexpr (Context::template has<max_entries>)
      table_.budget().set_capacity(0, context.policies().template get<max_entries>().value);
    if constexpr (spec_type::weighs_bytes) table_.budget().set_capacity(1, context.policies().template get<max_bytes>().value);
    if constexpr (spec_type::weighs_weight)
      table_.budget().set_capacity(spec_type::weight_dimension, context.policies().template get<max_weight>().value);
  }

  address locate(key_view key) const { return {key, context_.hash(key)}; }

  /// f(value, written) when the key is there; runs under the shard's lock, but not on a value that was compressed.
  template <class F>
  bool read(const address& at, look how, F&& f) {
    if constexpr (Context::compresses) {
      return read_kept(at, how, f);
    } else {
      departures gone;
      const bool hit = table_.look_up(at.key, at.hash, how, time(), gone, [&](const auto& e) {
        if constexpr (spec_type::keeps_written)
          f(e.payload, e.written.written);
        else
          f(e.payload, instant{0});
      });
      tell(gone);
      return hit;
    }
  }
  bool contains(const address& at) {
    departures gone;
    const bool there = table_.look_up(at.key, at.hash, look::peek, time(), gone, [](const auto&) {});
    tell(gone);
    return there;
  }
  /// What an entry takes of `max_bytes`, when it is there.
  std::optional<std::uint64_t> stored_size(const address& at)
    requires Context::compresses
  {
    std::optional<std::uint64_t> size;
    departures gone;
    table_.look_up(at.key, at.hash, look::peek, time(), gone, [&](const auto& e) { size = stored_size_of(e); });
    tell(gone);
    return size;
  }

  bool write(const address& at, Value&& value, const write_mode& mode, departures& gone) {
    const instant now = time();
    typename table_type::request request;
    request.hash = at.hash;
    request.size[0] = 1;
    if constexpr (spec_type::weighs_bytes) request.size[1] = core::payload_size(value);
    if constexpr (spec_type::weighs_weight)
      request.size[spec_type::weight_dimension] = weigh(at.key, value);
    typename spec_type::payload kept = keep(at, std::move(value), mode, request);
    if constexpr (spec_type::limits > 1 || Context::compresses)
      request.order_weight = request.size[1];
    else
      request.order_weight = core::payload_size(kept);
    request.now = request.written = request.accessed = now;
    request.expires = context_.own_deadline(mode, now);
    request.only_if_absent = mode.only_if_absent;
    return table_.put(at.key, [&] { return typename spec_type::key(at.key); }, std::move(kept), request, gone) == put_outcome::stored;
  }

  bool erase(const address& at, departures& gone) {
    return table_.erase(at.key, at.hash, time(), removal_cause::erased, gone, [](const auto&) { return true; });
  }

  /// Drops what `drop(key, value)` or `drop(key)` names; the predicate sees copies, without a lock.
  template <class Drop>
  std::size_t erase_if(Drop&& drop) {
    struct copy {
      Key key;
      std::optional<typename spec_type::payload> value;
    };
    std::vector<copy> copies;
    std::size_t count = 0;
    table_.snapshot(
        time(),
        [&](const auto& e) {
          if constexpr (std::is_invocable_v<Drop&, const Key&, const Value&>)
            copies.push_back({Key(e.key), e.payload});
          else
            copies.push_back({Key(e.key), std::nullopt});
        },
        [&] {
          for (copy& c : copies) {
            bool chosen = false;
            if constexpr (std::is_invocable_v<Drop&, const Key&, const Value&>)
              with_value(*c.value, [&](const Value& value) { chosen = drop(std::as_const(c.key), value); });
            else
              chosen = drop(std::as_const(c.key));
            if (!chosen) continue;
            departures gone;
            if (erase(locate(c.key), gone)) ++count;
            tell(gone);
          }
          copies.clear();
        });
    return count;
  }

  void clear() {
    table_.clear(time(), [&](departures& gone) { tell(gone); });
  }
  std::size_t purge_expired() {
    return table_.purge_expired(time(), [&](departures& gone) { tell(gone); });
  }

  /// f(key, weight, age), without a lock.
  template <class F>
  void for_each(F&& f) {
    struct row {
      Key key;
      std::uint64_t weight;
      duration age;
    };
    std::vector<row> rows;
    const instant now = time();
    table_.snapshot(
        now,
        [&](const auto& e) {
          row r{Key(e.key), 1, duration{0}};
          if constexpr (spec_type::limits > 1) r.weight = e.weight.weights[0];
          if constexpr (spec_type::keeps_written) r.age = now - e.written.written;
          rows.push_back(std::move(r));
        },
        [&] {
          for (const row& r : rows) f(r.key, r.weight, r.age);
          rows.clear();
        });
  }

  std::uint64_t size() const noexcept { return table_.budget().used(0); }
  std::uint64_t weight() const noexcept { return table_.budget().used(spec_type::limits > 1 ? 1 : 0); }
  template <class Limit>
  std::uint64_t capacity() const noexcept {
    return table_.budget().capacity(dimension<Limit>());
  }
  template <class Limit>
  void set_capacity(std::uint64_t n) {
    table_.budget().set_capacity(dimension<Limit>(), n);
    table_.shrink(time(), [&](departures& gone) { tell(gone); });
  }

  std::optional<pin_claim> pin(const address& at) { return table_.pin(at.key, at.hash, time()); }
  /// When the limit shrank while the entry was pinned, somebody leaves for it now.
  void unpin(const pin_claim& claim) noexcept {
    table_.unpin(claim);
    if (table_.budget().over()) table_.shrink(time(), [&](departures& gone) { tell(gone); });
  }

  /// Whether a value of so many bytes may be stored; one that is larger than the cache is refused.
  bool admits([[maybe_unused]] const address& at, [[maybe_unused]] std::uint64_t bytes) noexcept {
    if constexpr (spec_type::weighs_bytes)
      if (bytes > table_.budget().capacity(1)) {
        table_.count_refused(at.hash);
        return false;
      }
    return true;
  }
  void count_join(const address& at) noexcept { table_.count_join(at.hash); }
  void add_to(cache_stats& stats) const {
    table_.add_to(stats);
    if constexpr (Context::compresses) {
      stats.stored_bytes += table_.budget().used(spec_type::stored_dimension);
      stats.logical_bytes += table_.budget().used(spec_type::logical_dimension);
      stats.overhead_bytes += context_.compressor().memory();
    } else if constexpr (spec_type::weighs_bytes) {
      stats.stored_bytes += weight();
      stats.logical_bytes += weight();
    }
  }
  void reset_stats() noexcept { table_.reset_counters(); }
  void flush() noexcept {}

  /// Tells the listener of what left, and destroys it.
  void tell(departures& gone) {
    if constexpr (Context::notifies)
      gone.for_each([&](auto& e) {
        with_value(e.payload, [&](const Value& value) { context_.notify(std::as_const(e.key), value, e.cause); });
      });
    gone.clear();
  }

 private:
  static constexpr bool needs_time =
      spec_type::keeps_written || spec_type::keeps_accessed || spec_type::keeps_expires;

  instant time() const {
    if constexpr (needs_time)
      return context_.now();
    else
      return instant{0};
  }
  template <class Limit>
  static constexpr std::size_t dimension() noexcept {
    if constexpr (std::is_same_v<Limit, max_entries>)
      return 0;
    else if constexpr (std::is_same_v<Limit, max_bytes>)
      return 1;
    else
      return spec_type::weight_dimension;
  }
  /// What is kept of a value, and what that takes. Compresses without a lock, and not for a key that is there and is to stay.
  typename spec_type::payload keep([[maybe_unused]] const address& at, Value&& value, [[maybe_unused]] const write_mode& mode,
                                   [[maybe_unused]] typename table_type::request& request) {
    if constexpr (Context::compresses) {
      std::uint64_t& stored = request.size[spec_type::stored_dimension];
      stored = request.size[spec_type::logical_dimension] = core::payload_size(value);
      if (mode.only_if_absent && contains(at)) return std::move(value);
      std::optional<compressed_value> smaller = context_.attempt([&] { return context_.compressor().compress(core::content_of(value)); });
      if (!smaller) return std::move(value);
      stored = smaller->frame.size();
      return std::move(*smaller);
    } else {
      return std::move(value);
    }
  }
  template <class F>
  bool read_kept(const address& at, look how, F& f) {
    departures gone;
    std::optional<compressed_value> smaller;
    instant written{0};
    std::uint64_t size = 0;
    const bool hit = table_.look_up(at.key, at.hash, how, time(), gone, [&](const auto& e) {
      if constexpr (spec_type::keeps_written) written = e.written.written;
      if (const Value* const value = std::get_if<Value>(&e.payload)) return f(*value, written);
      smaller = std::get<compressed_value>(e.payload);
      size = stored_size_of(e);
    });
    tell(gone);
    if (!smaller) return hit;
    std::optional<Value> value = decompressed(*smaller);
    if (!value) {
      if (how == look::use) table_.hit_was_miss(size);
      return false;
    }
    f(std::move(*value), written);
    return true;
  }
  /// Nothing, and reported, when there is no memory for it.
  std::optional<Value> decompressed(const compressed_value& kept) noexcept {
    return context_.attempt([&] {
      std::optional<Value> value = context_.compressor().template decompress<Value>(kept);
      if (!value) core::fail(error_cause::corruption, "the compression policy does not take back what it made");
      return value;
    });
  }
  template <class F>
  void with_value(const typename spec_type::payload& kept, F&& f) {
    if constexpr (!Context::compresses) {
      f(kept);
    } else if (const Value* const value = std::get_if<Value>(&kept)) {
      f(*value);
    } else if (const std::optional<Value> made = decompressed(std::get<compressed_value>(kept))) {
      f(*made);
    }
  }
  template <class Entry>
  static std::uint64_t stored_size_of(const Entry& e) noexcept {
    return e.weight.weights[spec_type::stored_dimension - 1];
  }

  std::uint64_t weigh(const key_view& key, const Value& value) const {
    using weigher_policy = typename Context::set::template on<axis::weigher>;
    const auto& f = context_.policies().template get<weigher_policy>().f;
    if constexpr (std::is_invocable_v<decltype(f), const key_view&, const Value&>)
      return static_cast<std::uint64_t>(f(key, value));
    else
      return static_cast<std::uint64_t>(f(Key(key), value));
  }

  Context& context_;
  spec_type spec_;
  table_type table_;
};

}  // namespace storage
}  // namespace larder
