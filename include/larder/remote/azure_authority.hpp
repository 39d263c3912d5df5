#pragma once

#include <larder/core/bytes.hpp>
#include <larder/core/error.hpp>
#include <larder/core/time.hpp>
#include <larder/remote/access_token.hpp>
#include <larder/remote/azure_credential_settings.hpp>
#include <larder/remote/http.hpp>
#include <larder/remote/secret.hpp>
#include <larder/remote/token_retry.hpp>
#include <larder/remote/url.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

#include <simdjson.h>

namespace larder::remote {

/// The directory service of a tenant (Microsoft Entra ID), which gives tokens to programs: OAuth 2.0, client credentials (RFC
/// 6749 section 4.4). `Transport` is made from `transport_settings`. Safe from many threads.
template <http_transport Transport>
class azure_authority {
 public:
  struct field {
    std::string_view name;
    std::string_view value;
  };

  /// Sends nothing. `tenant` is the directory's id or domain; the host comes from AZURE_AUTHORITY_HOST, else it is the public
  /// cloud's.
  azure_authority(const azure_credential_settings& settings, const std::string& tenant)
      : endpoint_(endpoint_of(settings, tenant)),
        scope_(settings.scope),
        pause_(settings.pause),
        transport_(settings.transport) {}

  const url& endpoint() const noexcept { return endpoint_; }

  /// A token for these fields beside `grant_type` and `scope`. Throws `larder::error`: unauthorized with the service's code
  /// when it refuses.
  access_token exchange(std::initializer_list<field> fields, const std::stop_token& stop, instant asked_at) {
    const secret form = form_of(fields);
    const bytes body(nullptr, form.reveal().data(), form.reveal().size());
    http_request request;
    request.method = "POST";
    request.target = endpoint_;
    request.headers.push_back({"Content-Type", "application/x-www-form-urlencoded"});
    request.headers.push_back({"Accept", "application/json"});
    request.body = {&body, 1};
    request.has_body = true;
    request.max_body = token_reply_limit;
    request.stop = stop;
    const http_response answer = token_retry{.more_tries = 2}.send(transport_, request, pause_);
    if (answer.status == 200)
      return access_token_reader::read(answer.body.text(), "the reply of " + endpoint_.printable(), asked_at);
    if (answer.status == 400 || answer.status == 401 || answer.status == 403) refused(answer);
    fail_status(request, answer.status);
  }

 private:
  static url endpoint_of(const azure_credential_settings& settings, const std::string& tenant) {
    constexpr const char* variable = "AZURE_AUTHORITY_HOST";
    if (!is_plain_word(tenant, "-.") || tenant.front() == '.')
      core::fail(error_cause::invalid_argument,
                 "AZURE_TENANT_ID: letters, digits, - and . only; give the directory's id (a GUID) or its domain");
    url host = parse_url(settings.variables(variable).value_or("https://login.microsoftonline.com"), variable);
    if (!host.query.empty())
      core::fail(error_cause::invalid_argument,
                 std::string(variable) + ": \"" + host.printable() + "\" has a query; give the host alone");
    if (!host.encrypted() && !(settings.unencrypted_loopback && host.is_loopback()))
      core::fail(error_cause::invalid_argument, std::string(variable) + ": \"" + host.printable() +
                                                    "\" is not https, and secrets would be sent there; write https://");
    return host.child(tenant + "/oauth2/v2.0/token");
  }

  secret form_of(std::initializer_list<field> fields) const {
    const auto for_each = [&](auto&& f) {
      f(field{"grant_type", "client_credentials"});
      f(field{"scope", scope_});
      for (const field& each : fields) f(each);
    };
    std::size_t longest = 0;
    for_each([&](const field& each) { longest += each.name.size() + 3 * each.value.size() + 2; });
    std::string text;
    text.reserve(longest);  // so that no copy is left behind as it grows
    for_each([&](const field& each) {
      if (!text.empty()) text += '&';
      text += each.name;
      text += '=';
      append_percent_encoded(text, each.value);
    });
    secret form(text);
    std::fill(text.begin(), text.end(), '\0');
    return form;
  }

  /// Of what the service wrote only a code that is known and a number are repeated: the rest may hold what it was sent.
  [[noreturn]] void refused(const http_response& answer) const {
    constexpr std::array<std::string_view, 9> codes{"invalid_request",        "invalid_client",       "invalid_grant",
                                                    "invalid_scope",          "invalid_resource",     "unauthorized_client",
                                                    "unsupported_grant_type", "interaction_required", "temporarily_unavailable"};
    std::string message = "POST " + endpoint_.printable() + " answered " + std::to_string(answer.status);
    const std::string_view body = answer.body.text();
    constexpr std::size_t deepest = 8;
    simdjson::dom::parser parser;
    simdjson::dom::element root;
    std::string_view code;
    std::uint64_t number = 0;
    if (!body.empty() && body.size() <= token_reply_limit && parser.allocate(body.size(), deepest) == simdjson::SUCCESS &&
        parser.parse(body.data(), body.size(), true).get(root) == simdjson::SUCCESS) {
      std::string known;
      if (root["error"].get(code) == simdjson::SUCCESS && std::find(codes.begin(), codes.end(), code) != codes.end())
        known = code;
      if (root["error_codes"].at(0).get(number) == simdjson::SUCCESS && number < 100'000'000)
        known += (known.empty() ? "AADSTS" : ", AADSTS") + std::to_string(number);
      if (!known.empty()) message += " (" + known + ")";
    }
    message += "; check the tenant, the client id and its secret or federation";
    core::fail(error_cause::unauthorized, message);
  }

  url endpoint_;
  std::string scope_;
  token_pause pause_;
  Transport transport_;
};

}  // namespace larder::remote
