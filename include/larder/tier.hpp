#pragma once

#include <larder/core/axis.hpp>
#include <larder/sync/write_back_options.hpp>

#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>

namespace larder {

/// How a tier takes writes.
enum class tier_mode : std::uint8_t {
  write_through,  ///< a put returns when this tier has it
  write_back,     ///< a put returns before this tier has it
  read_only,      ///< never written
};

/// One tier of a `tiered`: a cache that is borrowed (it must outlive the tiers) or owned, and how it is written.
template <class Cache, tier_mode Mode>
class tier {
 public:
  using cache_type = Cache;
  static constexpr tier_mode mode = Mode;

  explicit tier(Cache& borrowed) noexcept : cache_(&borrowed) {}
  explicit tier(std::unique_ptr<Cache> owned) noexcept : owned_(std::move(owned)), cache_(owned_.get()) {}
  tier(Cache& borrowed, const write_back_options& options) noexcept
    requires(Mode == tier_mode::write_back)
      : cache_(&borrowed), options_(options) {}
  tier(std::unique_ptr<Cache> owned, const write_back_options& options) noexcept
    requires(Mode == tier_mode::write_back)
      : owned_(std::move(owned)), cache_(owned_.get()), options_(options) {}

  Cache& operator*() const noexcept { return *cache_; }
  Cache* operator->() const noexcept { return cache_; }
  const write_back_options& options() const noexcept { return options_; }

 private:
  std::unique_ptr<Cache> owned_;
  Cache* cache_;
  write_back_options options_{};
};

/// A tier whose puts return when it has the value: the mode of a tier that says nothing.
template <class Cache>
tier<Cache, tier_mode::write_through> write_through(Cache& cache) noexcept {
  return tier<Cache, tier_mode::write_through>(cache);
}
template <class Cache>
tier<Cache, tier_mode::write_through> write_through(std::unique_ptr<Cache> cache) noexcept {
  return tier<Cache, tier_mode::write_through>(std::move(cache));
}
/// A tier that is written in the background, after the put has returned. What it still owes is bounded by the options, and looked at first by every look-up.
template <class Cache>
tier<Cache, tier_mode::write_back> write_back(Cache& cache, const write_back_options& options = {}) noexcept {
  return tier<Cache, tier_mode::write_back>(cache, options);
}
template <class Cache>
tier<Cache, tier_mode::write_back> write_back(std::unique_ptr<Cache> cache, const write_back_options& options = {}) noexcept {
  return tier<Cache, tier_mode::write_back>(std::move(cache), options);
}
/// A tier that is only read.
template <class Cache>
tier<Cache, tier_mode::read_only> read_only(Cache& cache) noexcept {
  return tier<Cache, tier_mode::read_only>(cache);
}
template <class Cache>
tier<Cache, tier_mode::read_only> read_only(std::unique_ptr<Cache> cache) noexcept {
  return tier<Cache, tier_mode::read_only>(std::move(cache));
}

namespace core {

template <class C>
concept cache_like = requires {
  typename C::key_type;
  typename C::mapped_type;
};

/// The tier that an argument of `tiered{...}` means.
template <class Argument>
struct tier_from {
  using type = tier<std::remove_reference_t<Argument>, tier_mode::write_through>;
  static_assert(std::is_lvalue_reference_v<Argument> && cache_like<std::remove_reference_t<Argument>>,
                "larder: a tier is a cache that outlives the tiers, a unique_ptr to one, or read_only(...), write_back(...) of these");
};
template <class Cache>
struct tier_from<std::unique_ptr<Cache>> {
  using type = tier<Cache, tier_mode::write_through>;
};
template <class Cache, tier_mode Mode>
struct tier_from<tier<Cache, Mode>> {
  using type = tier<Cache, Mode>;
};

}  // namespace core
}  // namespace larder
