#include <larder/remote/curl_transport.hpp>
#include <larder/remote/managed_identity_credential.hpp>
#include <larder/remote/token_cache.hpp>

#include "azure_fixture.hpp"
#include "closed_proxy.hpp"

#include <atomic>
#include <deque>
#include <mutex>
#include <stop_token>
#include <string>
#include <vector>

using namespace larder::azure_tests;
using remote_settings = larder::remote::azure_credential_settings;

namespace {

using credential = remote::managed_identity_credential<>;
static_assert(remote::token_credential<credential>);

constexpr const char* reply =
    R"({"access_token":"ey.token","client_id":"c","expires_in":"86399","expires_on":"1700086399","not_before":"1699999999","resource":"https://storage.azure.com","token_type":"Bearer"})";

/// A metadata service that gives the answers which a test has laid down, and then tokens.
struct metadata_service {
  std::mutex mutex;
  std::deque<scripted_answer> ahead;
  scripted_server server{[this](const scripted_request&) -> scripted_answer {
    const std::lock_guard guard(mutex);
    if (ahead.empty()) return {.body = reply};
    scripted_answer next = ahead.front();
    ahead.pop_front();
    return next;
  }};
  pauses waited;
  variables values{variables::map{{"AZURE_POD_IDENTITY_AUTHORITY_HOST", server.url()}}};

  void lay_down(std::size_t times, const scripted_answer& answer) {
    const std::lock_guard guard(mutex);
    ahead.insert(ahead.end(), times, answer);
  }
  remote_settings settings() { return settings_of(values, waited); }
};

/// A transport that notes its limits and fails as a network does where nobody answers.
struct nobody {
  explicit nobody(const remote::transport_settings& settings) : connect(settings.timeouts.connect) {}
  remote::http_response send(const remote::http_request& request) {
    limits().push_back(connect);
    throw larder::error(error_cause::timeout, request.method + " " + request.target.printable() + " timed out");
  }
  static std::vector<std::chrono::milliseconds>& limits() {
    static std::vector<std::chrono::milliseconds> seen;
    return seen;
  }
  std::chrono::milliseconds connect;
};

}  // namespace

TEST_CASE("the metadata service is asked as its manual says, and its texts are read as numbers") {
  metadata_service service;
  credential subject(service.settings());
  CHECK(service.server.count() == 0);
  const remote::access_token token = subject.fetch({}, asked_at);
  CHECK(token.text.reveal() == "ey.token");
  CHECK(token.expires == asked_at + 86'399s);
  REQUIRE(service.server.count() == 1);
  const scripted_request seen = service.server.requests()[0];
  CHECK(seen.method == "GET");
  CHECK(seen.target == "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Fstorage.azure.com");
  CHECK(seen.header("metadata") == "true");
}

TEST_CASE("without a variable the metadata service is the link-local one") {
  const variables values;
  pauses waited;
  CHECK(credential(settings_of(values, waited)).endpoint().printable() ==
        "http://169.254.169.254/metadata/identity/oauth2/token");
}

TEST_CASE("one of a machine's identities is named by the field that is given, or by AZURE_CLIENT_ID") {
  metadata_service service;
  service.values.set("AZURE_CLIENT_ID", "of the environment");
  const auto query_for = [&](const remote::managed_identity& which) {
    remote_settings settings = service.settings();
    settings.identity = which;
    const std::string query = credential(settings).endpoint().query;
    return query.substr(query.rfind('&') + 1);
  };
  CHECK(query_for({}) == "client_id=of%20the%20environment");
  CHECK(query_for({.client_id = "c&d"}) == "client_id=c%26d");
  CHECK(query_for({.object_id = "o"}) == "object_id=o");
  CHECK(query_for({.resource_id = "/subscriptions/s"}) == "msi_res_id=%2Fsubscriptions%2Fs");
  CHECK(says(failure_of([&] { query_for({.client_id = "c", .object_id = "o"}); }), "give one of them"));
}

TEST_CASE("App Service is asked with its header, and needs no probe") {
  metadata_service service;
  service.values.set("IDENTITY_ENDPOINT", service.server.url() + "/msi/token");
  service.values.set("IDENTITY_HEADER", planted);
  remote_settings settings = service.settings();
  settings.identity = {.resource_id = "/r"};
  credential subject(settings);
  CHECK(subject.fetch({}, asked_at).text.reveal() == "ey.token");
  const scripted_request seen = service.server.requests().at(0);
  CHECK(seen.target == "/msi/token?api-version=2019-08-01&resource=https%3A%2F%2Fstorage.azure.com&mi_res_id=%2Fr");
  CHECK(seen.header("x-identity-header") == planted);
  service.lay_down(1, {.status = 500, .body = planted});
  CHECK(subject.fetch({}, asked_at).text.reveal() == "ey.token");
  service.lay_down(1, {.status = 404, .body = planted});  // final there
  CHECK(says(failure_of([&] { subject.fetch({}, asked_at); }), "answered 404"));
}

TEST_CASE("platforms that are not supported say so, and settings that cannot work are refused") {
  metadata_service service;
  service.values.set("IDENTITY_ENDPOINT", "http://localhost:40342/metadata/identity/oauth2/token");
  CHECK_THROWS_AS(credential{service.settings()}, remote::credential_unavailable);
  CHECK(says(failure_of([&] { credential{service.settings()}; }), "Azure Arc"));
  service.values.set("IDENTITY_HEADER", planted);
  service.values.set("IDENTITY_SERVER_THUMBPRINT", "t");
  CHECK(says(failure_of([&] { credential{service.settings()}; }), "Service Fabric"));
  service.values.erase("IDENTITY_SERVER_THUMBPRINT");
  service.values.set("IDENTITY_HEADER", "PLANTED\r\nX: y");
  CHECK(says(failure_of([&] { credential{service.settings()}; }), "IDENTITY_HEADER has characters"));
  service.values.set("IDENTITY_HEADER", planted);
  service.values.set("IDENTITY_ENDPOINT", "http://localhost/?PLANTED");
  CHECK(says(failure_of([&] { credential{service.settings()}; }), "has a query"));
  service.values.erase("IDENTITY_ENDPOINT");
  service.values.set("AZURE_POD_IDENTITY_AUTHORITY_HOST", "http://127.0.0.1?x=PLANTED");
  CHECK(says(failure_of([&] { credential{service.settings()}; }), "has a query"));
  service.values.set("AZURE_POD_IDENTITY_AUTHORITY_HOST", "nowhere");
  CHECK(says(failure_of([&] { credential{service.settings()}; }), "AZURE_POD_IDENTITY_AUTHORITY_HOST"));
}

TEST_CASE("where nobody answers the service is asked once, with a second to connect, each time") {
  const variables values;
  pauses waited;
  nobody::limits().clear();
  remote::managed_identity_credential<nobody> subject(settings_of(values, waited));
  for (int i = 0; i < 2; ++i) {
    CHECK_THROWS_AS(subject.fetch({}, asked_at), remote::credential_unavailable);
    CHECK(says(failure_of([&] { subject.fetch({}, asked_at); }),
               "no metadata service answers at http://169.254.169.254/metadata/identity/oauth2/token (timeout)"));
  }
  CHECK(nobody::limits() == std::vector<std::chrono::milliseconds>(4, 1s));
  CHECK(waited.spans().empty());
}

TEST_CASE("where the machine is known to be Azure's the service is asked patiently from the start") {
  const variables values;
  pauses waited;
  nobody::limits().clear();
  remote::managed_identity_credential<nobody> subject(settings_of(values, waited), remote::metadata_probe::off);
  const std::optional<larder::error> thrown = failure_of([&] { subject.fetch({}, asked_at); });
  REQUIRE(thrown);
  CHECK(thrown->cause() == error_cause::timeout);
  CHECK(nobody::limits() == std::vector<std::chrono::milliseconds>(6, 5s));
  CHECK(waited.spans() == std::vector<std::chrono::milliseconds>{800ms, 1600ms, 3200ms, 6400ms, 12'800ms});
}

TEST_CASE("a service that has answered once is asked patiently from then on, also when it falls silent") {
  metadata_service service;
  credential subject(service.settings());
  subject.fetch({}, asked_at);
  service.lay_down(2, {.verbatim = ""});
  CHECK(subject.fetch({}, asked_at).text.reveal() == "ey.token");
}

TEST_CASE("busy answers of each kind are asked about five times more, with doubled pauses") {
  for (const int status : {404, 429, 500, 503}) {
    CAPTURE(status);
    metadata_service service;
    credential subject(service.settings());
    service.lay_down(5, {.status = status});
    CHECK(subject.fetch({}, asked_at).text.reveal() == "ey.token");
    CHECK(service.server.count() == 6);
    CHECK(service.waited.spans() == std::vector<std::chrono::milliseconds>{800ms, 1600ms, 3200ms, 6400ms, 12'800ms});
    service.lay_down(6, {.status = status});
    CHECK(says(failure_of([&] { subject.fetch({}, asked_at); }), "answered " + std::to_string(status)));
    CHECK(service.server.count() == 12);
  }
}

TEST_CASE("an answer of 410 is asked about for at least seventy seconds in all") {
  metadata_service service;
  credential subject(service.settings());
  service.lay_down(100, {.status = 410});
  CHECK(says(failure_of([&] { subject.fetch({}, asked_at); }), "answered 410"));
  CHECK(service.waited.sum() >= 70s);
  CHECK(service.waited.sum() < 90s);
  CHECK(service.server.count() == service.waited.spans().size() + 1);
}

TEST_CASE("a stop ends the asking in a pause") {
  metadata_service service;
  credential subject(service.settings());
  service.lay_down(100, {.status = 410});
  std::stop_source stop;
  service.waited.on_pause = [&](const std::stop_token&) {
    if (service.server.count() == 3) stop.request_stop();
  };
  const std::optional<larder::error> thrown = failure_of([&] { subject.fetch(stop.get_token(), asked_at); });
  REQUIRE(thrown);
  CHECK(thrown->cause() == error_cause::cancelled);
  CHECK(service.server.count() == 3);
}

TEST_CASE("a machine without an identity, and one of another cloud, make the credential unavailable at once") {
  for (const scripted_answer& answer : std::vector<scripted_answer>{
           {.status = 400, .body = R"({"error":"invalid_request","error_description":"PLANTED Identity not found"})"},
           {.status = 401},
           {.status = 403, .body = planted},
           {.status = 404, .headers = {{"Server", "EC2ws"}}},
           {.status = 404, .headers = {{"Metadata-Flavor", "Google"}}}}) {
    CAPTURE(answer.status);
    metadata_service service;
    credential subject(service.settings());
    service.lay_down(1, answer);
    bool unavailable = false;
    CHECK(failure_of([&] {
      try {
        subject.fetch({}, asked_at);
      } catch (const remote::credential_unavailable&) {
        unavailable = true;
        throw;
      }
    }));
    CHECK(unavailable);
    CHECK(service.server.count() == 1);
  }
}

TEST_CASE("replies that cannot be used are failures without their words") {
  metadata_service service;
  credential subject(service.settings());
  for (const scripted_answer& answer :
       std::vector<scripted_answer>{{.body = planted},
                                    {.body = R"({"access_token":"PLANTED"})"},
                                    {.status = 302, .headers = {{"Location", "http://127.0.0.1/PLANTED"}}},
                                    {.body = std::string(70'000, 'x')}}) {
    service.lay_down(1, answer);
    CHECK(failure_of([&] { subject.fetch({}, asked_at); }));
  }
}

TEST_CASE("neither the metadata service nor App Service is asked through the proxy that the environment names") {
  const larder::test::closed_proxy proxy;
  metadata_service service;
  const std::string address = larder::test::closed_proxy::unlike_loopback(service.server.port());
  remote::http_request other;
  other.target = remote::parse_url(address);
  CHECK(failure_of([&] { remote::curl_transport({}).send(other); }));  // what goes through it does not come
  CHECK(service.server.count() == 0);

  service.values.set("AZURE_POD_IDENTITY_AUTHORITY_HOST", address);
  credential machine(service.settings());
  CHECK(machine.fetch({}, asked_at).text.reveal() == "ey.token");  // probing
  CHECK(machine.fetch({}, asked_at).text.reveal() == "ey.token");  // patiently
  service.values.set("IDENTITY_ENDPOINT", address + "/msi/token");
  service.values.set("IDENTITY_HEADER", planted);
  CHECK(credential(service.settings()).fetch({}, asked_at).text.reveal() == "ey.token");
  const std::vector<scripted_request> seen = service.server.requests();
  REQUIRE(seen.size() == 3);
  for (const scripted_request& each : seen) CHECK(each.target.starts_with("/m"));  // a proxy would be asked for the whole address
}
