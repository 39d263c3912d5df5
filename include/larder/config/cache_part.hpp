#pragma once

// A cache of one type behind virtual functions: the tiers of a named cache, so that each order is compiled once for each storage and not
// once for each pair of them.

#include <larder/core/bytes.hpp>
#include <larder/core/error.hpp>
#include <larder/core/stats.hpp>
#include <larder/core/sweep.hpp>
#include <larder/core/time.hpp>
#include <larder/expiry/ttl.hpp>
#include <larder/limit/max_bytes.hpp>
#include <larder/limit/max_entries.hpp>
#include <larder/observe/cache_extent.hpp>
#include <larder/storage/engine_context.hpp>
#include <larder/storage/value_landing.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace larder::config {

/// What `tiered` asks of a tier, and what a named cache asks besides.
class cache_part {
 public:
  using key_type = std::string;
  using mapped_type = bytes;
  using key_view = std::string_view;
  template <class P>
  static constexpr bool keeps = std::is_same_v<P, ttl>;
  static constexpr bool in_memory = false;  // what is promoted is told so by the part itself
  static constexpr bool is_remote = false;
  static constexpr bool lands_values = false;
  static constexpr bool forgoes_expiring = true;  ///< written later, a value with a time to live of its own is dropped
  using landing = storage::value_landing;
  struct departures {};  ///< no part has a removal listener
  struct engine {
    cache_part* part;
    void tell(departures&) const noexcept {}
    bool bypasses() { return part->bypasses(); }
    void note_load(duration cost) noexcept { part->note_load(cost); }
  };
  engine engine_{this};

  cache_part() = default;
  cache_part(const cache_part&) = delete;
  cache_part& operator=(const cache_part&) = delete;
  virtual ~cache_part() = default;

  virtual std::optional<bytes> get(key_view key) = 0;
  virtual std::optional<bytes> peek(key_view key) = 0;
  virtual bool contains(key_view key) = 0;
  virtual bool store_untold(key_view key, bytes value, const storage::write_mode& mode, departures& none) = 0;
  virtual bool erase_untold(key_view key, departures& none) = 0;
  virtual std::size_t erase_keys(const std::function<bool(const std::string&)>& which, const sweep_control& control) = 0;
  virtual void clear(const sweep_control& control) = 0;
  virtual std::size_t purge_expired(const sweep_control& control) = 0;
  virtual void for_each(const std::function<void(const std::string&, std::uint64_t, duration)>& f,
                        const sweep_control& control) = 0;

  /// Whether a load that begins now does without this part, as asking it takes longer; it is told what loads take.
  virtual bool bypasses() { return false; }
  virtual void note_load(duration) noexcept {}

  virtual std::uint64_t size() const = 0;
  virtual std::uint64_t weight() const = 0;
  /// Bytes; entries where only these are limited.
  virtual std::uint64_t capacity() const = 0;
  virtual void set_capacity(std::uint64_t n) = 0;
  /// What it holds and the limits that were said.
  virtual observe::cache_extent extent() const = 0;
  virtual cache_stats stats() const = 0;
  virtual void reset_stats() = 0;
  virtual error_counts errors() const = 0;
  virtual std::uint64_t hash_of(key_view key) const = 0;
  virtual void flush() = 0;

  template <class Which>
  std::size_t erase_if(Which&& which, const sweep_control& control) {
    return erase_keys([&](const std::string& key) { return which(key); }, control);
  }
};

/// What a cache as a part does as the cache does it. It is made in place, by a function that returns it.
template <class Cache>
class cache_as_part : public cache_part {
  static_assert(std::is_same_v<typename Cache::key_type, std::string> && std::is_same_v<typename Cache::mapped_type, bytes>,
                "larder: the caches of a manager are from std::string to larder::bytes");

 public:
  template <class Make>
  explicit cache_as_part(Make&& make) : cache_(make()) {}

  std::optional<bytes> get(key_view key) override { return cache_.get(key); }
  std::optional<bytes> peek(key_view key) override { return cache_.peek(key); }
  bool contains(key_view key) override { return cache_.contains(key); }
  bool store_untold(key_view key, bytes value, const storage::write_mode& mode, departures&) override {
    constexpr std::size_t copied_below = 64 * 1024;
    if constexpr (Cache::in_memory)  // a small mapped value must not hold its mapping
      if (value.where() == residence::mapping && value.size() < copied_below) value = bytes::copy_of(value.span());
    if (mode.only_if_absent) return cache_.put_if_absent(key, std::move(value));
    if (mode.time_to_live) return cache_.put(key, std::move(value), *mode.time_to_live);
    return cache_.put(key, std::move(value));
  }
  bool erase_untold(key_view key, departures&) override { return cache_.erase(key); }
  std::size_t erase_keys(const std::function<bool(const std::string&)>& which, const sweep_control& control) override {
    return cache_.erase_if(which, control);
  }
  void clear(const sweep_control& control) override { cache_.clear(control); }
  std::size_t purge_expired(const sweep_control& control) override { return cache_.purge_expired(control); }
  void for_each(const std::function<void(const std::string&, std::uint64_t, duration)>& f,
                const sweep_control& control) override {
    cache_.for_each(f, control);
  }
  cache_stats stats() const override { return cache_.stats(); }
  void reset_stats() override { cache_.reset_stats(); }
  error_counts errors() const override { return cache_.errors(); }
  std::uint64_t hash_of(key_view key) const override { return cache_.hash_of(key); }

 protected:
  Cache cache_;
};

/// A cache in memory or on disk as a part.
template <class Cache>
class part_of final : public cache_as_part<Cache> {
  using cache_as_part<Cache>::cache_;

 public:
  using cache_as_part<Cache>::cache_as_part;

  std::uint64_t size() const override { return cache_.size(); }
  std::uint64_t weight() const override { return cache_.weight(); }
  std::uint64_t capacity() const override {
    if constexpr (limits_entries)
      if (counts_entries()) return cache_.template capacity<max_entries>();
    return cache_.template capacity<max_bytes>();
  }
  void set_capacity(std::uint64_t n) override {
    if constexpr (limits_entries)
      if (counts_entries()) return cache_.set_capacity(max_entries{n});
    cache_.set_capacity(max_bytes{n});
  }
  observe::cache_extent extent() const override {
    observe::cache_extent found = observe::extent_of(cache_);
    if (counts_entries()) found.capacity_bytes.reset();
    return found;
  }
  void flush() override { cache_.flush(); }

 private:
  static constexpr bool limits_entries = Cache::template keeps<max_entries>;
  bool counts_entries() const {
    return limits_entries && cache_.template capacity<max_bytes>() == std::numeric_limits<std::uint64_t>::max();
  }
};

}  // namespace larder::config
