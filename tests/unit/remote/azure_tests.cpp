#include <larder/remote/azure.hpp>

#include <cstdint>
#include <cstdlib>
#include <initializer_list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <doctest/doctest.h>

#include "support/refusal.hpp"
#include "support/temporary_folder.hpp"
#include "support/tls_server.hpp"

using larder::azure;
using larder::error_cause;

namespace {

struct no_tokens final : larder::remote::token_source {
  larder::secret token() override { return {}; }
  void reject(const larder::secret&) override {}
};

azure good() { return {.account = "acct", .container = "models", .key = "aHVudGVyMg=="}; }

/// What construction says to settings that cannot work; nothing when it takes them.
std::optional<std::string> refusal(const azure& settings) {
  try {
    (void)settings.credentials();
  } catch (const larder::error& e) {
    CHECK(e.cause() == error_cause::invalid_argument);
    const std::string said = e.what();
    CHECK(said.find("aHVudGVyMg==") == std::string::npos);
    CHECK(said.find("hunter2") == std::string::npos);
    return said;
  }
  return std::nullopt;
}
bool refused(const azure& settings, std::string_view words) {
  const std::optional<std::string> said = refusal(settings);
  INFO(said.value_or("taken"));
  const bool found = said && said->find(words) != std::string::npos;
  CHECK(found);
  return found;
}

/// Variables of the environment for as long as this lives; an empty one is not set.
class environment_variables {
 public:
  explicit environment_variables(std::initializer_list<std::pair<const char*, std::string>> values) {
    for (const auto& [name, value] : values) {
      const char* const was = std::getenv(name);
      before_[name] = was == nullptr ? "" : was;
      assign(name, value);
    }
  }
  environment_variables(const environment_variables&) = delete;
  environment_variables& operator=(const environment_variables&) = delete;
  ~environment_variables() {
    for (const auto& [name, value] : before_) assign(name, value);
  }

 private:
  static void assign(const std::string& name, const std::string& value) {
    value.empty() ? ::unsetenv(name.c_str()) : ::setenv(name.c_str(), value.c_str(), 1);
  }

  std::map<std::string, std::string> before_;
};

}  // namespace

TEST_CASE("the address is the account's in the cloud, or the endpoint that is given") {
  CHECK(good().address().address.text() == "https://acct.blob.core.windows.net/models");
  azure settings = good();
  settings.endpoint = "http://127.0.0.1:10000/devstoreaccount1/";
  CHECK(settings.address().address.text() == "http://127.0.0.1:10000/devstoreaccount1/models");
  CHECK_FALSE(refusal(good()));
  CHECK_FALSE(refusal(settings));
  CHECK(azure::emulator("models").address().address.text() == "http://127.0.0.1:10000/devstoreaccount1/models");
  const azure read = azure::from_connection_string("AccountName=acct;AccountKey=aHVudGVyMg==", "models");
  CHECK(read.address().address.text() == "https://acct.blob.core.windows.net/models");
  CHECK_FALSE(refusal(read));
}

TEST_CASE("names that the service does not take are refused before anything is sent") {
  for (const char* container : {"", "ab", "Models", "-ab", "ab-", "a--b", "a/b", "a_b", "a.b", "$root", "a?b"}) {
    azure settings = good();
    settings.container = container;
    refused(settings, "container");
  }
  for (const char* account : {"ab", "a-b", "Acct", "acct/x", "aaaaaaaaaaaaaaaaaaaaaaaaa", "a\r\nb"}) {
    azure settings = good();
    settings.account = account;
    refused(settings, "account");
  }
  for (const char* prefix : {"/a", "a/", "a//b", ".", "a/../b", "..", "a\\b", "a\r\nb"}) {
    azure settings = good();
    settings.prefix = prefix;
    refused(settings, "prefix");
  }
  azure settings = good();
  settings.prefix = "A b/c%/+é";
  CHECK_FALSE(refusal(settings));
  settings.prefix = std::string(501, 'a');
  refused(settings, "prefix");
  settings = good();
  settings.account = std::string(64, 'K') + "hunter2";  // a key in the wrong place
  refused(settings, "account");
}

TEST_CASE("numbers outside what the service takes are refused") {
  azure settings = good();
  settings.block_size = 0;
  refused(settings, "block_size");
  settings.block_size = (std::uint64_t{4000} << 20U) + 1;
  refused(settings, "block_size");
  settings = good();
  settings.page_size = 0;
  refused(settings, "page_size");
  settings.page_size = 5'001;
  refused(settings, "page_size");
}

TEST_CASE("one kind of credentials, and never over the open network") {
  azure settings = good();
  settings.key = {};
  settings.bearer_token = "hunter2";
  CHECK_FALSE(refusal(settings));
  settings.sas = "sv=1&sig=hunter2";
  refused(settings, "exclude each other");
  settings.bearer_token = {};
  CHECK_FALSE(refusal(settings));
  settings.credential = std::make_shared<no_tokens>();
  refused(settings, "exclude each other");
  settings.sas = {};
  CHECK_FALSE(refusal(settings));

  for (int kind = 0; kind < 4; ++kind) {
    CAPTURE(kind);
    azure open{.account = "acct", .container = "models", .endpoint = "http://storage.example:10000/acct"};
    if (kind == 0) open.key = "aHVudGVyMg==";
    if (kind == 1) open.sas = "sv=1&sig=hunter2";
    if (kind == 2) open.bearer_token = "hunter2";
    if (kind == 3) open.credential = std::make_shared<no_tokens>();
    refused(open, "unencrypted");
    open.allow_unencrypted_credentials = true;
    CHECK_FALSE(refusal(open));
    open.allow_unencrypted_credentials = false;
    open.endpoint = "http://localhost:10000/acct";
    CHECK_FALSE(refusal(open));
  }
}

TEST_CASE("without credentials the default chain is asked, at the first request") {
  const azure settings{.account = "acct", .container = "models"};
  const char* const name = "AZURE_TOKEN_CREDENTIALS";
  {
    const environment_variables without{{name, ""}};
    CHECK_FALSE(refusal(settings));
  }
  const environment_variables wrong{{name, "NoSuchCredential"}};
  refused(settings, name);
}

TEST_CASE("the default chain trusts whom the settings name, where its directory service has a certificate of its own") {
  if (!support::has_openssl()) return;
  const support::temporary_folder folder;
  const support::self_signed identity(folder.path());
  const support::tls_server directory(identity, {});
  if (directory.port.empty()) {
    MESSAGE("skipped: this openssl s_server does not tell its port");
    return;
  }
  const std::string body = R"({"token_type":"Bearer","expires_in":3599,"access_token":"by-secret"})";
  directory.program.write("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
                          body);
  const environment_variables set{{"AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential"},
                                  {"AZURE_TENANT_ID", "tenant-1"},
                                  {"AZURE_CLIENT_ID", "client-1"},
                                  {"AZURE_CLIENT_SECRET", "hunter2"},
                                  {"AZURE_AUTHORITY_HOST", directory.url("localhost")}};
  larder::remote::http_request request;
  azure settings{.account = "acct", .container = "models"};
  SUBCASE("named") {
    settings.ca_file = identity.certificate;
    settings.credentials().sign(request);
    REQUIRE(request.headers.size() == 2);
    CHECK(request.headers[1].value.reveal() == "Bearer by-secret");
  }
  SUBCASE("not named") {
    const support::refusal came = support::refusal_of([&] { settings.credentials().sign(request); }, {"hunter2"});
    CHECK(came.cause == error_cause::network);
    CHECK(support::says(came, "localhost"));
  }
}

TEST_CASE("an endpoint with a query is refused without it, and a key needs its account") {
  azure settings = good();
  settings.endpoint = "https://acct.blob.core.windows.net?sv=1&sig=hunter2";
  refused(settings, "sas");
  settings = good();
  settings.account = "";
  refused(settings, "neither account nor endpoint");
  settings.endpoint = "https://storage.example";
  refused(settings, "set account");
  settings.key = {};
  settings.bearer_token = "hunter2";
  CHECK_FALSE(refusal(settings));
}
