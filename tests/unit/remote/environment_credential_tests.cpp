#include <larder/remote/environment_credential.hpp>
#include <larder/remote/token_cache.hpp>

#include "azure_fixture.hpp"

#include <atomic>
#include <map>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

using namespace larder::azure_tests;

namespace {

using credential = remote::environment_credential<>;
static_assert(remote::token_credential<credential>);

variables environment_for(const scripted_server& directory) {
  return variables({{"AZURE_TENANT_ID", "tenant-1"},
                    {"AZURE_CLIENT_ID", "client 1"},
                    {"AZURE_CLIENT_SECRET", planted},
                    {"AZURE_AUTHORITY_HOST", directory.url() + "/"}});
}

}  // namespace

TEST_CASE("the directory service is asked as RFC 6749 says, and its token is given") {
  scripted_server directory([](const scripted_request&) -> scripted_answer {
    return {.headers = {{"Content-Type", "application/json"}},
            .body = R"({"token_type":"Bearer","expires_in":3599,"ext_expires_in":3599,"access_token":"ey.token"})"};
  });
  const variables values = environment_for(directory);
  pauses waited;
  credential subject(settings_of(values, waited));
  CHECK(directory.count() == 0);  // construction sends nothing
  const remote::access_token token = subject.fetch({}, asked_at);
  CHECK(token.text.reveal() == "ey.token");
  CHECK(token.expires == asked_at + 3599s);
  const std::vector<scripted_request> seen = directory.requests();
  REQUIRE(seen.size() == 1);
  CHECK(seen[0].method == "POST");
  CHECK(seen[0].target == "/tenant-1/oauth2/v2.0/token");
  CHECK(seen[0].header("content-type") == "application/x-www-form-urlencoded");
  CHECK(seen[0].body ==
        "grant_type=client_credentials&scope=https%3A%2F%2Fstorage.azure.com%2F.default&client_id=client%201&client_secret="
        "PLANTED-SECRET~%2B%2F%3D%26%25");
}

TEST_CASE("the settings' tenant and scope are used in place of the environment's and the default") {
  scripted_server directory(
      [](const scripted_request&) -> scripted_answer { return {.body = R"({"expires_in":60,"access_token":"t"})"}; });
  const variables values = environment_for(directory);
  pauses waited;
  remote::azure_credential_settings settings = settings_of(values, waited);
  settings.tenant = "other.example";
  settings.scope = "https://vault.azure.net/.default";
  credential(settings).fetch({}, asked_at);
  CHECK(directory.requests().at(0).target == "/other.example/oauth2/v2.0/token");
  CHECK(directory.requests().at(0).body.find("scope=https%3A%2F%2Fvault.azure.net%2F.default&") != std::string::npos);
}

TEST_CASE("variables that are not set make the credential unavailable, and are named") {
  pauses waited;
  variables values(variables::map{{"AZURE_CLIENT_ID", "c"}});
  try {
    const credential subject(settings_of(values, waited));
    FAIL("nothing was thrown");
  } catch (const remote::credential_unavailable& thrown) {
    CHECK(std::string(thrown.what()) == "larder: AZURE_TENANT_ID, AZURE_CLIENT_SECRET are not set");
  }
  values.set("AZURE_TENANT_ID", "t");
  CHECK(says(failure_of([&] { credential(settings_of(values, waited)); }), "AZURE_CLIENT_SECRET is not set"));
}

TEST_CASE("settings that cannot work, or would send the secret unencrypted, are refused when the credential is made") {
  pauses waited;
  const auto refused = [&](const variables& values, bool loopback = true) {
    remote::azure_credential_settings settings = settings_of(values, waited);
    settings.unencrypted_loopback = loopback;
    const std::optional<larder::error> thrown = failure_of([&] { credential{settings}; });
    return thrown && thrown->cause() == error_cause::invalid_argument;
  };
  const std::map<std::string, std::string> right{
      {"AZURE_TENANT_ID", "t"}, {"AZURE_CLIENT_ID", "c"}, {"AZURE_CLIENT_SECRET", planted}};
  const auto with = [&](const char* name, const char* value) {
    auto changed = right;
    changed[name] = value;
    return variables(changed);
  };
  CHECK(!refused(with("AZURE_AUTHORITY_HOST", "https://login.example")));
  CHECK(!refused(with("AZURE_AUTHORITY_HOST", "http://127.0.0.1:1")));
  CHECK(refused(with("AZURE_AUTHORITY_HOST", "http://127.0.0.1:1"), false));
  for (const char* host : {"http://login.example", "http://127.0.0.1.example", "login.example", "ftp://login.example", "https://",
                           "https://u:PLANTED@login.example", "https://login.example?PLANTED"}) {
    CAPTURE(host);
    CHECK(refused(with("AZURE_AUTHORITY_HOST", host)));
  }
  for (const char* tenant : {"a/b", "..", ".", "-t", "a b", "a?b", "a%2fb", "a\r\nb", "\xc3\xa9"}) {
    CAPTURE(tenant);
    CHECK(refused(with("AZURE_TENANT_ID", tenant)));
  }
  const variables values(right);
  remote::azure_credential_settings settings = settings_of(values, waited);
  settings.scope = "https://storage.azure.com/.default https://other/.default";
  CHECK(failure_of([&] { credential{settings}; }));
  settings = settings_of(values, waited);
  settings.variables = nullptr;
  CHECK(failure_of([&] { credential{settings}; }));
}

TEST_CASE("a refusal says the service's code and number, and none of its sentences") {
  scripted_server directory([](const scripted_request& asked) -> scripted_answer {
    return {.status = 401,
            .body = R"({"error":"invalid_client","error_description":"AADSTS7000215: Invalid secret )" + asked.body +
                    R"(","error_codes":[7000215],"trace_id":"x"})"};
  });
  const variables values = environment_for(directory);
  pauses waited;
  credential subject(settings_of(values, waited));
  const std::optional<larder::error> thrown = failure_of([&] { subject.fetch({}, asked_at); });
  REQUIRE(thrown);
  CHECK(thrown->cause() == error_cause::unauthorized);
  CHECK(says(thrown, "answered 401 (invalid_client, AADSTS7000215); check the tenant"));
  CHECK(directory.count() == 1);  // final: not asked again
}

TEST_CASE("refusals and answers of every kind become failures that hold no secret") {
  scripted_answer next;
  std::mutex mutex;
  scripted_server directory([&](const scripted_request& asked) -> scripted_answer {
    const std::lock_guard guard(mutex);
    scripted_answer answer = next;
    if (const std::size_t at = answer.body.find("ECHO"); at != std::string::npos)
      answer.body.replace(at, 4, std::string(planted) + asked.body);
    return answer;
  });
  const variables values = environment_for(directory);
  pauses waited;
  credential subject(settings_of(values, waited));
  const std::string deep = std::string(100, '[') + std::string(100, ']');
  const std::vector<scripted_answer> answers{
      {.body = "ECHO"},
      {.body = R"({"access_token":"ECHO"})"},
      {.body = R"({"access_token":"ECHO","expires_in":0})"},
      {.body = std::string(70'000, 'x')},
      {.body = ""},
      {.status = 204},
      {.status = 302, .headers = {{"Location", "http://127.0.0.1/PLANTED"}}},
      {.status = 400, .body = "ECHO"},
      {.status = 400, .body = R"({"error":"ECHO","error_codes":["ECHO"]})"},
      {.status = 400, .body = R"({"error":{"error":"PLANTED"},"error_codes":{}})"},
      {.status = 400, .body = R"({"error":"PLANTED","error_codes":[18446744073709551615]})"},
      {.status = 400, .body = R"({"error_codes":)" + deep + "}"},
      {.status = 401, .body = ""},
      {.status = 403, .body = "ECHO"},
      {.status = 404, .body = "ECHO"},
      {.status = 429, .body = "ECHO"},
      {.status = 500, .body = "ECHO"},
      {.status = 503, .headers = {{"Retry-After", "PLANTED"}}, .body = "ECHO"},
      {.verbatim = ""},
      {.verbatim = "HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nPLANTED"},
      {.verbatim = "PLANTED\r\n\r\n"},
      {.verbatim = "HTTP/1.1 200 OK\r\nContent-Encoding: PLANTED\r\nContent-Length: 0\r\n\r\n"},
  };
  for (std::size_t i = 0; i < answers.size(); ++i) {
    CAPTURE(i);
    {
      const std::lock_guard guard(mutex);
      next = answers[i];
    }
    CHECK(failure_of([&] { subject.fetch({}, asked_at); }));
  }
  {
    const std::lock_guard guard(mutex);
    next = {.body = R"({"access_token":"t","expires_in":60})"};
  }
  CHECK(subject.fetch({}, asked_at).text.reveal() == "t");
}

TEST_CASE("a directory that is busy is asked three times, after the pause that it asks for") {
  std::atomic<int> busy{2};
  scripted_server directory([&](const scripted_request&) -> scripted_answer {
    if (busy-- > 0) return {.status = 429, .headers = {{"Retry-After", "3"}}};
    return {.body = R"({"access_token":"t","expires_in":60})"};
  });
  const variables values = environment_for(directory);
  pauses waited;
  credential subject(settings_of(values, waited));
  CHECK(subject.fetch({}, asked_at).text.reveal() == "t");
  CHECK(waited.spans() == std::vector<std::chrono::milliseconds>{3s, 3s});
  busy = 100;
  CHECK(says(failure_of([&] { subject.fetch({}, asked_at); }), "answered 429"));
  CHECK(directory.count() == 6);
}

TEST_CASE("nobody listening is a failure of the network, after three tries") {
  std::string nowhere;
  {
    const scripted_server gone([](const scripted_request&) -> scripted_answer { return {}; });
    nowhere = gone.url();
  }
  const variables values(
      {{"AZURE_TENANT_ID", "t"}, {"AZURE_CLIENT_ID", "c"}, {"AZURE_CLIENT_SECRET", planted}, {"AZURE_AUTHORITY_HOST", nowhere}});
  pauses waited;
  credential subject(settings_of(values, waited));
  const std::optional<larder::error> thrown = failure_of([&] { subject.fetch({}, asked_at); });
  REQUIRE(thrown);
  CHECK(thrown->cause() == error_cause::network);
  CHECK(waited.spans() == std::vector<std::chrono::milliseconds>{800ms, 1600ms});
}

TEST_CASE("a stop ends the pauses between tries") {
  scripted_server directory([](const scripted_request&) -> scripted_answer { return {.status = 503}; });
  const variables values = environment_for(directory);
  pauses waited;
  std::stop_source stop;
  waited.on_pause = [&](const std::stop_token&) { stop.request_stop(); };
  credential subject(settings_of(values, waited));
  const std::optional<larder::error> thrown = failure_of([&] { subject.fetch(stop.get_token(), asked_at); });
  REQUIRE(thrown);
  CHECK(thrown->cause() == error_cause::cancelled);
  CHECK(directory.count() == 1);
}

TEST_CASE("the pause that credentials use by themselves ends at once when a stop is requested") {
  std::stop_source stop;
  std::thread stopping([&] { stop.request_stop(); });
  remote::pause_unless_stopped(1h, stop.get_token());
  stopping.join();
  remote::pause_unless_stopped(0ms, {});
}
