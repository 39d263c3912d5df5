#include <larder/remote/aws_credentials.hpp>

#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <doctest/doctest.h>

#include "support/temporary_folder.hpp"

namespace {

using larder::remote::aws_credentials;
using larder::remote::aws_environment;
using larder::remote::aws_profile;

std::string shown(const larder::secret& s) { return std::string(s.reveal()); }

/// A home directory and an environment of a test's own.
class home {
 public:
  home() {
    std::filesystem::create_directories(directory_ / ".aws");
    set("HOME", directory_.path());
  }
  void set(const std::string& name, const std::string& value) { variables_[name] = value; }
  void write(const std::string& name, std::string_view text) const { std::ofstream(directory_ / name, std::ios::binary) << text; }
  std::string path(const std::string& name) const { return directory_ / name; }
  aws_environment environment(std::string profile = {}) const {
    return aws_environment(
        [variables = variables_](const std::string& name) {
          const auto at = variables.find(name);
          return at == variables.end() ? std::nullopt : std::optional<std::string>(at->second);
        },
        std::move(profile));
  }
  /// The message of what asking for credentials throws; empty when it gives some.
  std::string complaint(std::string profile = {}) const {
    try {
      environment(std::move(profile)).credentials();
    } catch (const larder::error& e) {
      CHECK(e.cause() == larder::error_cause::invalid_argument);
      return e.what();
    }
    return {};
  }

 private:
  support::temporary_folder directory_;
  std::map<std::string, std::string> variables_;
};

}  // namespace

TEST_CASE("keys come from the environment before any file") {
  home here;
  here.write(".aws/credentials", "[default]\naws_access_key_id = FILE\naws_secret_access_key = file-secret\n");
  here.set("AWS_ACCESS_KEY_ID", "ENVIRONMENT");
  here.set("AWS_SECRET_ACCESS_KEY", "environment-secret");
  aws_credentials found = here.environment().credentials();
  CHECK(found.access_key_id == "ENVIRONMENT");
  CHECK(shown(found.secret_access_key) == "environment-secret");
  CHECK(found.session_token.empty());
  here.set("AWS_SESSION_TOKEN", "a-token");
  CHECK(shown(here.environment().credentials().session_token) == "a-token");
  CHECK(here.environment("default").credentials().access_key_id == "FILE");  // a profile that the program names goes first
}

TEST_CASE("half a pair in the environment is said, never filled up from elsewhere") {
  home here;
  here.write(".aws/credentials", "[default]\naws_access_key_id = FILE\naws_secret_access_key = planted-secret\n");
  here.set("AWS_SECRET_ACCESS_KEY", "planted-secret");
  CHECK(here.complaint().find("AWS_SECRET_ACCESS_KEY without AWS_ACCESS_KEY_ID") != std::string::npos);
  CHECK(here.complaint().find("planted") == std::string::npos);
  here.set("AWS_SECRET_ACCESS_KEY", "");
  here.set("AWS_ACCESS_KEY_ID", "ID");
  CHECK(here.complaint().find("AWS_ACCESS_KEY_ID without AWS_SECRET_ACCESS_KEY") != std::string::npos);
}

TEST_CASE("profiles come from the shared files, wherever the environment puts them") {
  home here;
  here.write(".aws/credentials",
             "[default]\naws_access_key_id=D\naws_secret_access_key=ds\n[work]\naws_access_key_id=W\naws_secret_access_key="
             "ws\naws_session_token=wt\n");
  here.write(".aws/config",
             "[default]\nregion=eu-west-1\n[profile work]\nregion = us-west-2\n[profile "
             "keys]\naws_access_key_id=K\naws_secret_access_key=ks\n");
  CHECK(here.environment().credentials().access_key_id == "D");
  CHECK(here.environment().region() == "eu-west-1");
  here.set("AWS_PROFILE", "work");
  CHECK(shown(here.environment().credentials().session_token) == "wt");
  CHECK(here.environment().region() == "us-west-2");
  CHECK(here.environment("keys").credentials().access_key_id == "K");
  here.set("AWS_DEFAULT_REGION", "second");
  CHECK(here.environment().region() == "second");
  here.set("AWS_REGION", "first");
  CHECK(here.environment().region() == "first");

  here.write("elsewhere", "[work]\naws_access_key_id=E\naws_secret_access_key=es\n");
  here.set("AWS_SHARED_CREDENTIALS_FILE", here.path("elsewhere"));
  CHECK(here.environment().credentials().access_key_id == "E");
}

TEST_CASE("without keys one sentence says where they were looked for") {
  home here;
  CHECK(here.complaint().find("no credentials") != std::string::npos);
  CHECK(here.complaint().find("AWS_ACCESS_KEY_ID") != std::string::npos);
  CHECK(here.complaint().find(".aws/credentials") != std::string::npos);
  here.write(".aws/config",
             "[profile role]\nrole_arn = arn:planted\nsource_profile = default\n[default]\naws_secret_access_key = planted\n");
  CHECK(here.complaint("role").find("roles, processes and sign-on are not followed") != std::string::npos);
  CHECK(here.complaint("role").find("planted") == std::string::npos);
  CHECK(here.complaint().find("has no aws_access_key_id") != std::string::npos);
  CHECK(here.complaint().find("planted") == std::string::npos);
  here.set("HOME", "");
  CHECK(here.complaint().find("HOME is not set") != std::string::npos);
  CHECK(here.environment().region().empty());
}

TEST_CASE("a file that cannot be one of profiles is refused, and not shown") {
  home here;
  here.write(".aws/credentials", "[default]\naws_access_key_id = A\naws_secret_access_key = planted\n" +
                                     std::string(aws_environment::max_file, '\n'));
  CHECK(here.complaint().find("more than 1048576 bytes") != std::string::npos);
  CHECK(here.complaint().find("planted") == std::string::npos);
}

TEST_CASE("a profile is read as the vendor's tools read it") {
  const auto value = [](std::string_view text, const std::string& key = "k", std::string_view name = "p") {
    return shown(aws_profile::read(text, name).get(key));
  };
  CHECK(value("[p]\nk=v") == "v");
  CHECK(value("[p]\r\nk = v \r\n") == "v");
  CHECK(value("[ p ]\nk\t=\tv w") == "v w");
  CHECK(value("[profile p]\nk=v") == "v");
  CHECK(value("[profile \t p]\nk=v") == "v");
  CHECK(value("[profilep]\nk=v") == "");
  CHECK(value("[p] # words\nk=v") == "v");
  CHECK(value("[p]\n# k=no\n; k=no\nk=a+/=#b;c") == "a+/=#b;c");
  CHECK(value("[p]\nk=v # words") == "v");
  CHECK(value("[p]\nk=v\t; words") == "v");
  CHECK(value("[p]\nk= # words") == "");
  CHECK(value("[p]\ns3 =\n  k = nested\n") == "");
  CHECK(value("[q]\nk=q\n[p]\nk=v\n[q]\nk=r") == "v");
  CHECK(value("[p]\nk=old\n[q]\n[p]\nk=new") == "new");
  CHECK(value("k=v\n[p]\n") == "");
  CHECK(value("[p\nk=v") == "");
  CHECK(value("") == "");
  CHECK(value("[p]\nno equals sign\n=v\nk=v") == "v");
  CHECK(aws_profile::read("[p]", "p").found());
  CHECK_FALSE(aws_profile::read("[q]", "p").found());
}
