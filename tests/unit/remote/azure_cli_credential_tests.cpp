#include <larder/remote/azure_cli_credential.hpp>
#include <larder/remote/token_cache.hpp>

#include "azure_fixture.hpp"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

using namespace larder::azure_tests;
using larder::remote::azure_cli_credential;

namespace {

static_assert(remote::token_credential<azure_cli_credential>);

/// A folder with an `az` that is a script, alone in PATH.
struct fixture {
  explicit fixture(const std::string& script) { folder.write("az", "#!/bin/sh\n" + script + "\n", true); }

  remote::azure_credential_settings settings() {
    remote::azure_credential_settings out = settings_of(values, waited);
    out.command_time = 60s;
    return out;
  }
  remote::access_token fetch() { return azure_cli_credential(settings()).fetch({}, asked_at); }

  scratch_folder folder;
  variables values{variables::map{{"PATH", folder.path().string()}}};
  pauses waited;
};

constexpr const char* reply =
    R"(echo '{"accessToken":"ey.cli","expiresOn":"2001-01-01 00:00:00.000000","expires_on":1700003600,"subscription":"s","tenant":"t","tokenType":"Bearer"}')";

}  // namespace

TEST_CASE("az is asked for a token of the scope, and its expires_on is believed before its local time") {
  fixture f(R"(printf '%s\n' "$@" >"$(dirname "$0")/arguments")"
            "\n" +
            std::string(reply));
  const remote::access_token token = f.fetch();
  CHECK(token.text.reveal() == "ey.cli");
  CHECK(token.expires == asked_at + 1h);
  const auto arguments = [&] {
    std::ifstream in(f.folder.path() / "arguments");
    return std::string(std::istreambuf_iterator<char>(in), {});
  };
  CHECK(arguments() == "account\nget-access-token\n--output\njson\n--scope\nhttps://storage.azure.com/.default\n");
  remote::azure_credential_settings settings = f.settings();
  settings.tenant = "tenant-1";
  azure_cli_credential(settings).fetch({}, asked_at);
  CHECK(arguments().ends_with("--scope\nhttps://storage.azure.com/.default\n--tenant\ntenant-1\n"));
}

TEST_CASE("without an az in an absolute folder of PATH the credential is unavailable, and nothing is run") {
  fixture f(reply);
  const std::string here = f.folder.path().string();
  const auto with_path = [&](const std::string& path) {
    f.values.set("PATH", path);
    try {
      f.fetch();
    } catch (const remote::credential_unavailable& thrown) {
      CHECK(std::string(thrown.what()) == "larder: there is no az (the Azure CLI) in PATH");
      return false;
    }
    return true;
  };
  CHECK(with_path(here));
  CHECK(with_path("/nonexistent::" + here));
  CHECK(!with_path(""));
  CHECK(!with_path("/nonexistent"));
  const std::filesystem::path before = std::filesystem::current_path();
  std::filesystem::current_path(f.folder.path());
  CHECK(!with_path("::."));
  CHECK(!with_path("."));
  std::filesystem::current_path(before);
  std::filesystem::permissions(f.folder.path() / "az", std::filesystem::perms::owner_read);
  CHECK(!with_path(here));
  std::filesystem::remove(f.folder.path() / "az");
  std::filesystem::create_directory(f.folder.path() / "az");
  CHECK(!with_path(here));
}

TEST_CASE("nobody logged in makes the credential unavailable, and az's advice is repeated") {
  fixture f("printf '%s\\n' \"ERROR: Please run 'az login' to\tsetup account.\" >&2; echo PLANTED; exit 1");
  CHECK_THROWS_AS(f.fetch(), remote::credential_unavailable);
  CHECK(says(failure_of([&] { f.fetch(); }), "exited with 1: ERROR: Please run 'az login' to setup account."));
}

TEST_CASE("other complaints are a failure: their beginning in one line, never what went to the standard output") {
  fixture f(
      "echo PLANTED; printf 'AADSTS50076: \\033[31mred\\n\\n\\303\\251 key PLANTEDPLANTEDPLANTEDPLANTEDPLANTEDPLANTED end' >&2; "
      "exit 2");
  const std::optional<larder::error> thrown = failure_of([&] { f.fetch(); });
  REQUIRE(thrown);
  CHECK(thrown->cause() == error_cause::unauthorized);
  CHECK(says(thrown, "exited with 2: AADSTS50076: [31mred ?? key ... end; run it by hand"));
  f.folder.write("az", "#!/bin/sh\ni=0; while [ $i -lt 500 ]; do echo word >&2; i=$((i+1)); done; exit 1\n", true);
  const std::optional<larder::error> longer = failure_of([&] { f.fetch(); });
  REQUIRE(longer);
  const std::string message = longer->what();
  CHECK(message.find("word word") != std::string::npos);
  CHECK(message.size() - message.find("word") ==
        azure_cli_credential::longest_complaint + std::string("; run it by hand").size());
  f.folder.write("az", "#!/bin/sh\nexit 5\n", true);
  CHECK(says(failure_of([&] { f.fetch(); }), "exited with 5: it gives no reason"));
}

TEST_CASE("an az that hangs is ended when its time is up, and when a stop is requested") {
  fixture f("exec sleep 600");
  remote::azure_credential_settings settings = f.settings();
  settings.command_time = 100ms;
  const std::optional<larder::error> late = failure_of([&] { azure_cli_credential(settings).fetch({}, asked_at); });
  REQUIRE(late);
  CHECK(late->cause() == error_cause::timeout);
  CHECK(says(late, "was stopped after 100 ms"));
  std::stop_source stop;
  stop.request_stop();
  const std::optional<larder::error> stopped =
      failure_of([&] { azure_cli_credential(f.settings()).fetch(stop.get_token(), asked_at); });
  REQUIRE(stopped);
  CHECK(stopped->cause() == error_cause::cancelled);
}

TEST_CASE("an az that writes garbage, nothing, or a megabyte is refused without a word of it") {
  for (const char* script :
       {"echo PLANTED", "printf ''", R"(echo '{"accessToken":"PLANTED"}')", R"(echo '{"accessToken":"PLANTED","expires_on":1}')",
        R"(echo 'WARNING: PLANTED'; echo '{"accessToken":"PLANTED","expires_on":1700003600}')",
        "head -c 1000000 /dev/zero | tr '\\0' P"}) {
    CAPTURE(script);
    fixture f(script);
    const std::optional<larder::error> thrown = failure_of([&] { f.fetch(); });
    REQUIRE(thrown);
    CHECK(thrown->cause() == error_cause::server);
    CHECK(std::string(thrown->what()).find("PPPP") == std::string::npos);
  }
}

TEST_CASE("an az that cannot be started is an error that names it") {
  fixture f("");
  f.folder.write("az", "#!/nonexistent/interpreter\n", true);
  CHECK(says(failure_of([&] { f.fetch(); }), "/az\" cannot be run"));
}

TEST_CASE("scopes and tenants that could be read as options or commands are refused when the credential is made") {
  fixture f(reply);
  for (const char* word : {"--query", "-x", "a b", "a;b", "$(id)", "a'b", "a\nb", "a|b", "a&b", "a*b", "\xc3\xa9"}) {
    CAPTURE(word);
    remote::azure_credential_settings settings = f.settings();
    settings.scope = word;
    CHECK(failure_of([&] { azure_cli_credential{settings}; }));
    settings = f.settings();
    settings.tenant = word;
    CHECK(failure_of([&] { azure_cli_credential{settings}; }));
  }
  remote::azure_credential_settings settings = f.settings();
  settings.scope = "";
  CHECK(failure_of([&] { azure_cli_credential{settings}; }));
  settings = f.settings();
  settings.command_time = 0ms;
  CHECK(failure_of([&] { azure_cli_credential{settings}; }));
}
