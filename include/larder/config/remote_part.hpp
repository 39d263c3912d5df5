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
#include <larder/observe/cache_extent.hpp>
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
class remote_part final : public cache_as_part<remote_cache<Storage>> {
 public:
  remote_part(const remote_order& order, Storage storage)
      : cache_as_part<remote_cache<Storage>>([&] {
          return remote_cache<Storage>(unbounded{}, expire_after_write{order.useful()}, time_source<run_time_clock>{order.clock},
                                       error_listener<failure_teller>{order.teller}, std::move(storage));
        }) {}

  bool bypasses() override { return cost_.bypasses(); }
  void note_load(duration cost) noexcept override { cost_.note_load(cost); }

  std::uint64_t size() const override { return 0; }
  std::uint64_t weight() const override { return 0; }
  std::uint64_t capacity() const override { return std::numeric_limits<std::uint64_t>::max(); }
  void set_capacity(std::uint64_t) override {}
  observe::cache_extent extent() const override { return {}; }
  void flush() override {}

 private:
  tier_access<tier<remote_cache<Storage>, tier_mode::read_only>> cost_{this->cache_};  // it knows what look-ups and loads take
};

template <class Storage>
std::unique_ptr<cache_part> make_remote_part(const remote_order& order, Storage storage) {
  return std::make_unique<remote_part<Storage>>(order, std::move(storage));
}

/// A period as the stores take it: whole milliseconds, at least one.
inline std::chrono::milliseconds milliseconds_of(duration period) { return std::chrono::ceil<std::chrono::milliseconds>(period); }

}  // namespace larder::config
