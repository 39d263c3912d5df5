#pragma once

// Every key that settings know, once: the readers, the writers, the variables of the environment, the schema, the help and
// docs/configuration.md are made from here. A new key is one line here, a member in `cache_settings`, and what the manager does with it.

#include <larder/config/cache_settings.hpp>
#include <larder/config/memory_amount.hpp>
#include <larder/config/policy_names.hpp>
#include <larder/config/remote_names.hpp>
#include <larder/core/time.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>
#include <vector>

namespace larder::config {

enum class setting_type : std::uint8_t {
  memory_amount,  ///< a size, or a share of memory
  size,           ///< bytes
  count,          ///< a whole number from 1 on
  count_or_zero,
  share,  ///< above 0 and up to 1
  period,
  flag,  ///< true or false
  text,
  address,   ///< a text that may hold no secret
  variable,  ///< the name of a variable of the environment
  name,      ///< one of `choices`
};

/// What messages and pages say of a type.
constexpr std::string_view type_text(setting_type type) noexcept {
  switch (type) {
    case setting_type::memory_amount:
      return "a size or a share of memory";
    case setting_type::size:
      return "a size";
    case setting_type::count:
      return "a whole number from 1 on";
    case setting_type::count_or_zero:
      return "a whole number";
    case setting_type::share:
      return "a share";
    case setting_type::period:
      return "a period";
    case setting_type::flag:
      return "true or false";
    case setting_type::address:
      return "an address";
    case setting_type::variable:
      return "the name of a variable";
    case setting_type::name:
      return "a name";
    default:
      return "a text";
  }
}

template <class Settings>
using setting_member =
    std::variant<setting<memory_amount> Settings::*, setting<std::uint64_t> Settings::*, setting<double> Settings::*,
                 setting<duration> Settings::*, setting<bool> Settings::*, setting<std::string> Settings::*>;

template <class Settings>
struct setting_key {
  std::string_view name;  ///< dots are sections
  setting_type type;
  setting_member<Settings> member;
  std::string_view fallback;  ///< the default, in words where it is no value
  std::string_view unit;      ///< of a bare number
  std::string_view purpose;
  std::array<std::string_view, 3> spellings{};  ///< other names, those of the originals among them; empty ones end the list
  std::span<const std::string_view> choices{};  ///< of a name
  std::string_view only_for{};                  ///< the one cache that it changes something for

  /// Whether this is what a key of a file means.
  constexpr bool is_spelled(std::string_view path) const noexcept {
    return path == name || (!path.empty() && std::find(spellings.begin(), spellings.end(), path) != spellings.end());
  }
};

/// A bare number of `size` and `memory_amount` counts so many bytes.
inline constexpr std::uint64_t bare_size_unit = 1'000'000;

inline constexpr std::array cache_keys{
    setting_key<cache_settings>{
        "memory.size",
        setting_type::memory_amount,
        &cache_settings::memory_size,
        "no memory tier",
        "MB",
        "bytes of values in memory; a share (0.3) is of the memory available to the process when the manager is made",
        {"memory_size", "size"}},
    setting_key<cache_settings>{"memory.max_entries",
                                setting_type::count,
                                &cache_settings::memory_max_entries,
                                "no limit",
                                "entries",
                                "entries in memory; together with a size, the limit that is reached first acts",
                                {"memory.max_items", "max_entries", "max_items"}},
    setting_key<cache_settings>{"memory.compression", setting_type::flag, &cache_settings::memory_compression,
                                "what compression says", "",
                                "keep values from 4 KiB on compressed (zstd) in memory when that saves an eighth"},
    setting_key<cache_settings>{"memory.cleanup_interval", setting_type::period, &cache_settings::memory_cleanup_interval,
                                "what cleanup_interval says", "seconds",
                                "how often entries of the memory that are too old are dropped"},
    setting_key<cache_settings>{"disk.size",
                                setting_type::size,
                                &cache_settings::disk_size,
                                "no disk tier",
                                "MB",
                                "bytes of values on disk",
                                {"disk_size"}},
    setting_key<cache_settings>{"disk.path",
                                setting_type::text,
                                &cache_settings::disk_path,
                                ".cache/ and the cache's name",
                                "",
                                "the directory; mmap_disk is shared by any number of processes",
                                {"disk_path"}},
    setting_key<cache_settings>{"disk.storage",
                                setting_type::name,
                                &cache_settings::disk_storage,
                                "mmap_disk",
                                "",
                                "mmap_disk for a local file system, directory for a mount that machines share",
                                {"disk_storage"},
                                disk_storage_names},
    setting_key<cache_settings>{"disk.policy",
                                setting_type::name,
                                &cache_settings::disk_policy,
                                "what policy says",
                                "",
                                "who leaves the disk when room is needed",
                                {"disk.type"},
                                policy_names},
    setting_key<cache_settings>{
        "disk.use_mmap", setting_type::flag, &cache_settings::disk_use_mmap, "true on local file systems", "",
        "hand values out in their mapping (true) or as copies (false: no SIGBUS whatever happens to the files)"},
    setting_key<cache_settings>{"disk.compression", setting_type::flag, &cache_settings::disk_compression,
                                "what compression says", "", "the same on disk"},
    setting_key<cache_settings>{"disk.cleanup_interval", setting_type::period, &cache_settings::disk_cleanup_interval,
                                "what cleanup_interval says", "seconds",
                                "how often entries of the disk that are too old are dropped"},
    setting_key<cache_settings>{
        "remote.url", setting_type::address, &cache_settings::remote_url, "no remote tier", "",
        "where the store is: https://account.blob.core.windows.net/container, s3://bucket or https://host/bucket, "
        "https://host/path, redis://host:port/database or unix:///path of a socket"},
    setting_key<cache_settings>{"remote.type",
                                setting_type::name,
                                &cache_settings::remote_type,
                                "none, it must be said",
                                "",
                                "what it is; the program needs config/http_tier.hpp (larder::httptier), for redis "
                                "config/redis_tier.hpp (larder::redistier)",
                                {},
                                remote_type_names},
    setting_key<cache_settings>{"remote.prefix", setting_type::text, &cache_settings::remote_prefix, "none; larder: in redis", "",
                                "a folder there for the entries of this cache; in redis what its keys begin with"},
    setting_key<cache_settings>{
        "remote.mode",
        setting_type::name,
        &cache_settings::remote_mode,
        "write_through",
        "",
        "write_through: a put returns when the store has the value; write_back: it is written after that; read_only: never",
        {},
        remote_mode_names},
    setting_key<cache_settings>{"remote.queue_size", setting_type::size, &cache_settings::remote_queue_size, "256MiB", "MB",
                                "bytes of values that write_back may still owe the store; a put waits for room"},
    setting_key<cache_settings>{
        "remote.credential",
        setting_type::name,
        &cache_settings::remote_credential,
        "key or password with a secret_variable, else chain for azure and s3, none for webdav and redis",
        "",
        "what the store is shown: chain is what the machine has (Azure's default credentials; AWS's variables and profiles), "
        "none is nothing, the rest is what the secret is",
        {},
        credential_names},
    setting_key<cache_settings>{"remote.user", setting_type::text, &cache_settings::remote_user, "none", "",
                                "who asks: the user of webdav and redis, the access key id of s3, the account of azure where the "
                                "address does not name it"},
    setting_key<cache_settings>{
        "remote.secret_variable", setting_type::variable, &cache_settings::remote_secret_variable, "none", "",
        "the variable of the environment that has the key, signature, token or password; it is read when the manager is made"},
    setting_key<cache_settings>{"remote.region", setting_type::text, &cache_settings::remote_region,
                                "what AWS_REGION or the profile says", "", "the region of an s3 bucket"},
    setting_key<cache_settings>{"remote.ca_file", setting_type::text, &cache_settings::remote_ca_file, "those of the system", "",
                                "a PEM file of the authorities to trust for https"},
    setting_key<cache_settings>{"remote.lookup_budget", setting_type::period, &cache_settings::remote_lookup_budget, "2s",
                                "seconds", "until the answer to a look-up begins, retries included; after that it is a miss"},
    setting_key<cache_settings>{"remote.connect_timeout", setting_type::period, &cache_settings::remote_connect_timeout,
                                "5s; 1s for redis", "seconds", "until a connection stands"},
    setting_key<cache_settings>{"remote.answer_timeout", setting_type::period, &cache_settings::remote_answer_timeout,
                                "10s; 2s for redis", "seconds", "from the end of a request to the first byte of the answer"},
    setting_key<cache_settings>{"remote.max_object", setting_type::size, &cache_settings::remote_max_object, "16GiB", "MB",
                                "a larger answer is an error, which is a miss"},
    setting_key<cache_settings>{"remote.create_container", setting_type::flag, &cache_settings::remote_create_container, "false",
                                "", "a put makes the container of azure when it is missing"},
    setting_key<cache_settings>{"remote.allow_unencrypted_credentials", setting_type::flag,
                                &cache_settings::remote_allow_unencrypted_credentials, "false", "",
                                "send the secret unencrypted to other machines, too (redis has no encryption here)"},
    setting_key<cache_settings>{
        "policy",
        setting_type::name,
        &cache_settings::policy,
        "gdsf in memory, s3_fifo on disk and with entries alone",
        "",
        "who leaves when room is needed; time is fifo with max_age, size is largest_first with shrink_under_pressure",
        {"cleanup_policy", "memory.type", "memory.policy"},
        policy_names},
    setting_key<cache_settings>{"eviction_threshold",
                                setting_type::share,
                                &cache_settings::eviction_threshold,
                                "1",
                                "",
                                "once a limit is reached, evict down to this share of it",
                                {"memory.eviction_threshold"}},
    setting_key<cache_settings>{"max_age", setting_type::period, &cache_settings::max_age, "no limit", "seconds",
                                "entries are gone when more time has passed since they were put"},
    setting_key<cache_settings>{"max_idle", setting_type::period, &cache_settings::max_idle, "no limit", "seconds",
                                "entries are gone when more time has passed since they were put or last used"},
    setting_key<cache_settings>{"compression", setting_type::flag, &cache_settings::compression, "false", "",
                                "memory.compression and disk.compression where these are not said"},
    setting_key<cache_settings>{"cleanup_interval", setting_type::period, &cache_settings::cleanup_interval, "300s", "seconds",
                                "how often a started manager drops what is too old, in memory and on disk"},
    setting_key<cache_settings>{
        "shrink_under_pressure",
        setting_type::flag,
        &cache_settings::shrink_under_pressure,
        "false; true with policy size",
        "",
        "a started manager makes the memory tier smaller while the machine is short of memory, and larger again after",
        {"memory.shrink_under_pressure"}},
    setting_key<cache_settings>{"latency", setting_type::flag, &cache_settings::latency, "false", "",
                                "count how long gets, puts and loads take, for metrics and larder top"},
    setting_key<cache_settings>{"temp_dir",
                                setting_type::text,
                                &cache_settings::temp_dir,
                                "beside the result",
                                "",
                                "where the partial files of backup and export_entries are made",
                                {"disk.temp_dir"}},
    setting_key<cache_settings>{"format",
                                setting_type::name,
                                &cache_settings::format,
                                "safetensors",
                                "",
                                "the container that export_entries writes",
                                {},
                                container_names},
    setting_key<cache_settings>{"batch_buffer",
                                setting_type::count,
                                &cache_settings::batch_buffer,
                                "32",
                                "samples",
                                "samples to a batch of the streams that settings::training gives the options of",
                                {},
                                {},
                                "training_cache"},
    setting_key<cache_settings>{"prefetch",
                                setting_type::count_or_zero,
                                &cache_settings::prefetch,
                                "4",
                                "batches",
                                "batches ahead in these streams",
                                {},
                                {},
                                "training_cache"},
};

inline constexpr std::array manager_keys{
    setting_key<manager_settings>{"pressure_threshold", setting_type::share, &manager_settings::pressure_threshold, "0.1", "",
                                  "share of the time that somebody waits for memory from which on caches shrink"},
    setting_key<manager_settings>{"pressure_interval", setting_type::period, &manager_settings::pressure_interval, "1s",
                                  "seconds", "how often that is looked at"},
    setting_key<manager_settings>{"pressure_floor", setting_type::share, &manager_settings::pressure_floor, "0.25", "",
                                  "share of its size that a cache keeps whatever the pressure"},
};

/// Caches that files may say without `caches` around them, as the originals do.
inline constexpr std::array<std::string_view, 4> usual_caches{"cache", "model_cache", "training_cache", "system_cache"};
inline constexpr std::string_view caches_section = "caches";
inline constexpr std::string_view manager_section = "manager";
inline constexpr std::string_view schema_name = "$schema";  ///< what editors find the JSON Schema of a file by; it sets nothing

template <class Settings>
constexpr std::span<const setting_key<Settings>> keys_of() noexcept {
  if constexpr (std::is_same_v<Settings, cache_settings>)
    return cache_keys;
  else
    return manager_keys;
}

/// The key that a path means; null when none does.
template <class Settings>
constexpr const setting_key<Settings>* find_key(std::string_view path) noexcept {
  for (const setting_key<Settings>& key : keys_of<Settings>())
    if (key.is_spelled(path)) return &key;
  return nullptr;
}

/// What may stand in a section (none: ""; else with its dot: "memory."): keys, their spellings, and sections.
template <class Settings>
std::vector<std::string_view> names_in_section(std::string_view section) {
  std::vector<std::string_view> names;
  const auto add = [&](std::string_view path) {
    if (path.empty() || !path.starts_with(section)) return;
    const std::string_view rest = path.substr(section.size());
    const std::string_view name = rest.substr(0, rest.find('.'));
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  };
  for (const setting_key<Settings>& key : keys_of<Settings>()) {
    add(key.name);
    for (const std::string_view spelling : key.spellings) add(spelling);
  }
  return names;
}

/// Whether some key begins with this section.
template <class Settings>
bool is_section(std::string_view section) {
  return !names_in_section<Settings>(section).empty();
}

/// f(setting) with the member of a key.
template <class Settings, class Owner, class F>
decltype(auto) with_member(const setting_key<Settings>& key, Owner& owner, F&& f) {
  return std::visit([&](auto member) -> decltype(auto) { return f(owner.*member); }, key.member);
}

}  // namespace larder::config
