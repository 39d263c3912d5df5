#pragma once

// What passes share with other machines: a cache from text to bytes, or several in tiers, seen through a small interface, so that the type of
// `pass_cache` does not depend on it. A call through it costs a network round trip anyway.

#include <larder/core/bytes.hpp>
#include <larder/core/error.hpp>
#include <larder/core/stats.hpp>
#include <larder/core/sweep.hpp>
#include <larder/core/time.hpp>
#include <larder/core/transfer.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace larder {

/// A store of bytes under names that others use as well. Members are called from several threads at once. A store that fails says nothing or
/// false and counts it in `errors()`; what a member throws counts as such a failure too.
class shared_store {
 public:
  virtual ~shared_store() = default;

  virtual std::optional<bytes> get(std::string_view key, const transfer_control& control) = 0;
  /// The value in the room, from its start, and its size. Throws `larder::error` (invalid_argument) when it is larger.
  virtual std::optional<std::size_t> get_into(std::string_view key, std::span<std::byte> room,
                                              const transfer_control& control) = 0;
  virtual bool contains(std::string_view key) = 0;
  /// Whether a value has so many bytes (more than none), found out without moving them; true where that cannot be said.
  virtual bool reaches(std::string_view, std::uint64_t) { return true; }
  virtual bool put(std::string_view key, bytes value, const transfer_control& control) = 0;
  /// False when one is there, which stays, or when it was refused.
  virtual bool put_if_absent(std::string_view key, bytes value) = 0;
  virtual bool erase(std::string_view key) = 0;
  /// f(key, size, age) for each value.
  virtual void for_each(const std::function<void(const std::string&, std::uint64_t, duration)>& f,
                        const sweep_control& control) = 0;
  virtual error_counts errors() const = 0;
};

namespace artifacts {

/// A cache, or tiers of caches, as a shared store; `Held` is a reference or a pointer that owns it.
template <class Cache, class Held>
class cached_store final : public shared_store {
  static_assert(std::convertible_to<std::string_view, typename Cache::key_view> &&
                    std::same_as<typename Cache::mapped_type, bytes>,
                "larder: what passes share is a cache from std::string to larder::bytes");

 public:
  explicit cached_store(Held held) : held_(std::move(held)) {}

  std::optional<bytes> get(std::string_view key, const transfer_control& control) override {
    if constexpr (follows_get)
      return cache().get(key, control);
    else
      return cache().get(key);
  }
  std::optional<std::size_t> get_into(std::string_view key, std::span<std::byte> room, const transfer_control& control) override {
    if constexpr (requires(Cache & c) { c.get_into(key, room, control); }) {
      return cache().get_into(key, room, control);
    } else {
      const std::optional<bytes> value = get(key, control);
      if (!value) return std::nullopt;
      if (value->size() > room.size())
        core::fail(error_cause::invalid_argument, "a value of " + std::to_string(value->size()) +
                                                      " bytes does not fit a room of " + std::to_string(room.size()) +
                                                      "; give as much as it has");
      if (!value->empty()) std::memcpy(room.data(), value->data(), value->size());
      return value->size();
    }
  }
  bool contains(std::string_view key) override { return cache().contains(key); }
  bool reaches(std::string_view key, std::uint64_t size) override {
    if constexpr (requires(Cache & c) { c.get_range(key, std::size_t{0}, std::size_t{1}); }) {
      try {
        return cache().get_range(key, static_cast<std::size_t>(size - 1), 1).has_value();
      } catch (const error&) {  // its last byte lies behind the end
        return false;
      }
    } else {
      return true;
    }
  }
  bool put(std::string_view key, bytes value, const transfer_control& control) override {
    if constexpr (follows_put)
      return cache().put(key, std::move(value), control);
    else
      return cache().put(key, std::move(value));
  }
  bool put_if_absent(std::string_view key, bytes value) override { return cache().put_if_absent(key, std::move(value)); }
  bool erase(std::string_view key) override { return cache().erase(key); }
  void for_each(const std::function<void(const std::string&, std::uint64_t, duration)>& f,
                const sweep_control& control) override {
    if constexpr (requires(Cache & c) { c.for_each(f, control); })
      cache().for_each(f, control);
    else
      core::fail(error_cause::invalid_argument,
                 "tiers do not list their entries; give the pass cache the shared tier itself to prune it");
  }
  error_counts errors() const override {
    if constexpr (requires(const Cache& c) { c.errors(); }) {
      return cache().errors();
    } else {
      error_counts sum;
      for (const auto& tier : cache().stats())
        for (std::size_t i = 0; i < error_cause_count; ++i) sum.by_cause[i] += tier.errors.by_cause[i];
      return sum;
    }
  }

 private:
  // A cache declares the followed members for every storage, and only a remote one has them.
  static constexpr bool is_tiered = !requires { Cache::in_memory; };
  static constexpr bool is_remote = [] {
    if constexpr (is_tiered)
      return false;
    else
      return !Cache::in_memory && !requires(const Cache& c) { c.size(); };
  }();
  static constexpr bool follows_get = is_tiered || is_remote;
  static constexpr bool follows_put = is_tiered || is_remote;

  auto& cache() const noexcept {
    if constexpr (std::is_pointer_v<Held>)
      return *held_;
    else
      return *held_.get();
  }

  Held held_;
};

}  // namespace artifacts

/// A cache as a store that passes share: an lvalue is borrowed and has to outlive it, a `unique_ptr` or `shared_ptr` is held.
template <class Cache>
  requires(!std::is_const_v<Cache>)
std::shared_ptr<shared_store> make_shared_store(Cache& cache) {
  return std::make_shared<artifacts::cached_store<Cache, Cache*>>(&cache);
}
template <class Cache>
std::shared_ptr<shared_store> make_shared_store(std::unique_ptr<Cache> cache) {
  return std::make_shared<artifacts::cached_store<Cache, std::unique_ptr<Cache>>>(std::move(cache));
}
template <class Cache>
std::shared_ptr<shared_store> make_shared_store(std::shared_ptr<Cache> cache) {
  if constexpr (std::derived_from<Cache, shared_store>)
    return cache;
  else
    return std::make_shared<artifacts::cached_store<Cache, std::shared_ptr<Cache>>>(std::move(cache));
}

}  // namespace larder
