#pragma once

// The identity that Azure gives to a machine or a service. Two forms are known: App Service and Functions (IDENTITY_ENDPOINT with
// IDENTITY_HEADER), and the metadata service of virtual machines and Kubernetes nodes at a fixed link-local address. What is asked there
// goes unencrypted, so it never goes through a proxy.

#include <larder/core/error.hpp>
#include <larder/core/time.hpp>
#include <larder/remote/access_token.hpp>
#include <larder/remote/azure_credential_settings.hpp>
#include <larder/remote/credential_unavailable.hpp>
#include <larder/remote/curl_transport.hpp>
#include <larder/remote/http.hpp>
#include <larder/remote/secret.hpp>
#include <larder/remote/token_retry.hpp>
#include <larder/remote/url.hpp>

#include <atomic>
#include <chrono>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

namespace larder::remote {

/// Whether a machine may be no machine of Azure's at all.
enum class metadata_probe : bool {
  off,  ///< it is one: the service is asked until it answers
  on,   ///< until the service has answered once, it has 1 s to take the connection and is asked once: elsewhere nobody answers
};

/// A `token_credential`; `Transport` is made from `transport_settings`.
template <http_transport Transport = curl_transport>
class managed_identity_credential {
 public:
  /// Sends nothing. Throws `credential_unavailable` on platforms that are known and not supported, `larder::error` for settings that cannot work.
  explicit managed_identity_credential(const azure_credential_settings& settings, metadata_probe probe = metadata_probe::on)
      : pause_(checked(settings).pause),
        patient_(limits(settings, std::chrono::seconds(5))),
        probing_(limits(settings, std::chrono::seconds(1))) {
    if (settings.variables("IDENTITY_ENDPOINT"))
      choose_app_service(settings);
    else
      choose_metadata_service(settings, probe);
  }

  /// The address that is asked; its query holds no secret.
  const url& endpoint() const noexcept { return target_; }

  access_token fetch(const std::stop_token& stop, instant asked_at) {
    http_request request;
    request.target = target_;
    request.headers.push_back(header_);
    request.max_body = token_reply_limit;
    request.stop = stop;
    std::optional<http_response> first;
    if (!answered_.load(std::memory_order_relaxed)) first = probe(request);
    const http_response answer = retry_.send(patient_, request, pause_, std::move(first));
    if (answer.status == 200)
      return access_token_reader::read(answer.body.text(), "the reply of " + target_.printable(), asked_at);
    if (answer.status == 400 || answer.status == 401 || answer.status == 403)
      throw credential_unavailable(target_.printable() + " answered " + std::to_string(answer.status) +
                                   "; is this identity assigned to this machine?");
    fail_status(request, answer.status);
  }

 private:
  static transport_settings limits(const azure_credential_settings& settings, std::chrono::milliseconds connect) {
    return {.timeouts = {.connect = connect,
                         .first_byte = std::chrono::seconds(10),
                         .stall = std::chrono::seconds(5),
                         .total = std::chrono::seconds(20)},
            .ca_file = settings.transport.ca_file,
            .use_proxy = false};
  }

  /// The first answer of a service of which nobody knows whether it is there.
  http_response probe(const http_request& request) {
    try {
      http_response answer = probing_.send(request);
      // The same address has the metadata of other clouds: waiting for a token there is in vain.
      if (answer.header("metadata-flavor") == "Google" || answer.header("server") == "EC2ws")
        throw credential_unavailable("the metadata service at " + target_.printable() + " is another cloud's");
      answered_.store(true, std::memory_order_relaxed);
      return answer;
    } catch (const credential_unavailable&) {
      throw;
    } catch (const error& thrown) {
      if (thrown.cause() != error_cause::network && thrown.cause() != error_cause::timeout) throw;
      throw credential_unavailable("no metadata service answers at " + target_.printable() + " (" +
                                   std::string(to_string(thrown.cause())) + ")");
    }
  }

  void choose_app_service(const azure_credential_settings& settings) {
    const std::optional<std::string> password = settings.variables("IDENTITY_HEADER");
    if (!password)
      throw credential_unavailable(
          "IDENTITY_ENDPOINT is set without IDENTITY_HEADER, as on Azure Arc, which is not supported; name a client secret "
          "instead");
    if (settings.variables("IDENTITY_SERVER_THUMBPRINT"))
      throw credential_unavailable(
          "IDENTITY_SERVER_THUMBPRINT is set, as in Service Fabric, which is not supported; name a client secret instead");
    if (!is_header_token(*password))
      core::fail(error_cause::invalid_argument, "IDENTITY_HEADER has characters that no header may have");
    target_ = parse_url(*settings.variables("IDENTITY_ENDPOINT"), "IDENTITY_ENDPOINT");
    if (!target_.query.empty())
      core::fail(error_cause::invalid_argument,
                 "IDENTITY_ENDPOINT: \"" + target_.printable() + "\" has a query; give the address alone");
    target_.query = "api-version=2019-08-01" + question(settings, "principal_id", "mi_res_id");
    header_ = {"X-IDENTITY-HEADER", *password};
    retry_ = {};
    answered_ = true;  // it is there: the platform has set its address
  }

  void choose_metadata_service(const azure_credential_settings& settings, metadata_probe probe) {
    constexpr const char* variable = "AZURE_POD_IDENTITY_AUTHORITY_HOST";
    const url host = parse_url(settings.variables(variable).value_or("http://169.254.169.254"), variable);
    if (!host.query.empty())
      core::fail(error_cause::invalid_argument,
                 std::string(variable) + ": \"" + host.printable() + "\" has a query; give the host alone");
    target_ = host.child("metadata/identity/oauth2/token");
    target_.query = "api-version=2018-02-01" + question(settings, "object_id", "msi_res_id");
    header_ = {"Metadata", "true"};
    retry_ = {.gone_for = std::chrono::seconds(70), .absent_may_pass = true};
    answered_ = probe == metadata_probe::off;
  }

  /// What the token is for and, if that is said, which identity is meant.
  static std::string question(const azure_credential_settings& settings, const char* object_id, const char* resource_id) {
    std::string_view resource = settings.scope;
    if (constexpr std::string_view suffix = "/.default"; resource.ends_with(suffix)) resource.remove_suffix(suffix.size());
    std::string out = "&resource=" + percent_encoded_value(resource);
    const managed_identity& which = settings.identity;
    const int given = (which.client_id.empty() ? 0 : 1) + (which.object_id.empty() ? 0 : 1) + (which.resource_id.empty() ? 0 : 1);
    if (given > 1)
      core::fail(error_cause::invalid_argument,
                 "managed_identity: client_id, object_id and resource_id name the same thing; give one of them");
    const auto add = [&out](const char* name, const std::string& value) {
      if (!value.empty()) out += std::string("&") + name + "=" + percent_encoded_value(value);
    };
    add(object_id, which.object_id);
    add(resource_id, which.resource_id);
    add("client_id", given == 0 ? settings.variables("AZURE_CLIENT_ID").value_or("") : which.client_id);
    return out;
  }

  token_pause pause_;
  url target_;
  http_header header_;
  token_retry retry_;
  std::atomic<bool> answered_{true};
  Transport patient_;
  Transport probing_;
};

}  // namespace larder::remote
