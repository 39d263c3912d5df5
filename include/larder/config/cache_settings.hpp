#pragma once

#include <larder/config/memory_amount.hpp>
#include <larder/config/setting.hpp>
#include <larder/core/time.hpp>

#include <cstdint>
#include <string>

namespace larder {

/// Where a file names a cache. It is no setting: caches that say the same are equal, wherever they are named.
struct cache_naming : setting_origin {
  friend bool operator==(const cache_naming&, const cache_naming&) noexcept { return true; }
};

/// What may be said of one cache; what is not said has a default. `setting_table.hpp` says what each means, its unit and its spellings.
struct cache_settings {
  setting<memory_amount> memory_size{};
  setting<std::uint64_t> memory_max_entries{};
  setting<bool> memory_compression{};
  setting<duration> memory_cleanup_interval{};
  setting<std::uint64_t> disk_size{};  ///< bytes
  setting<std::string> disk_path{};
  setting<std::string> disk_storage{};
  setting<std::string> disk_policy{};
  setting<bool> disk_use_mmap{};
  setting<bool> disk_compression{};
  setting<duration> disk_cleanup_interval{};
  setting<std::string> remote_url{};
  setting<std::string> remote_type{};
  setting<std::string> remote_prefix{};
  setting<std::string> remote_mode{};
  setting<std::uint64_t> remote_queue_size{};  ///< bytes
  setting<std::string> remote_credential{};
  setting<std::string> remote_user{};
  setting<std::string> remote_secret_variable{};
  setting<std::string> remote_region{};
  setting<std::string> remote_ca_file{};
  setting<duration> remote_lookup_budget{};
  setting<duration> remote_connect_timeout{};
  setting<duration> remote_answer_timeout{};
  setting<std::uint64_t> remote_max_object{};  ///< bytes
  setting<bool> remote_create_container{};
  setting<bool> remote_allow_unencrypted_credentials{};
  setting<std::string> policy{};
  setting<double> eviction_threshold{};
  setting<duration> max_age{};
  setting<duration> max_idle{};
  setting<bool> compression{};
  setting<duration> cleanup_interval{};
  setting<bool> shrink_under_pressure{};
  setting<bool> latency{};
  setting<std::string> temp_dir{};
  setting<std::string> format{};
  setting<std::uint64_t> batch_buffer{};
  setting<std::uint64_t> prefetch{};
  cache_naming named{};

  friend bool operator==(const cache_settings&, const cache_settings&) = default;
};

/// What holds for all caches of a manager.
struct manager_settings {
  setting<double> pressure_threshold{};
  setting<duration> pressure_interval{};
  setting<double> pressure_floor{};

  friend bool operator==(const manager_settings&, const manager_settings&) = default;
};

}  // namespace larder
