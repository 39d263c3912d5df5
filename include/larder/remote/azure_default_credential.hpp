#pragma once

// The chain of Azure's own libraries (DefaultAzureCredential), in their order: the environment's client secret, the workload's token file,
// the machine's managed identity, the Azure CLI. AZURE_TOKEN_CREDENTIALS narrows it: `prod` (without the CLI), `dev` (the CLI
// alone), or one credential by its name, which then must be set up.

#include <larder/core/error.hpp>
#include <larder/core/time.hpp>
#include <larder/expiry/time_source.hpp>
#include <larder/remote/access_token.hpp>
#include <larder/remote/azure_cli_credential.hpp>
#include <larder/remote/azure_credential_settings.hpp>
#include <larder/remote/credential_unavailable.hpp>
#include <larder/remote/curl_transport.hpp>
#include <larder/remote/environment_credential.hpp>
#include <larder/remote/http.hpp>
#include <larder/remote/managed_identity_credential.hpp>
#include <larder/remote/secret.hpp>
#include <larder/remote/token_cache.hpp>
#include <larder/remote/token_source.hpp>
#include <larder/remote/workload_identity_credential.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace larder::remote {

/// The credentials of the chain, each asked until one works; from then on that one alone is asked. A `token_credential`.
template <http_transport Transport = curl_transport>
class azure_credential_chain {
 public:
  /// Sends nothing. Throws `larder::error` for settings that cannot work; a credential that is merely not set up is passed over, unless
  /// AZURE_TOKEN_CREDENTIALS names it.
  explicit azure_credential_chain(const azure_credential_settings& settings) {
    const choice chosen = chosen_by(checked(settings).variables("AZURE_TOKEN_CREDENTIALS").value_or(""));
    const metadata_probe probe = chosen.alone ? metadata_probe::off : metadata_probe::on;
    add<environment_credential<Transport>>(chosen, 0, settings);
    add<workload_identity_credential<Transport>>(chosen, 1, settings);
    add<managed_identity_credential<Transport>>(chosen, 2, settings, probe);
    add<azure_cli_credential>(chosen, 3, settings);
  }

  /// The token of the first credential that works. When none does, one `larder::error` says of each why.
  access_token fetch(const std::stop_token& stop, instant asked_at) {
    const std::size_t kept = kept_.load(std::memory_order_relaxed);
    if (kept != nobody) return links_[kept].fetch(stop, asked_at);
    std::string reasons;
    std::optional<error_cause> cause;
    const auto failed = [&](std::string_view name, const error& why) {
      std::string_view text = why.what();
      if (constexpr std::string_view prefix = "larder: "; text.starts_with(prefix)) text.remove_prefix(prefix.size());
      reasons += "\n  " + std::string(name) + ": " + std::string(text);
    };
    for (std::size_t i = 0; i < links_.size(); ++i) {
      const link& next = links_[i];
      if (!next.fetch) {
        failed(next.name, *next.unavailable);
        continue;
      }
      try {
        access_token token = next.fetch(stop, asked_at);
        kept_.store(i, std::memory_order_relaxed);
        return token;
      } catch (const credential_unavailable& why) {
        failed(next.name, why);
      } catch (const error& why) {
        if (why.cause() == error_cause::cancelled) throw;
        failed(next.name, why);
        if (!cause) cause = why.cause();
      }
    }
    core::fail(cause.value_or(error_cause::unauthorized),
               "no credential for Azure works; set one of these up, or name a key, a SAS or a token in the settings:" + reasons);
  }

  /// The name of the credential that works, as AZURE_TOKEN_CREDENTIALS takes it; empty until one has.
  std::string_view kept() const noexcept {
    const std::size_t index = kept_.load(std::memory_order_relaxed);
    return index == nobody ? std::string_view{} : links_[index].name;
  }

 private:
  static constexpr std::size_t nobody = ~std::size_t{0};
  static constexpr std::array<std::string_view, 4> names{"EnvironmentCredential", "WorkloadIdentityCredential",
                                                         "ManagedIdentityCredential", "AzureCliCredential"};

  struct link {
    std::string_view name;
    std::function<access_token(const std::stop_token&, instant)> fetch{};  ///< empty when it is not set up
    std::optional<credential_unavailable> unavailable{};
  };
  struct choice {
    std::array<bool, names.size()> taken{};
    bool alone = false;
  };

  static choice chosen_by(std::string_view text) {
    const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; };
    const auto is = [&](std::string_view word) {
      return std::equal(text.begin(), text.end(), word.begin(), word.end(), [&](char a, char b) { return lower(a) == lower(b); });
    };
    if (text.empty()) return {{true, true, true, true}};
    if (is("prod")) return {{true, true, true, false}};
    if (is("dev")) return {{false, false, false, true}};
    choice out{.alone = true};
    std::string known = "prod, dev";
    bool found = false;
    for (std::size_t i = 0; i < names.size(); ++i) {
      out.taken[i] = is(names[i]);
      found = found || out.taken[i];
      known += ", " + std::string(names[i]);
    }
    if (!found)
      core::fail(error_cause::invalid_argument,
                 "AZURE_TOKEN_CREDENTIALS names no credential that is known here; write one of " + known);
    return out;
  }

  template <class Credential, class... Arguments>
  void add(const choice& chosen, std::size_t index, Arguments&&... arguments) {
    if (!chosen.taken[index]) return;
    link& added = links_.emplace_back();
    added.name = names[index];
    try {
      auto credential = std::make_shared<Credential>(std::forward<Arguments>(arguments)...);
      added.fetch = [credential](const std::stop_token& stop, instant asked_at) { return credential->fetch(stop, asked_at); };
    } catch (const credential_unavailable& why) {
      if (chosen.alone) throw;
      added.unavailable = why;
    }
  }

  std::vector<link> links_;
  std::atomic<std::size_t> kept_{nobody};
};

/// The chain with its token kept: what signs for Azure when no key is named. `Clock` tells the time of day.
template <http_transport Transport = curl_transport, class Clock = wall_time>
class basic_azure_default_credential final : public token_source {
 public:
  /// Sends nothing; throws `larder::error` for settings that cannot work.
  explicit basic_azure_default_credential(const azure_credential_settings& settings = {}, token_renewal renewal = {},
                                          time_source<Clock> clock = time_source<Clock>())
      : cache_(renewal, clock, settings) {}

  secret token() override { return cache_.token(); }
  /// As `token()`, for callers that have a stop or a time of their own (`http_request::stop`, `answer_by`); see `token_cache`.
  secret token_by(const std::stop_token& stop, std::chrono::steady_clock::time_point give_up) override {
    return cache_.token_by(stop, give_up);
  }
  void reject(const secret& stale) override { cache_.reject(stale); }

  /// The name of the credential that works; empty until one has.
  std::string_view kept() { return cache_.credential().kept(); }

 private:
  token_cache<azure_credential_chain<Transport>, Clock> cache_;
};

using azure_default_credential = basic_azure_default_credential<>;

}  // namespace larder::remote
