#pragma once

#include <larder/core/time.hpp>
#include <larder/remote/access_token.hpp>
#include <larder/remote/azure_authority.hpp>
#include <larder/remote/azure_credential_settings.hpp>
#include <larder/remote/curl_transport.hpp>
#include <larder/remote/http.hpp>
#include <larder/remote/secret.hpp>

#include <stop_token>
#include <string>
#include <vector>

namespace larder::remote {

/// A program's own name and secret: AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET, which are read once. A `token_credential`.
template <http_transport Transport = curl_transport>
class environment_credential {
 public:
  /// Sends nothing. Throws `credential_unavailable` when a variable is not set, `larder::error` when one cannot be used.
  explicit environment_credential(const azure_credential_settings& settings)
      : environment_credential(
            settings, needed_variables(checked(settings), {"AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"})) {}

  access_token fetch(const std::stop_token& stop, instant asked_at) {
    return authority_.exchange({{"client_id", client_}, {"client_secret", secret_.reveal()}}, stop, asked_at);
  }

 private:
  environment_credential(const azure_credential_settings& settings, const std::vector<std::string>& values)
      : client_(values[1]), secret_(values[2]), authority_(settings, values[0]) {}

  std::string client_;
  secret secret_;
  azure_authority<Transport> authority_;
};

}  // namespace larder::remote
