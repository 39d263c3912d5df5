#pragma once

// What keys mean together: combinations that cannot work, keys that change nothing, and what is only unwise.

#include <larder/config/cache_settings.hpp>
#include <larder/config/memory_amount.hpp>
#include <larder/config/policy_names.hpp>
#include <larder/config/remote_check.hpp>
#include <larder/config/setting.hpp>
#include <larder/config/value_rules.hpp>
#include <larder/core/error.hpp>
#include <larder/format/nearest_name.hpp>
#include <larder/format/tensor_name.hpp>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace larder::config {

inline bool has_memory(const cache_settings& of) noexcept {
  return of.memory_size.has_value() || of.memory_max_entries.has_value();
}
inline bool has_disk(const cache_settings& of) noexcept { return of.disk_size.has_value(); }

inline constexpr std::string_view training_name = "training_cache";

/// Whether the cache is a training's, and the policy one that `epoch_pin` is used for: it would evict each sample before its next epoch.
inline bool is_replaced_for_training(std::string_view name, const setting<std::string>& policy) {
  return name == training_name && policy && (*policy == "fifo" || *policy == "lru");
}
/// The order that a tier's policy means.
inline std::string order_meant(std::string_view name, const setting<std::string>& policy, std::string_view otherwise) {
  if (is_replaced_for_training(name, policy) || (name == training_name && !policy)) return "epoch_pin";
  if (!policy) return std::string(otherwise);
  return *policy == "time" ? "fifo" : *policy == "size" ? "largest_first" : *policy;
}

/// Where the disk tier lies.
inline std::string disk_path_of(std::string_view name, const cache_settings& of) {
  return of.disk_path.value_or(".cache/" + std::string(name));
}

/// Throws `larder::error` for settings of a cache that cannot work, or of which one changes nothing.
inline void check_cache(std::string_view name, const cache_settings& of) {
  const auto refuse = [&](const auto& said, std::string_view key, const std::string& why) {
    core::fail(error_cause::invalid_argument,
               said.origin().text() + ": " + std::string(key) + " of " + format::printable_name(name) + " " + why);
  };
  if (name.empty())
    core::fail(error_cause::invalid_argument, "a cache has an empty name; call it something, such as \"cache\"");
  check_values(name, format::printable_name(name), of);
  if (!has_memory(of) && !has_disk(of) && has_remote(of))
    refuse(of.remote_url, "remote.url",
           "is of a tier behind memory or a disk; give the cache memory.size (or size), or disk.size");
  if (!has_memory(of) && !has_disk(of))
    core::fail(error_cause::invalid_argument,
               "the cache " + format::printable_name(name) +
                   " has no limit; give it memory.size (or size), memory.max_entries or disk.size");
  const auto without_disk = [&](const auto& said, std::string_view key) {
    if (said && !has_disk(of)) refuse(said, key, "changes nothing without a disk tier; give it disk.size, or leave it out");
  };
  without_disk(of.disk_path, "disk.path");
  without_disk(of.disk_storage, "disk.storage");
  without_disk(of.disk_policy, "disk.policy");
  without_disk(of.disk_use_mmap, "disk.use_mmap");
  without_disk(of.disk_compression, "disk.compression");
  without_disk(of.disk_cleanup_interval, "disk.cleanup_interval");
  const auto without_memory = [&](const auto& said, std::string_view key) {
    if (said && !has_memory(of)) refuse(said, key, "changes nothing without a memory tier; give it memory.size, or leave it out");
  };
  without_memory(of.memory_compression, "memory.compression");
  without_memory(of.memory_cleanup_interval, "memory.cleanup_interval");
  without_memory(of.shrink_under_pressure, "shrink_under_pressure");

  const auto overruled = [&](const auto& said, std::string_view key, const auto& memory, const auto& disk) {
    if (said && (memory || !has_memory(of)) && (disk || !has_disk(of)))
      refuse(said, key,
             "changes nothing, as memory." + std::string(key) + " or disk." + std::string(key) +
                 " says something else for each tier");
  };
  overruled(of.compression, "compression", of.memory_compression, of.disk_compression);
  overruled(of.cleanup_interval, "cleanup_interval", of.memory_cleanup_interval, of.disk_cleanup_interval);

  const bool in_directory = of.disk_storage && *of.disk_storage == "directory";
  if (in_directory && of.disk_use_mmap)
    refuse(of.disk_use_mmap, "disk.use_mmap", "changes nothing for directory, which always copies; leave it out");
  const setting<bool>& compressed = of.disk_compression ? of.disk_compression : of.compression;
  if (in_directory && compressed && *compressed)
    refuse(compressed, "compression",
           "is for memory and mmap_disk, and its disk.storage is directory; say disk.compression = false");

  const setting<std::string>& disk_policy = of.disk_policy ? of.disk_policy : of.policy;
  if (in_directory && has_disk(of))
    if (const std::string order = order_meant(name, disk_policy, "s3_fifo");
        std::find(directory_order_names.begin(), directory_order_names.end(), order) == directory_order_names.end())
      refuse(
          disk_policy, "policy",
          "is " + order + ", which directory has no caches of; say disk.policy" + format::known_names("", directory_order_names));

  for (const auto* const order : {&of.policy, &of.disk_policy})
    if (*order && **order == "time" && !of.max_age)
      refuse(*order, "policy", "is time, which is fifo with max_age; give it max_age");
  if (of.disk_policy && *of.disk_policy == "size")
    refuse(of.disk_policy, "disk.policy", "cannot be size, which shrinks memory under pressure; on disk it is largest_first");
  if (of.policy && *of.policy == "size" && !has_memory(of))
    refuse(of.policy, "policy",
           "is size, which shrinks memory under pressure, and there is no memory tier; on disk it is largest_first");
  const bool memory_evicts = has_memory(of) && order_meant(name, of.policy, "") != "epoch_pin";
  const bool disk_evicts = has_disk(of) && order_meant(name, disk_policy, "") != "epoch_pin";
  if (of.eviction_threshold && !memory_evicts && !disk_evicts)
    refuse(of.eviction_threshold, "eviction_threshold", "changes nothing under epoch_pin, which never evicts");
  remote_check(name, of).check();
}

/// Throws `larder::error` for a share that comes to no byte of the memory that is available.
inline void check_share(std::string_view name, const cache_settings& of, std::uint64_t available) {
  if (of.memory_size && of.memory_size->in(available) == 0)
    core::fail(error_cause::invalid_argument, of.memory_size.origin().text() + ": memory.size of " + format::printable_name(name) +
                                                  " is " + amount_text(*of.memory_size) + ", which comes to 0 of the " +
                                                  std::to_string(available) + " bytes that are available; give it a larger share, "
                                                  "or a size, for example 512MB");
}

/// What to tell the user of a cache once; nothing where all is well.
inline std::optional<std::string> warning_of(std::string_view name, const cache_settings& of) {
  const setting<std::string>& said = is_replaced_for_training(name, of.policy) ? of.policy : of.disk_policy;
  if (!is_replaced_for_training(name, said)) return std::nullopt;
  return said.origin().text() + ": policy " + *said + " of " + format::printable_name(name) +
         " evicts each sample before its next epoch; epoch_pin is used, which hits size / size of the data";
}

/// What to tell of two caches that have each other's values, as their remote tiers are one; nothing where they are apart.
inline std::optional<std::string> warning_of_both(std::string_view a, const cache_settings& of_a, std::string_view b,
                                                  const cache_settings& of_b) {
  if (!has_remote(of_a) || of_a.remote_url != of_b.remote_url || of_a.remote_prefix != of_b.remote_prefix) return std::nullopt;
  return of_b.remote_url.origin().text() + ": the remote tier of " + format::printable_name(b) + " is that of " +
         format::printable_name(a) + ", so that each finds the other's values; give one of them a remote.prefix";
}

}  // namespace larder::config
