#pragma once

#include <larder/core/error.hpp>
#include <larder/remote/credential_unavailable.hpp>
#include <larder/remote/environment.hpp>
#include <larder/remote/http.hpp>
#include <larder/remote/token_retry.hpp>

#include <algorithm>
#include <chrono>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

namespace larder::remote {

/// Which of a machine's managed identities is meant: at most one field is given; none means the machine's own, or the one that
/// AZURE_CLIENT_ID names.
struct managed_identity {
  std::string client_id{};
  std::string object_id{};
  std::string resource_id{};
};

/// What the credentials of Azure need to know. All of it has a meaning that fits; the rest is in the environment.
struct azure_credential_settings {
  std::string scope = "https://storage.azure.com/.default";  ///< what the token is for
  std::string tenant{};  ///< instead of AZURE_TENANT_ID, and the tenant that `az` is asked about; empty: its own choice
  managed_identity identity{};
  transport_settings transport{{.total = std::chrono::seconds(30)},
                               {}};  ///< for the directory service; others are nearer and have limits of their own, but `ca_file`
  std::chrono::milliseconds command_time{13'000};  ///< for one run of `az`
  bool unencrypted_loopback = false;               ///< for tests: AZURE_AUTHORITY_HOST may be http:// on this machine
  environment_reader variables = process_environment;
  token_pause pause = pause_unless_stopped;  ///< between two tries
};

/// Letters, digits and these marks, not empty and not led by a dash: what goes into addresses and command lines as it is.
inline bool is_plain_word(std::string_view text, std::string_view marks) noexcept {
  return !text.empty() && text.front() != '-' && std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || marks.find(c) != std::string_view::npos;
  });
}

/// The settings as they are; throws `larder::error` for those that cannot work.
inline const azure_credential_settings& checked(const azure_credential_settings& settings) {
  if (!is_plain_word(settings.scope, "-._:/"))
    core::fail(error_cause::invalid_argument,
               "the scope of an Azure token may have letters, digits and -._:/ only; write https://storage.azure.com/.default");
  if (!settings.tenant.empty() && !is_plain_word(settings.tenant, "-."))
    core::fail(error_cause::invalid_argument,
               "tenant: letters, digits, - and . only; give the directory's id (a GUID) or its domain");
  if (!settings.variables || !settings.pause)
    core::fail(error_cause::invalid_argument, "azure_credential_settings: variables and pause must be functions");
  if (settings.command_time.count() <= 0)
    core::fail(error_cause::invalid_argument, "azure_credential_settings: command_time must be longer than nothing");
  return settings;
}

/// The values of these environment_reader variables, in their order, with the tenant of the settings in place of AZURE_TENANT_ID; throws
/// `credential_unavailable` that names those that are not set.
inline std::vector<std::string> needed_variables(const azure_credential_settings& settings,
                                                 std::initializer_list<const char*> names) {
  std::vector<std::string> values;
  std::string missing;
  for (const std::string name : names) {
    const bool overridden = name == "AZURE_TENANT_ID" && !settings.tenant.empty();
    values.push_back(overridden ? settings.tenant : settings.variables(name).value_or(""));
    if (values.back().empty()) missing += (missing.empty() ? "" : ", ") + name;
  }
  if (!missing.empty())
    throw credential_unavailable(missing + (missing.find(',') == std::string::npos ? " is not set" : " are not set"));
  return values;
}

}  // namespace larder::remote
