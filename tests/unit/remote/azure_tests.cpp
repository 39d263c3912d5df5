#include <larder/remote/azure.hpp>

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <doctest/doctest.h>

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
  refused(settings, "no credentials");
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
