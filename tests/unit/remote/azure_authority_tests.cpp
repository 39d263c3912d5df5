#include <larder/remote/azure_authority.hpp>
#include <larder/remote/curl_transport.hpp>

#include "azure_fixture.hpp"

#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

using namespace larder::azure_tests;

namespace {

/// A transport by which nothing may be sent.
struct unused {
  explicit unused(const remote::transport_settings&) {}
  remote::http_response send(const remote::http_request&) { throw std::logic_error("sent"); }
};

constexpr const char* guid = "72f988bf-86f1-41af-91ab-2d7cd011db47";

/// Where the tenant's tokens are asked for, by a host that the environment may name.
std::string endpoint_of(const std::optional<std::string>& host, const std::string& tenant = guid,
                        bool unencrypted_loopback = false) {
  variables values;
  if (host) values.set("AZURE_AUTHORITY_HOST", *host);
  pauses waited;
  remote::azure_credential_settings settings = settings_of(values, waited);
  settings.unencrypted_loopback = unencrypted_loopback;
  return remote::azure_authority<unused>(settings, tenant).endpoint().text();
}
std::optional<larder::error> refusal_of(const std::optional<std::string>& host, const std::string& tenant = guid,
                                        bool unencrypted_loopback = false) {
  const std::optional<larder::error> thrown = failure_of([&] { endpoint_of(host, tenant, unencrypted_loopback); });
  if (thrown) CHECK(thrown->cause() == error_cause::invalid_argument);
  return thrown;
}

}  // namespace

TEST_CASE("a tenant's tokens are asked for at the public cloud, or at the host that the environment names, below its path") {
  const std::string path = std::string("/") + guid + "/oauth2/v2.0/token";
  CHECK(endpoint_of(std::nullopt) == "https://login.microsoftonline.com" + path);
  CHECK(endpoint_of("https://login.microsoftonline.us") == "https://login.microsoftonline.us" + path);
  CHECK(endpoint_of("https://login.microsoftonline.us/") == "https://login.microsoftonline.us" + path);
  CHECK(endpoint_of("HTTPS://Login.Example:8443/adfs/") == "https://login.example:8443/adfs" + path);
  CHECK(endpoint_of(std::nullopt, "contoso.onmicrosoft.com") ==
        "https://login.microsoftonline.com/contoso.onmicrosoft.com/oauth2/v2.0/token");
}

TEST_CASE("secrets go to https only, and to this machine unencrypted only where the settings say so") {
  for (const bool unencrypted_loopback : {false, true})
    for (const char* const host : {"http://login.microsoftonline.com", "http://10.0.0.1", "http://0.0.0.0:80",
                                   "http://127.0.0.1.example", "http://localhost.example"}) {
      CAPTURE(host);
      CHECK(says(refusal_of(host, guid, unencrypted_loopback), "AZURE_AUTHORITY_HOST"));
      CHECK(says(refusal_of(host, guid, unencrypted_loopback), "is not https"));
    }
  for (const char* const host : {"http://127.0.0.1:5000", "http://localhost:5000", "http://[::1]:5000"}) {
    CAPTURE(host);
    CHECK(says(refusal_of(host), "is not https"));
    CHECK(endpoint_of(host, "t", true) == std::string(host) + "/t/oauth2/v2.0/token");
  }
  CHECK(endpoint_of("https://127.0.0.1:5000", "t") == "https://127.0.0.1:5000/t/oauth2/v2.0/token");
}

TEST_CASE("a host that is none, or says more than where, is refused by the variable's name") {
  for (const char* const host :
       {"login.microsoftonline.com", "ftp://login.example", "https://", "https://login.example/?x=PLANTED",
        "https://user:PLANTED@login.example", "https://login.example/../x", "https://login.example/#PLANTED"}) {
    CAPTURE(host);
    CHECK(says(refusal_of(host), "AZURE_AUTHORITY_HOST"));
  }
}

TEST_CASE("a tenant that could be more than one segment of a path is refused, and not repeated") {
  for (const std::string tenant :
       {"", ".", "..", ".example", "-t", "PLANTED/..", "PLANTED/x", "PLANTED?x=y", "PLANTED#", "PLANTED%2f", "PLANTED x",
        "PLANTED\\x", "PLANTED:x", "PLANTED@x", "PLANTED_x", "PLANTED\r\n", "PLANTED\xc3\xa9"}) {
    CAPTURE(tenant);
    CHECK(says(refusal_of(std::nullopt, tenant), "AZURE_TENANT_ID: letters, digits, - and . only"));
  }
  CHECK(says(refusal_of(std::nullopt, std::string("PLANTED\0x", 9)), "AZURE_TENANT_ID"));
  for (const char* const tenant : {"t", "common", "a-b.c", "0.example"}) CHECK_FALSE(refusal_of(std::nullopt, tenant));
}

TEST_CASE("an exchange sends its fields in their order behind what the authority adds, form-encoded, and reads the token") {
  scripted_server directory(
      [](const scripted_request&) -> scripted_answer { return {.body = R"({"expires_in":60,"access_token":"ey.token"})"}; });
  const variables values(variables::map{{"AZURE_AUTHORITY_HOST", directory.url() + "/base"}});
  pauses waited;
  remote::azure_authority<remote::curl_transport> authority(settings_of(values, waited), "t");
  CHECK(directory.count() == 0);
  const remote::access_token token =
      authority.exchange({{"client_id", "a b"}, {"client_secret", planted}, {"empty", ""}}, {}, asked_at);
  CHECK(token.text.reveal() == "ey.token");
  CHECK(token.expires == asked_at + 60s);
  const std::vector<scripted_request> seen = directory.requests();
  REQUIRE(seen.size() == 1);
  CHECK(seen[0].method == "POST");
  CHECK(seen[0].target == "/base/t/oauth2/v2.0/token");
  CHECK(seen[0].header("content-type") == "application/x-www-form-urlencoded");
  CHECK(seen[0].header("accept") == "application/json");
  CHECK(seen[0].body ==
        "grant_type=client_credentials&scope=https%3A%2F%2Fstorage.azure.com%2F.default&client_id=a%20b&client_secret=PLANTED-"
        "SECRET~%2B%2F%3D%26%25&empty=");
}

TEST_CASE("of a refusal the known code and a plausible number are told, of others the status alone") {
  const auto refused = [](int status, const std::string& body) {
    scripted_server directory([&](const scripted_request&) -> scripted_answer { return {.status = status, .body = body}; });
    const variables values(variables::map{{"AZURE_AUTHORITY_HOST", directory.url()}});
    pauses waited;
    remote::azure_authority<remote::curl_transport> authority(settings_of(values, waited), "t");
    const std::optional<larder::error> thrown = failure_of([&] {
      authority.exchange({{"client_secret", planted}}, {}, asked_at);
    });
    REQUIRE(thrown);
    CHECK(thrown->cause() == error_cause::unauthorized);
    CHECK(directory.count() == 1);
    const std::string text = thrown->what();
    const std::size_t from = text.find("answered ") + 9;
    return text.substr(from, text.find(';') - from);
  };
  CHECK(refused(400, R"({"error":"invalid_grant","error_codes":[700016],"error_description":"PLANTED"})") ==
        "400 (invalid_grant, AADSTS700016)");
  CHECK(refused(401, R"({"error":"invalid_client"})") == "401 (invalid_client)");
  CHECK(refused(403, R"({"error_codes":[99999999]})") == "403 (AADSTS99999999)");
  CHECK(refused(403, R"({"error":"PLANTED","error_codes":[100000000]})") == "403");
  CHECK(refused(400, "PLANTED") == "400");
}

TEST_CASE("a directory that is busy is asked twice more, and then its status is the failure") {
  scripted_server directory([](const scripted_request&) -> scripted_answer { return {.status = 503}; });
  const variables values(variables::map{{"AZURE_AUTHORITY_HOST", directory.url()}});
  pauses waited;
  remote::azure_authority<remote::curl_transport> authority(settings_of(values, waited), "t");
  const std::optional<larder::error> thrown = failure_of([&] { authority.exchange({}, {}, asked_at); });
  CHECK(says(thrown, "answered 503"));
  CHECK(directory.count() == 3);
  CHECK(waited.spans().size() == 2);
}
