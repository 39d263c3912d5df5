#pragma once

#include <larder/cache.hpp>
#include <larder/config/cache_part.hpp>
#include <larder/config/failure_teller.hpp>
#include <larder/config/remote_parts.hpp>
#include <larder/config/run_time_clock.hpp>
#include <larder/core/bytes.hpp>
#include <larder/core/error.hpp>
#include <larder/core/stats.hpp>
#include <larder/core/sweep.hpp>
#include <larder/core/time.hpp>
#include <larder/expiry/expire_after_write.hpp>
#include <larder/expiry/time_source.hpp>
#include <larder/expiry/ttl.hpp>
#include <larder/limit/unbounded.hpp>
#include <larder/observe/error_listener.hpp>
#include <larder/storage/engine_context.hpp>
#include <larder/tier.hpp>
#include <larder/tier_access.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace larder::config {

/// The cache of a remote tier. Nothing evicts there but the store itself.
template <class Storage>
using remote_cache = cache<std::string, bytes, unbounded, expire_after_write, ttl, time_source<run_time_clock>,
                           error_listener<failure_teller>, Storage>;

/// A remote cache as a part. What it has is not counted, as that would be a listing of what other machines have put there too.
template <class Storage>
class remote_part final : public cache_part {
 public:
  remote_part(const remote_order& order, Storage storage)
      : cache_(unbounded{}, expire_after_write{order.useful()}, time_source<run_time_clock>{order.clock},
               error_listener<failure_teller>{order.teller}, std::move(storage)) {}

  std::optional<bytes> get(key_view key) override { return cache_.get(key); }
  std::optional<bytes> peek(key_view key) override { return cache_.peek(key); }
  bool contains(key_view key) override { return cache_.contains(key); }
  bool store_untold(key_view key, bytes value, const storage::write_mode& mode, departures&) override {
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
  bool bypasses() override { return cost_.bypasses(); }
  void note_load(duration cost) noexcept override { cost_.note_load(cost); }

  std::uint64_t size() const override { return 0; }
  std::uint64_t weight() const override { return 0; }
  std::uint64_t capacity() const override { return std::numeric_limits<std::uint64_t>::max(); }
  void set_capacity(std::uint64_t) override {}
  cache_stats stats() const override { return cache_.stats(); }
  void reset_stats() override { cache_.reset_stats(); }
  error_counts errors() const override { return cache_.errors(); }
  std::uint64_t hash_of(key_view key) const override { return cache_.hash_of(key); }
  void flush() override {}

 private:
  remote_cache<Storage> cache_;
  tier_access<tier<remote_cache<Storage>, tier_mode::read_only>> cost_{cache_};  // it knows what look-ups and loads take
};

template <class Storage>
std::unique_ptr<cache_part> make_remote_part(const remote_order& order, Storage storage) {
  return std::make_unique<remote_part<Storage>>(order, std::move(storage));
}

/// A period as the stores take it: whole milliseconds, at least one.
inline std::chrono::milliseconds milliseconds_of(duration period) { return std::chrono::ceil<std::chrono::milliseconds>(period); }

}  // namespace larder::config
