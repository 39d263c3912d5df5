#include <larder/remote/azure_default_credential.hpp>

#include "azure_fixture.hpp"
#include "support/eventually.hpp"

#include <atomic>
#include <chrono>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

using namespace larder::azure_tests;
using larder::manual_clock;

namespace {

using credential = remote::basic_azure_default_credential<remote::curl_transport, manual_clock>;
static_assert(std::is_base_of_v<remote::token_source, remote::azure_default_credential>);
static_assert(remote::token_credential<remote::azure_credential_chain<>>);

std::string reply(const std::string& token) {
  return R"({"token_type":"Bearer","expires_in":"3600","access_token":")" + token + R"("})";
}

/// A directory service, a metadata service and an az, each of which can be made to fail; the environment has all that they need.
struct world {
  std::atomic<int> directory_status{200};
  std::atomic<int> metadata_status{200};
  scratch_folder folder;
  scripted_server directory{[this](const scripted_request& asked) -> scripted_answer {
    if (directory_status != 200)
      return {.status = directory_status, .body = R"({"error":"invalid_client","error_description":")" + asked.body + "\"}"};
    return {.body = reply(asked.body.find("client_assertion=") == std::string::npos ? "by-secret" : "by-file")};
  }};
  scripted_server metadata{[this](const scripted_request&) -> scripted_answer {
    if (metadata_status != 200) return {.status = metadata_status, .body = planted};
    return {.body = reply("by-machine")};
  }};
  variables values{variables::map{{"AZURE_TENANT_ID", "tenant-1"},
                                  {"AZURE_CLIENT_ID", "client-1"},
                                  {"AZURE_CLIENT_SECRET", planted},
                                  {"AZURE_FEDERATED_TOKEN_FILE", folder.write("token", "PLANTED-assertion")},
                                  {"AZURE_AUTHORITY_HOST", directory.url()},
                                  {"AZURE_POD_IDENTITY_AUTHORITY_HOST", metadata.url()},
                                  {"PATH", folder.path().string()}}};
  pauses waited;
  manual_clock clock{asked_at};

  world() { az(R"(echo '{"accessToken":"by-az","expires_on":1700003600,"tokenType":"Bearer"}')"); }
  void az(const std::string& script) { folder.write("az", "#!/bin/sh\n" + script + "\n", true); }
  std::unique_ptr<credential> make() {
    remote::azure_credential_settings settings = settings_of(values, waited);
    settings.command_time = 60s;
    return std::make_unique<credential>(settings, remote::token_renewal{}, larder::time_source<manual_clock>(clock));
  }
  std::string token() { return std::string(make()->token().reveal()); }
};

}  // namespace

TEST_CASE("the chain asks the secret, the file, the machine and az, in this order") {
  world w;
  CHECK(w.token() == "by-secret");
  w.values.erase("AZURE_CLIENT_SECRET");
  CHECK(w.token() == "by-file");
  w.values.erase("AZURE_FEDERATED_TOKEN_FILE");
  CHECK(w.token() == "by-machine");
  w.metadata_status = 400;
  CHECK(w.token() == "by-az");
}

TEST_CASE("a credential that is refused does not end the chain") {
  world w;
  w.directory_status = 401;
  CHECK(w.token() == "by-machine");
}

TEST_CASE("making the credential sends nothing and runs nothing") {
  world w;
  w.az("touch \"$(dirname \"$0\")/was-run\"");
  w.make();
  CHECK(w.directory.count() == 0);
  CHECK(w.metadata.count() == 0);
  CHECK(!std::filesystem::exists(w.folder.path() / "was-run"));
  const variables empty;
  CHECK_NOTHROW(remote::azure_default_credential{settings_of(empty, w.waited)});  // the CLI may be installed later
}

TEST_CASE("the first credential that works is kept, though an earlier one would work later, and though it fails later") {
  world w;
  w.directory_status = 401;
  const std::unique_ptr<credential> subject = w.make();
  CHECK(subject->kept().empty());
  CHECK(subject->token().reveal() == "by-machine");
  CHECK(subject->kept() == "ManagedIdentityCredential");
  const std::size_t asked = w.directory.count();
  w.directory_status = 200;
  w.clock += 1h;
  CHECK(subject->token().reveal() == "by-machine");
  CHECK(w.directory.count() == asked);
  w.metadata_status = 400;
  w.clock += 1h;
  CHECK(says(failure_of([&] { subject->token(); }), "answered 400"));
  CHECK(w.directory.count() == asked);
}

TEST_CASE("AZURE_TOKEN_CREDENTIALS narrows the chain") {
  world w;
  const auto token_with = [&](const char* choice) {
    w.values.set("AZURE_TOKEN_CREDENTIALS", choice);
    return w.token();
  };
  CHECK(token_with("dev") == "by-az");
  CHECK(token_with("prod") == "by-secret");
  CHECK(token_with("EnvironmentCredential") == "by-secret");
  CHECK(token_with("workloadidentitycredential") == "by-file");
  CHECK(token_with("ManagedIdentityCredential") == "by-machine");
  CHECK(token_with("AzureCLICredential") == "by-az");
  w.values.erase("AZURE_CLIENT_SECRET");
  w.values.erase("AZURE_FEDERATED_TOKEN_FILE");
  w.metadata_status = 400;
  const std::optional<larder::error> without_az = failure_of([&] { token_with("PROD"); });
  CHECK(says(without_az, "ManagedIdentityCredential: "));
  CHECK(std::string(without_az->what()).find("AzureCli") == std::string::npos);
}

TEST_CASE("a credential that is named must be set up, and a name must be known") {
  world w;
  w.values.erase("AZURE_CLIENT_SECRET");
  w.values.set("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential");
  CHECK(says(failure_of([&] { w.make(); }), "AZURE_CLIENT_SECRET is not set"));
  w.values.set("AZURE_TOKEN_CREDENTIALS", "PLANTED");
  const std::optional<larder::error> unknown = failure_of([&] { w.make(); });
  REQUIRE(unknown);
  CHECK(unknown->cause() == error_cause::invalid_argument);
  CHECK(says(unknown,
             "write one of prod, dev, EnvironmentCredential, WorkloadIdentityCredential, ManagedIdentityCredential, "
             "AzureCliCredential"));
}

TEST_CASE("settings that cannot work are refused when the credential is made, though another credential might do") {
  world w;
  w.values.set("AZURE_AUTHORITY_HOST", "http://directory.example");
  const std::optional<larder::error> thrown = failure_of([&] { w.make(); });
  REQUIRE(thrown);
  CHECK(thrown->cause() == error_cause::invalid_argument);
  CHECK(says(thrown, "is not https"));
  w.values.set("AZURE_AUTHORITY_HOST", w.directory.url());
  w.values.set("AZURE_TENANT_ID", "../other");
  CHECK(says(failure_of([&] { w.make(); }), "AZURE_TENANT_ID"));
}

TEST_CASE("when none works one error says of each why, and holds no secret") {
  world w;
  w.directory_status = 401;
  w.values.erase("AZURE_CLIENT_SECRET");
  w.metadata_status = 400;
  w.az("echo PLANTED; echo \"Please run 'az login'\" >&2; exit 1");
  const std::unique_ptr<credential> subject = w.make();
  const std::optional<larder::error> thrown = failure_of([&] { subject->token(); });
  REQUIRE(thrown);
  CHECK(thrown->cause() == error_cause::unauthorized);
  const std::string message = thrown->what();
  CHECK(message.find("larder: ", 1) == std::string::npos);
  CHECK(says(thrown, "no credential for Azure works"));
  CHECK(says(thrown, "\n  EnvironmentCredential: AZURE_CLIENT_SECRET is not set\n"));
  CHECK(says(thrown, "\n  WorkloadIdentityCredential: POST " + w.directory.url() +
                         "/tenant-1/oauth2/v2.0/token answered 401 (invalid_client)"));
  CHECK(says(thrown, "\n  ManagedIdentityCredential: " + w.metadata.url() + "/metadata/identity/oauth2/token answered 400"));
  CHECK(says(thrown, "\n  AzureCliCredential: \"" + w.folder.path().string() +
                         "/az account get-access-token\" exited with 1: Please run 'az login'"));
  // The failure is kept for a while: nothing is asked again.
  const std::size_t asked = w.directory.count() + w.metadata.count();
  CHECK(failure_of([&] { subject->token(); }));
  CHECK(w.directory.count() + w.metadata.count() == asked);
  w.metadata_status = 200;
  w.clock += 30s;
  CHECK(subject->token().reveal() == "by-machine");
}

TEST_CASE("a service that is ill gives the error its cause, so that it is not taken for a refusal") {
  world w;
  w.directory_status = 503;
  w.values.erase("AZURE_FEDERATED_TOKEN_FILE");
  w.metadata_status = 400;
  w.az("exit 1");
  const std::optional<larder::error> thrown = failure_of([&] { w.token(); });
  REQUIRE(thrown);
  CHECK(thrown->cause() == error_cause::server);
}

TEST_CASE("no kind of failure shows a secret") {
  for (const int directory : {302, 400, 401, 403, 404, 429, 500, 503})
    for (const int metadata : {302, 400, 404, 410, 429, 500}) {
      CAPTURE(directory);
      CAPTURE(metadata);
      world w;
      w.directory_status = directory;
      w.metadata_status = metadata;
      w.az("echo PLANTED; exit 1");
      CHECK(failure_of([&] { w.token(); }));  // which looks for the secrets
    }
}

TEST_CASE("sixteen threads ask the directory once") {
  world w;
  const std::unique_ptr<credential> subject = w.make();
  std::atomic<int> right{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 16; ++i)
    threads.emplace_back([&] {
      if (subject->token().reveal() == "by-secret") ++right;
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(right == 16);
  CHECK(w.directory.count() == 1);
}

TEST_CASE("a token file that is replaced is read again after a rejection") {
  world w;
  w.values.erase("AZURE_CLIENT_SECRET");
  const std::unique_ptr<credential> subject = w.make();
  const larder::secret first = subject->token();
  w.folder.write("next", "PLANTED-rotated");
  std::filesystem::rename(w.folder.path() / "next", w.folder.path() / "token");
  subject->reject(first);
  subject->token();
  REQUIRE(w.directory.count() == 2);
  CHECK(w.directory.requests()[0].body.ends_with("client_assertion=PLANTED-assertion"));
  CHECK(w.directory.requests()[1].body.ends_with("client_assertion=PLANTED-rotated"));
}

TEST_CASE("destroying the credential ends what it is waiting for") {
  world w;
  w.values.set("AZURE_TOKEN_CREDENTIALS", "dev");
  const std::string file = (w.folder.path() / "begun").string();
  w.az("touch " + file + "; exec /bin/sleep 600");
  const std::unique_ptr<credential> subject = w.make();
  CHECK(failure_of([&] { subject->token_by({}, std::chrono::steady_clock::now()); }));
  CHECK(
      support::eventually([&] { return std::filesystem::exists(file); }));  // and the end of this test does not take ten minutes
}
