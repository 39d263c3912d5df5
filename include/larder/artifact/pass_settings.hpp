#pragma once

// How a `pass_cache` is set up: from code, or from JSON in the three spellings that workflow files have.
//
//   {"cache_dir": ["cache", "https://acct.blob.core.windows.net/models"]}        one path, one blob URL, or a list of at most one of each
//   {"cache_config": {"account_name": "acct", "container_name": "models"}}       wins entirely over the keys beside it
//   {"cloud_cache_config": {"account_url": "https://acct.blob.core.windows.net", "container_name": "models"}}     the older one

#include <larder/artifact/pass_blob_url.hpp>
#include <larder/artifact/settings_object.hpp>
#include <larder/core/error.hpp>
#include <larder/core/time.hpp>
#include <larder/format/json_field.hpp>
#include <larder/format/json_object.hpp>
#include <larder/remote/azure.hpp>
#include <larder/remote/secret.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <simdjson.h>

namespace larder {

/// What the cache does with a shared store.
enum class pass_mode : std::uint8_t {
  read_write,
  read_only,   ///< looks things up there and never writes: `update_shared_cache = false`
  write_only,  ///< puts what was made and never looks anything up
};

/// The settings of a `pass_cache`.
struct pass_settings {
  static constexpr std::string_view default_directory = ".olive-cache";

  std::filesystem::path cache_dir{default_directory};
  std::optional<larder::azure>
      shared{};  ///< the container that is shared; nothing: local only, unless a store is given to the cache
  pass_mode mode = pass_mode::read_write;
  bool clean_cache = false;                      ///< when the cache is made, this workflow's entries go
  bool clean_evaluation_cache = false;           ///< when it is made, this workflow's evaluations go
  std::string workflow_id = "default_workflow";  ///< entries remember the workflows that made or used them
  std::size_t look_ahead =
      32;  ///< requests to the shared store that are under way at once; 1: one after the other, uploads included
  duration transient_ttl = std::chrono::minutes(10);  ///< of the record of a transient failure that names none
  duration flush_deadline = std::chrono::seconds(5);  ///< how long the destructor waits for uploads that chains have left behind
  secret record_key{};  ///< records of the shared store carry an HMAC by it, and others are not believed; empty: none do
  std::function<instant()> now{};                        ///< what tells the time, since 1970; not given: the time of day
  std::vector<std::string> warnings{};                   ///< what was accepted but hardly meant
  std::function<void(const std::string&)> on_warning{};  ///< told of these, and of those to come; must not throw

  /// Throws `larder::error` (invalid_argument), which names the key, and the nearest known one when there is no such key.
  static pass_settings from_json(std::string_view text, std::function<void(const std::string&)> on_warning = {});
};

namespace artifacts {

/// Reads one of the spellings.
class pass_settings_reader {
 public:
  explicit pass_settings_reader(pass_settings& out) : out_(out) {}

  void read(const simdjson::dom::object& root) {
    const settings_object keys(root, "the settings of the pass cache", root_keys);
    if (keys.has("cache_config") && !keys.is_null("cache_config")) {
      for (const std::string_view ignored : {"cache_dir", "cloud_cache_config", "clean_cache", "clean_evaluation_cache",
                                             "account_name", "container_name", "enable_shared_cache", "update_shared_cache"})
        if (keys.has(ignored))
          warn("\"" + std::string(ignored) + "\" is not looked at, since there is a \"cache_config\", which says everything");
      read_common(keys);
      const settings_object config(keys.object("cache_config"), "cache_config", config_keys);
      read_flat(config);
      read_common(config);
    } else {
      read_flat(keys);
      read_cloud(keys);
      read_common(keys);
    }
  }

 private:
  static constexpr std::array<std::string_view, 11> root_keys{
      "cache_dir",    "cache_config",   "cloud_cache_config",  "clean_cache",         "clean_evaluation_cache",
      "account_name", "container_name", "enable_shared_cache", "update_shared_cache", "mode",
      "workflow_id"};
  static constexpr std::array<std::string_view, 9> config_keys{"cache_dir",           "account_name", "container_name",
                                                               "update_shared_cache", "clean_cache",  "clean_evaluation_cache",
                                                               "enable_shared_cache", "mode",         "workflow_id"};
  static constexpr std::array<std::string_view, 4> cloud_keys{"enable_cloud_cache", "account_url", "container_name",
                                                              "upload_to_cloud"};

  void warn(std::string text) { out_.warnings.push_back(std::move(text)); }

  /// What all spellings say in the same way.
  void read_common(const settings_object& keys) {
    if (const auto id = keys.text("workflow_id")) {
      if (id->empty()) keys.refuse("workflow_id", "is empty; leave it out or name the workflow");
      out_.workflow_id = *id;
    }
    const auto mode = keys.text("mode");
    if (!mode) return;
    if (*mode == "read_write")
      out_.mode = pass_mode::read_write;
    else if (*mode == "read_only")
      out_.mode = pass_mode::read_only;
    else if (*mode == "write_only")
      out_.mode = pass_mode::write_only;
    else
      keys.refuse("mode", "is \"" + *mode + "\"; it can be read_write, read_only or write_only");
  }

  void read_flat(const settings_object& keys) {
    read_directories(keys);
    out_.clean_cache = keys.flag("clean_cache").value_or(false);
    out_.clean_evaluation_cache = keys.flag("clean_evaluation_cache").value_or(false);
    const std::optional<std::string> account = keys.text("account_name");
    const std::optional<std::string> container = keys.text("container_name");
    if (account && !container)
      keys.refuse("account_name", "is \"" + *account + "\", but container_name is not given; name the container in that account");
    if (container && !account)
      keys.refuse("container_name", "is \"" + *container + "\", but account_name is not given; name the account that has it");
    if (account) share(keys, "account_name", larder::azure{.account = *account, .container = *container});
    if (const auto enabled = keys.flag("enable_shared_cache")) {
      if (*enabled && !out_.shared)
        keys.refuse("enable_shared_cache",
                    "is true, but no shared store is named; give account_name and container_name, or a blob URL in cache_dir");
      if (!*enabled) out_.shared.reset();
    }
    if (const auto update = keys.flag("update_shared_cache")) out_.mode = *update ? pass_mode::read_write : pass_mode::read_only;
  }

  void read_directories(const settings_object& keys) {
    if (!keys.has("cache_dir") || keys.is_null("cache_dir")) return;
    const std::vector<std::string> given = keys.texts("cache_dir");
    if (given.empty()) return;
    if (given.size() > 2)
      keys.refuse("cache_dir", "has " + std::to_string(given.size()) + " entries; give one path, one blob URL, or one of each");
    bool local = false;
    for (const std::string& one : given) {
      if (is_url(one)) {
        if (out_.shared) keys.refuse("cache_dir", "names two shared stores; give one blob URL and one path");
        out_.shared = parse_blob_url(one, "cache_dir");
      } else if (one.empty()) {
        keys.refuse("cache_dir", "has an empty path; give a folder, or leave it out for \"" +
                                     std::string(pass_settings::default_directory) + "\"");
      } else if (local) {
        warn("cache_dir names two folders; \"" + out_.cache_dir.string() + "\" is used, \"" + one + "\" is not");
      } else {
        out_.cache_dir = one;
        local = true;
      }
    }
  }

  void read_cloud(const settings_object& keys) {
    if (!keys.has("cloud_cache_config") || keys.is_null("cloud_cache_config")) return;
    if (const auto on = keys.flag_or_object("cloud_cache_config")) {
      if (*on && !out_.shared)
        keys.refuse("cloud_cache_config",
                    "is true, but nothing names the store; give {\"account_url\": ..., \"container_name\": ...}, or a blob URL "
                    "in cache_dir");
      if (!*on) out_.shared.reset();
      return;
    }
    const settings_object cloud(keys.object("cloud_cache_config"), "cloud_cache_config", cloud_keys);
    const std::optional<std::string> url = cloud.text("account_url");
    const std::optional<std::string> container = cloud.text("container_name");
    const bool enabled = cloud.flag("enable_cloud_cache").value_or(true);
    const bool upload = cloud.flag("upload_to_cloud").value_or(true);
    if (!enabled) {
      out_.shared.reset();
      return;
    }
    if (url && !container) cloud.refuse("account_url", "is given without container_name; name the container in that account");
    if (container && !url) cloud.refuse("container_name", "is given without account_url; give the account that has it");
    if (url) share(cloud, "account_url", parse_account_url(*url, *container, "account_url"));
    if (!out_.shared) cloud.refuse("enable_cloud_cache", "is on, but no store is named; give account_url and container_name");
    out_.mode = upload ? pass_mode::read_write : pass_mode::read_only;
  }

  void share(const settings_object& keys, std::string_view key, larder::azure store) {
    if (out_.shared && (out_.shared->account != store.account || out_.shared->container != store.container ||
                        out_.shared->endpoint != store.endpoint))
      keys.refuse(key, "names another shared store than cache_dir; give one of them");
    (void)store.address();  // throws for names that cannot be
    out_.shared = std::move(store);
  }

  pass_settings& out_;
};

}  // namespace artifacts

inline pass_settings pass_settings::from_json(std::string_view text, std::function<void(const std::string&)> on_warning) {
  pass_settings out;
  simdjson::dom::parser parser;
  const simdjson::dom::object root =
      format::parse_json_object(parser, std::as_bytes(std::span(text)), "the settings of the pass cache",
                                [](const std::string& why) { core::fail(error_cause::invalid_argument, why); });
  artifacts::pass_settings_reader(out).read(root);
  out.on_warning = std::move(on_warning);
  if (out.on_warning)
    for (const std::string& warning : out.warnings) out.on_warning(warning);
  return out;
}

}  // namespace larder
