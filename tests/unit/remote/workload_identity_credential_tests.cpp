#include <larder/remote/token_cache.hpp>
#include <larder/remote/workload_identity_credential.hpp>

#include "azure_fixture.hpp"

#include <sys/stat.h>

#include <filesystem>
#include <string>
#include <vector>

using namespace larder::azure_tests;

namespace {

using credential = remote::workload_identity_credential<>;
static_assert(remote::token_credential<credential>);

struct fixture {
  scratch_folder folder;
  scripted_server directory{
      [](const scripted_request&) -> scripted_answer { return {.body = R"({"access_token":"ey.token","expires_in":3600})"}; }};
  pauses waited;
  variables values{{{"AZURE_TENANT_ID", "tenant-1"},
                    {"AZURE_CLIENT_ID", "client-1"},
                    {"AZURE_FEDERATED_TOKEN_FILE", (folder.path() / "token").string()},
                    {"AZURE_AUTHORITY_HOST", directory.url()}}};

  remote::azure_credential_settings settings() { return settings_of(values, waited); }
};

}  // namespace

TEST_CASE("the file's token is sent as an assertion, without the blanks around it") {
  fixture f;
  f.folder.write("token", "  head.PLANTED-body.sig\n");
  credential subject(f.settings());
  CHECK(f.directory.count() == 0);
  CHECK(subject.fetch({}, asked_at).text.reveal() == "ey.token");
  REQUIRE(f.directory.count() == 1);
  CHECK(f.directory.requests()[0].target == "/tenant-1/oauth2/v2.0/token");
  CHECK(f.directory.requests()[0].body ==
        "grant_type=client_credentials&scope=https%3A%2F%2Fstorage.azure.com%2F.default&client_id=client-1"
        "&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer&client_assertion=head.PLANTED-"
        "body.sig");
}

TEST_CASE("the file is read anew for each fetch, since the platform replaces it") {
  fixture f;
  f.folder.write("token", "first");
  larder::manual_clock clock{asked_at};
  remote::token_cache<credential, larder::manual_clock> cache({}, larder::time_source<larder::manual_clock>(clock), f.settings());
  cache.token();
  f.folder.write("next", "second");
  std::filesystem::rename(f.folder.path() / "next", f.folder.path() / "token");
  clock += 1h;
  cache.token();
  REQUIRE(f.directory.count() == 2);
  CHECK(f.directory.requests()[0].body.ends_with("&client_assertion=first"));
  CHECK(f.directory.requests()[1].body.ends_with("&client_assertion=second"));
}

TEST_CASE("a link to the file is followed, as Kubernetes mounts it") {
  fixture f;
  f.folder.write("data", "linked");
  std::filesystem::create_symlink(f.folder.path() / "data", f.folder.path() / "token");
  credential(f.settings()).fetch({}, asked_at);
  CHECK(f.directory.requests().at(0).body.ends_with("&client_assertion=linked"));
}

TEST_CASE("a file that is not there makes the credential unavailable, until it is") {
  fixture f;
  credential subject(f.settings());
  CHECK_THROWS_AS(subject.fetch({}, asked_at), remote::credential_unavailable);
  CHECK(says(failure_of([&] { subject.fetch({}, asked_at); }),
             "AZURE_FEDERATED_TOKEN_FILE: \"" + (f.folder.path() / "token").string() + "\" cannot be opened"));
  f.folder.write("token", "t");
  CHECK(subject.fetch({}, asked_at).text.reveal() == "ey.token");
}

TEST_CASE("what is no token file is refused, and nothing of it is sent or repeated") {
  fixture f;
  credential subject(f.settings());
  const auto refused = [&](const char* why) {
    const std::optional<larder::error> thrown = failure_of([&] { subject.fetch({}, asked_at); });
    return says(thrown, why) && thrown->cause() == error_cause::invalid_argument;
  };
  for (const std::string& text : std::vector<std::string>{"", " \n", "PLANTED SECRET", "PLANTED\nSECRET",
                                                          std::string("PLANTED\0SECRET", 14), "PLANTED\xff"}) {
    CAPTURE(text);
    f.folder.write("token", text);
    CHECK(refused("holds no token"));
  }
  f.folder.write("token", std::string(credential::largest_file, 'x'));
  CHECK(subject.fetch({}, asked_at).text.reveal() == "ey.token");
  f.folder.write("token", std::string(credential::largest_file + 1, 'x'));
  CHECK(refused("is longer than 65536 bytes"));
  std::filesystem::remove(f.folder.path() / "token");
  REQUIRE(::mkfifo((f.folder.path() / "token").c_str(), 0600) == 0);
  CHECK(refused("is not a regular file"));  // and does not wait for a writer
  std::filesystem::remove(f.folder.path() / "token");
  std::filesystem::create_directory(f.folder.path() / "token");
  CHECK(refused("is not a regular file"));
  CHECK(f.directory.count() == 1);
}

TEST_CASE("variables that are not set make the credential unavailable") {
  fixture f;
  f.values.erase("AZURE_FEDERATED_TOKEN_FILE");
  CHECK_THROWS_AS(credential{f.settings()}, remote::credential_unavailable);
  CHECK(says(failure_of([&] { credential{f.settings()}; }), "AZURE_FEDERATED_TOKEN_FILE is not set"));
}
