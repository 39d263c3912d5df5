#pragma once

// What keys mean together: combinations that cannot work, keys that change nothing, and what is only unwise.

#include <larder/config/cache_settings.hpp>
#include <larder/config/memory_amount.hpp>
#include <larder/config/policy_names.hpp>
#include <larder/config/remote_check.hpp>
#include <larder/config/setting.hpp>
#include <larder/config/setting_refusal.hpp>
#include <larder/config/setting_table.hpp>
#include <larder/config/settings_error.hpp>
#include <larder/config/value_rules.hpp>
#include <larder/core/error.hpp>
#include <larder/format/nearest_name.hpp>
#include <larder/format/tensor_name.hpp>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace larder::config {

inline bool has_memory(const cache_settings& of) noexcept {
  return of.memory_size.has_value() || of.memory_max_entries.has_value();
}
inline bool has_disk(const cache_settings& of) noexcept { return of.disk_size.has_value(); }

/// What holds for a tier: what is said for it, unless what is said for both tiers is said nearer to the program.
template <class T>
const setting<T>& for_tier(const setting<T>& of_tier, const setting<T>& of_both) noexcept {
  return of_tier && !is_nearer(of_both.origin(), of_tier.origin()) ? of_tier : of_both;
}
/// The same settings without what is said for one tier or for both and has no effect, as the other is said nearer to the program.
inline cache_settings without_overruled(cache_settings of) {
  const auto settle = [&](auto& both, auto& memory, auto& disk) {
    if (both && is_nearer(both.origin(), memory.origin())) memory.reset();
    if (both && is_nearer(both.origin(), disk.origin())) disk.reset();
    if ((has_memory(of) || has_disk(of)) && (memory || !has_memory(of)) && (disk || !has_disk(of)) &&
        (is_nearer(memory.origin(), both.origin()) || is_nearer(disk.origin(), both.origin())))
      both.reset();
  };
  settle(of.compression, of.memory_compression, of.disk_compression);
  settle(of.cleanup_interval, of.memory_cleanup_interval, of.disk_cleanup_interval);
  return of;
}

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

/// Where a cache was named: its first setting in the file, else the file's name for it, else a variable, else code; nowhere when no
/// source of settings names it.
inline setting_origin first_origin(const cache_settings& of) {
  setting_origin first;
  for (const setting_key<cache_settings>& key : cache_keys)
    with_member(key, of, [&](const auto& said) {
      const setting_origin& one = said.origin();
      if (!said) return;
      const bool is_before = is_same_source(one, first) && std::pair(one.line, one.column) < std::pair(first.line, first.column);
      if (first.where == setting_origin::kind::nowhere || is_nearer(first, one) || is_before) first = one;
    });
  if (first.where != setting_origin::kind::file && of.named.where != setting_origin::kind::nowhere) return of.named;
  return first;
}

/// Whether a name can be that of a directory, and leads to nowhere else.
inline bool is_safe_component(std::string_view name) {
  return name.find('/') == std::string_view::npos && format::tensor_name_fault(name).empty();
}

/// Where the disk tier lies.
inline std::string disk_path_of(std::string_view name, const cache_settings& of) {
  return of.disk_path.value_or(".cache/" + std::string(name));
}

/// Throws `larder::error` for settings of a cache that cannot work, or of which one changes nothing.
inline void check_cache(std::string_view name, const cache_settings& of) {
  const auto refuse = [&](const auto& said, std::string_view key, const std::string& why) {
    refuse_setting(said, key, format::printable_name(name), why);
  };
  if (name.empty()) core::fail(error_cause::invalid_argument, "a cache has an empty name; call it something, such as \"cache\"");
  check_values(name, format::printable_name(name), of);
  if (!has_memory(of) && !has_disk(of) && has_remote(of))
    refuse(of.remote_url, "remote.url",
           "is of a tier behind memory or a disk; give the cache memory.size (or size), or disk.size");
  if (!has_memory(of) && !has_disk(of)) {
    const setting_origin named = first_origin(of);
    const bool by_variable = named.where == setting_origin::kind::variable;
    const std::string why = "the cache " + format::printable_name(name) +
                            " has no limit; give it memory.size (or size), memory.max_entries or disk.size" +
                            (by_variable ? ", or unset " + named.name + " if it is not meant for such a cache" : "");
    if (named.where == setting_origin::kind::nowhere) core::fail(error_cause::invalid_argument, why);
    refuse_at(named, why);
  }
  const auto without_disk = [&](const auto& said, std::string_view key) {
    if (said && !has_disk(of)) refuse(said, key, "changes nothing without a disk tier; give it disk.size, or leave it out");
  };
  if (has_disk(of) && !of.disk_path && !is_safe_component(name))
    refuse(of.disk_size, "disk.size",
           "is of a directory that is called like the cache, and this name cannot be one; give it a disk.path of its own, or "
           "another name");
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

  const auto idle = [&](const auto& said, std::string_view key, const auto& memory, const auto& disk) {
    const auto is_overruled_by = [&](const auto& tier) { return tier && is_same_source(said.origin(), tier.origin()); };
    if (said && (is_overruled_by(memory) || !has_memory(of)) && (is_overruled_by(disk) || !has_disk(of)))
      refuse(said, key,
             "changes nothing, as memory." + std::string(key) + " or disk." + std::string(key) +
                 " says something else for each tier");
  };
  idle(of.compression, "compression", of.memory_compression, of.disk_compression);
  idle(of.cleanup_interval, "cleanup_interval", of.memory_cleanup_interval, of.disk_cleanup_interval);

  const bool in_directory = of.disk_storage && *of.disk_storage == "directory";
  if (in_directory && of.disk_use_mmap && !is_nearer(of.disk_storage.origin(), of.disk_use_mmap.origin()))
    refuse(of.disk_use_mmap, "disk.use_mmap", "changes nothing for directory, which always copies; leave it out");
  const setting<bool>& compressed = for_tier(of.disk_compression, of.compression);
  if (in_directory && compressed && *compressed && !is_nearer(of.disk_storage.origin(), compressed.origin()))
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
  const bool is_moot = (has_memory(of) && is_nearer(of.policy.origin(), of.eviction_threshold.origin())) ||
                       (has_disk(of) && is_nearer(disk_policy.origin(), of.eviction_threshold.origin()));
  if (of.eviction_threshold && !memory_evicts && !disk_evicts && !is_moot)
    refuse(of.eviction_threshold, "eviction_threshold", "changes nothing under epoch_pin, which never evicts");
  remote_check(name, of).check();
}

/// Throws `larder::error` for a share that comes to no byte of the memory that is available.
inline void check_share(std::string_view name, const cache_settings& of, std::uint64_t available) {
  if (of.memory_size && of.memory_size->in(available) == 0)
    refuse_setting(of.memory_size, "memory.size", format::printable_name(name),
                   "is " + amount_text(*of.memory_size) + ", which comes to 0 of the " + std::to_string(available) +
                       " bytes that are available; give it a larger share, or a size, for example 512MB");
}

/// What to tell the user of a cache once; nothing where all is well.
inline std::optional<std::string> warning_of(std::string_view name, const cache_settings& of) {
  const setting<std::string>& said = is_replaced_for_training(name, of.policy) ? of.policy : of.disk_policy;
  if (!is_replaced_for_training(name, said)) return std::nullopt;
  return said.origin().text() + ": policy " + *said + " of " + format::printable_name(name) +
         " evicts each sample before its next epoch; epoch_pin is used, which hits size / size of the data";
}

/// The directory of the disk tier, in the one form in which two can be compared; links are not followed, as it need not exist yet.
inline std::filesystem::path compared_path_of(std::string_view name, const cache_settings& of) {
  std::error_code unknown;
  const std::filesystem::path said = disk_path_of(name, of);
  std::filesystem::path whole = std::filesystem::absolute(said, unknown);
  whole = (unknown ? said : whole).lexically_normal();
  return whole.has_filename() ? whole : whole.parent_path();  // "a/" is "a"
}
using named_settings = std::map<std::string, cache_settings, std::less<>>;

/// Which cache has a directory, of those with a disk tier. Throws `larder::error` for two caches with one: a `get` of one would find what
/// the other has put.
inline std::map<std::filesystem::path, const named_settings::value_type*> directories_of(const named_settings& caches) {
  std::map<std::filesystem::path, const named_settings::value_type*> found;
  for (const named_settings::value_type& one : caches) {
    const auto& [name, of] = one;
    if (!has_disk(of)) continue;
    const auto [at, fresh] = found.try_emplace(compared_path_of(name, of), &one);
    if (fresh) continue;
    const auto& [other, of_other] = *at->second;
    refuse_setting(of.disk_path ? of.disk_path : of_other.disk_path, "disk.path", format::printable_name(name),
                   "is that of " + format::printable_name(other) + ", " + format::printable_name(at->first.string()) +
                       ", so that each would find the other's values; give one of them another directory");
  }
  return found;
}

/// What to tell of caches whose directory is in another's: who empties or moves that one takes the other along.
inline std::vector<std::string> warnings_of_nesting(const named_settings& caches) {
  std::vector<std::string> all;
  const auto directories = directories_of(caches);
  for (const auto& [path, inner] : directories)
    for (std::filesystem::path above = path.parent_path(); above.has_relative_path(); above = above.parent_path()) {
      const auto outer = directories.find(above);
      if (outer == directories.end()) continue;
      const setting<std::string>& said = inner->second.disk_path ? inner->second.disk_path : outer->second->second.disk_path;
      all.push_back(said.origin().text() + ": disk.path of " + format::printable_name(inner->first) + " lies in that of " +
                    format::printable_name(outer->second->first) +
                    ", so that who empties or moves the one takes the other along; give them directories beside each other");
      break;
    }
  return all;
}

/// What to tell of two caches that have each other's values, as their remote tiers are one; nothing where they are apart.
inline std::optional<std::string> warning_of_both(std::string_view a, const cache_settings& of_a, std::string_view b,
                                                  const cache_settings& of_b) {
  if (!has_remote(of_a) || of_a.remote_url != of_b.remote_url || of_a.remote_prefix != of_b.remote_prefix) return std::nullopt;
  return of_b.remote_url.origin().text() + ": the remote tier of " + format::printable_name(b) + " is that of " +
         format::printable_name(a) + ", so that each finds the other's values; give one of them a remote.prefix";
}

}  // namespace larder::config
