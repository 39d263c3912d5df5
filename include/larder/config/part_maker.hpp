#pragma once

// The caches that a manager makes: for each order one in memory, one in memory with a limit of entries, one on mmap_disk, for some one in a
// directory; a remote one is made by a header that the program includes. What settings may leave out is a policy with a number that does
// nothing: an age without end, a watermark of one.

#include <larder/cache.hpp>
#include <larder/codec/zstd.hpp>
#include <larder/config/cache_part.hpp>
#include <larder/config/cache_settings.hpp>
#include <larder/config/disk_backup.hpp>
#include <larder/config/environment_settings.hpp>
#include <larder/config/failure_teller.hpp>
#include <larder/config/managed_cache.hpp>
#include <larder/config/named_cache.hpp>
#include <larder/config/policy_table.hpp>
#include <larder/config/remote_check.hpp>
#include <larder/config/remote_parts.hpp>
#include <larder/config/run_time_clock.hpp>
#include <larder/config/settings_check.hpp>
#include <larder/core/bytes.hpp>
#include <larder/core/error.hpp>
#include <larder/core/time.hpp>
#include <larder/expiry/expire_after_access.hpp>
#include <larder/expiry/expire_after_write.hpp>
#include <larder/expiry/time_source.hpp>
#include <larder/expiry/ttl.hpp>
#include <larder/limit/max_bytes.hpp>
#include <larder/limit/max_entries.hpp>
#include <larder/limit/watermark.hpp>
#include <larder/observe/error_listener.hpp>
#include <larder/storage/directory.hpp>
#include <larder/storage/mmap_disk.hpp>
#include <larder/tier.hpp>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace larder::config {

using managed_time = time_source<run_time_clock>;

/// The caches of an order.
template <class Order, class... More>
using managed_type = cache<std::string, bytes, Order, max_bytes, watermark, expire_after_write, expire_after_access, ttl,
                           managed_time, error_listener<failure_teller>, More...>;
template <class Order>
using memory_cache = managed_type<Order, zstd>;
template <class Order>
using memory_cache_of_entries = managed_type<Order, zstd, max_entries>;
template <class Order>
using mapped_cache = managed_type<Order, zstd, mmap_disk>;
template <class Order>
using directory_cache = managed_type<Order, directory>;

/// Makes the parts of one cache, of the orders in a table.
template <class Table>
class part_maker {
 public:
  part_maker(const std::string& name, const cache_settings& said, const run_time_clock& memory_clock,
             const run_time_clock& disk_clock, failure_teller teller)
      : name_(name), said_(said), memory_clock_(memory_clock), disk_clock_(disk_clock), teller_(std::move(teller)) {}

  /// The cache, where so many bytes of memory are available, and the environment has the secret of a remote tier.
  std::unique_ptr<managed_cache> make_cache(std::uint64_t available, const settings_environment& environment) const {
    named_parts<cache_part> parts;
    if (has_remote(said_)) {  // first: it is refused before a directory is made
      parts.remote = make_remote_tier(name_, said_, disk_clock_, teller_, environment);
      parts.remote_mode = remote_mode();
      if (said_.remote_queue_size) parts.owed.most_bytes = *said_.remote_queue_size;
    }
    if (has_memory(said_)) parts.memory = memory(available);
    if (has_disk(said_)) parts.disk = disk();
    // A hit in memory takes less than two looks at the clock; with a tier below it is the slow look-ups that matter, and they may be few.
    if (said_.latency.value_or(false)) parts.timed_every = parts.disk || parts.remote ? 1 : 64;
    return std::make_unique<named_cache<cache_part>>(name_, std::move(parts));
  }
  static std::unique_ptr<cache_copier> copier(const run_time_clock& clock) {
    return std::make_unique<disk_backup<managed_time>>(clock);
  }

 private:
  std::unique_ptr<cache_part> memory(std::uint64_t available) const {
    constexpr std::uint64_t unlimited = std::numeric_limits<std::uint64_t>::max();
    const std::uint64_t size = said_.memory_size ? said_.memory_size->in(available) : unlimited;
    const bool compressed = for_tier(said_.memory_compression, said_.compression).value_or(false);
    const bool by_size = !said_.memory_max_entries;
    return Table::with(order_meant(name_, said_.policy, by_size ? "gdsf" : "s3_fifo"), subject(said_.policy),
                       [&]<class Order>(Order) -> std::unique_ptr<cache_part> {
                         if (by_size)
                           return std::make_unique<part_of<memory_cache<Order>>>([&] {
                             return memory_cache<Order>(max_bytes{size}, mark(), written(), used(), managed_time{memory_clock_},
                                                        listener(), compression(compressed));
                           });
                         return std::make_unique<part_of<memory_cache_of_entries<Order>>>([&] {
                           return memory_cache_of_entries<Order>(max_bytes{size}, max_entries{*said_.memory_max_entries}, mark(),
                                                                 written(), used(), managed_time{memory_clock_}, listener(),
                                                                 compression(compressed));
                         });
                       });
  }

  std::unique_ptr<cache_part> disk() const {
    const setting<std::string>& policy = said_.disk_policy ? said_.disk_policy : said_.policy;
    return Table::with(
        order_meant(name_, policy, "s3_fifo"), subject(policy), [&]<class Order>(Order) -> std::unique_ptr<cache_part> {
          if constexpr (std::find(directory_order_names.begin(), directory_order_names.end(), name_of_order<Order>()) !=
                        directory_order_names.end())
            if (said_.disk_storage && *said_.disk_storage == "directory")
              return std::make_unique<part_of<directory_cache<Order>>>([&] {
                return directory_cache<Order>(max_bytes{*said_.disk_size}, mark(), written(), used(), managed_time{disk_clock_},
                                              listener(), directory{disk_path_of(name_, said_)});
              });
          const bool compressed = for_tier(said_.disk_compression, said_.compression).value_or(false);
          mmap_disk_options options;
          if (said_.disk_use_mmap) options.read = *said_.disk_use_mmap ? read_mode::mapping : read_mode::copy;
          return std::make_unique<part_of<mapped_cache<Order>>>([&] {
            return mapped_cache<Order>(max_bytes{*said_.disk_size}, mark(), written(), used(), managed_time{disk_clock_},
                                       listener(), compression(compressed), mmap_disk{disk_path_of(name_, said_), options});
          });
        });
  }

  tier_mode remote_mode() const {
    const std::string mode = said_.remote_mode.value_or("write_through");
    return mode == "write_back" ? tier_mode::write_back : mode == "read_only" ? tier_mode::read_only : tier_mode::write_through;
  }
  std::string subject(const setting<std::string>& policy) const {
    return policy.origin().text() + ": the order of \"" + name_ + "\"";
  }
  watermark mark() const { return watermark{said_.eviction_threshold.value_or(1.0)}; }
  expire_after_write written() const { return expire_after_write{said_.max_age.value_or(duration::max())}; }
  expire_after_access used() const { return expire_after_access{said_.max_idle.value_or(duration::max())}; }
  error_listener<failure_teller> listener() const { return error_listener<failure_teller>{teller_}; }
  static zstd compression(bool wanted) {
    zstd policy;
    if (!wanted) policy.from = std::numeric_limits<std::uint64_t>::max();
    return policy;
  }

  std::string name_;
  const cache_settings& said_;
  const run_time_clock& memory_clock_;
  const run_time_clock& disk_clock_;
  failure_teller teller_;
};

}  // namespace larder::config
