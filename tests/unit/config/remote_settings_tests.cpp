// What settings may say of a remote tier, and what they may not: nothing here has a store.
#include <larder/config/address_text.hpp>
#include <larder/config/object_place.hpp>
#include <larder/config/remote_check.hpp>
#include <larder/config/settings.hpp>
#include <larder/config/settings_text.hpp>
#include <larder/config/toml.hpp>
#include <larder/config/yaml.hpp>

#include <doctest/doctest.h>

#include "support/refusal.hpp"
#include "support/variables.hpp"

#include <string>
#include <string_view>
#include <vector>

using larder::cache_settings;
using larder::settings;
namespace config = larder::config;
using support::refusal;
using support::refusal_of;
using support::says;

namespace {

/// The settings of one cache whose remote tier says this in TOML.
settings with_remote(const std::string& lines) {
  return settings::from_toml("[model_cache]\nsize = 5\n[model_cache.remote]\n" + lines, "a.toml");
}
refusal checked(const std::string& lines) {
  return refusal_of([&] { with_remote(lines).check(); });
}
const std::string azure_lines = "type = \"azure\"\nurl = \"https://account.blob.core.windows.net/models\"\n";
const std::string s3_lines = "type = \"s3\"\nurl = \"s3://models\"\n";
const std::string webdav_lines = "type = \"webdav\"\nurl = \"https://host/models\"\n";
const std::string redis_lines = "type = \"redis\"\nurl = \"redis://host\"\n";

}  // namespace

TEST_CASE("a remote tier of each kind is said in few lines") {
  for (const std::string& lines : {
           azure_lines,
           azure_lines + "secret_variable = \"STORE_KEY\"\ncreate_container = true\n",
           azure_lines + "credential = \"sas\"\nsecret_variable = \"STORE_SAS\"\nmode = \"read_only\"\n",
           azure_lines + "credential = \"chain\"\nca_file = \"/etc/ca.pem\"\nprefix = \"team/models\"\n",
           s3_lines,
           s3_lines + "region = \"eu-west-1\"\nuser = \"AKID\"\nsecret_variable = \"STORE_KEY\"\n",
           s3_lines + "credential = \"none\"\nmode = \"read_only\"\n",
           webdav_lines,
           webdav_lines + "user = \"team\"\nsecret_variable = \"STORE_PASSWORD\"\nmode = \"write_back\"\nqueue_size = \"1GB\"\n",
           webdav_lines + "credential = \"token\"\nsecret_variable = \"STORE_TOKEN\"\nlookup_budget = \"500ms\"\n",
           redis_lines,
           redis_lines + "secret_variable = \"STORE_PASSWORD\"\nallow_unencrypted_credentials = true\nmax_object = \"64MB\"\n",
           std::string("type = \"redis\"\nurl = \"unix:///run/redis.sock\"\n"),
       }) {
    CAPTURE(lines);
    CHECK_NOTHROW(with_remote(lines).check());
  }
}

TEST_CASE("keys of a remote tier that change nothing are refused where they were said") {
  CHECK(says(
      checked("type = \"azure\"\n"),
      "a.toml:4:8: remote.type of \"model_cache\" changes nothing without a remote tier; give it remote.url and remote.type"));
  for (const auto& key : config::cache_keys) {
    if (!key.name.starts_with("remote.") || key.name == "remote.url") continue;
    CAPTURE(std::string(key.name));
    std::string value = "\"5s\"";
    if (key.type == config::setting_type::flag) value = "true";
    if (key.type == config::setting_type::size) value = "\"5MB\"";
    if (key.type == config::setting_type::variable) value = "\"NAME\"";
    if (key.type == config::setting_type::name) value = "\"" + std::string(key.choices.front()) + "\"";
    CHECK(says(checked(std::string(key.name.substr(7)) + " = " + value + "\n"),
               std::string(key.name) + " of \"model_cache\" changes nothing without a remote tier"));
  }
  CHECK(says(checked(webdav_lines + "queue_size = \"1GB\"\n"), "changes nothing unless remote.mode is write_back"));
  CHECK(says(checked(webdav_lines + "region = \"eu-west-1\"\n"), "remote.region of \"model_cache\" changes nothing for webdav"));
  CHECK(says(checked(redis_lines + "ca_file = \"a.pem\"\n"), "remote.ca_file of \"model_cache\" changes nothing for redis"));
  CHECK(
      says(checked(s3_lines + "create_container = true\n"), "remote.create_container of \"model_cache\" changes nothing for s3"));
  CHECK(says(checked(azure_lines + "create_container = true\nmode = \"read_only\"\n"),
             "changes nothing where remote.mode is read_only"));
  CHECK(says(checked(azure_lines + "user = \"account\"\n"), "remote.user of \"model_cache\" changes nothing without a secret"));
  CHECK(says(checked(azure_lines + "credential = \"chain\"\nsecret_variable = \"A\"\n"),
             "remote.secret_variable of \"model_cache\" changes nothing with remote.credential = chain"));
  CHECK(says(checked(azure_lines + "credential = \"sas\"\nsecret_variable = \"A\"\nuser = \"account\"\n"),
             "remote.user of \"model_cache\" changes nothing with remote.credential = sas"));
  CHECK(says(checked(redis_lines + "allow_unencrypted_credentials = true\n"), "changes nothing without credentials"));
}

TEST_CASE("what cannot be meant of a remote tier: file, line and column") {
  CHECK(says(checked("type = \"ftp\"\n"),
             "a.toml:4:8: type cannot be \"ftp\"; there are \"azure\", \"s3\", \"webdav\", \"redis\""));
  CHECK(says(checked("url = \"https://host/models\"\n"),
             "a.toml:4:7: remote.url of \"model_cache\" is not enough; say remote.type: azure, s3, webdav or redis"));
  CHECK(says(checked("url = \"host/models\"\n"), "a.toml:4:7: url is no address; write it as in https://host/path"));
  CHECK(says(checked("url = 5\n"), "a.toml:4:7: url is a number, \"5\"; it is to be an address"));
  CHECK(says(checked("mode = \"write_throuhg\"\n"),
             "a.toml:4:8: mode cannot be \"write_throuhg\"; did you mean \"write_through\"?"));
  CHECK(says(checked("password = \"hunter2\"\n"), "a.toml:4:1: there is no key \"password\" in model_cache.remote"));
  CHECK(says(checked("type = \"redis\"\nurl = \"https://host\"\n"), "remote.url of \"model_cache\" is no address of redis"));
  CHECK(says(checked("type = \"s3\"\nurl = \"redis://host\"\n"), "is no address of s3; write s3://bucket"));
  CHECK(says(checked("type = \"webdav\"\nurl = \"s3://models\"\n"), "is no address of webdav"));
  CHECK(says(
      checked(azure_lines + "credential = \"password\"\nsecret_variable = \"A\"\n"),
      "a.toml:6:14: remote.credential of \"model_cache\" cannot be password for azure; it is one of chain, key, sas, token"));
  CHECK(says(checked(azure_lines + "credential = \"key\"\n"), "is key; say in remote.secret_variable which variable has it"));
  CHECK(says(checked(s3_lines + "secret_variable = \"A\"\n"), "is not enough; say remote.user, the access key id"));
  CHECK(says(checked(webdav_lines + "secret_variable = \"A\"\n"), "is not enough; say remote.user, whose password it is"));
  CHECK(says(checked(webdav_lines + "lookup_budget = \"2d\"\n"), "remote.lookup_budget of \"model_cache\" is longer than a day"));
  CHECK(says(
      refusal_of([] { settings::from_toml("[cache.remote]\ntype = \"webdav\"\nurl = \"https://host\"\n", "a.toml").check(); }),
      "a.toml:3:7: remote.url of \"cache\" is of a tier behind memory or a disk; give the cache memory.size"));
}

TEST_CASE("nothing that may be a secret is repeated, whatever place it was put in") {
  constexpr std::string_view planted = "s3cr3t+Planted/==";
  const std::string text(planted);
  for (const std::string& lines : {
           "url = \"redis://user:" + text + "@host\"\n",
           "url = \"https://" + text + "@host/models\"\n",
           "url = \"https://host/models?sig=" + text + "\"\n",
           "secret_variable = \"" + text + "\"\n",
           "password = \"" + text + "\"\n",
       }) {
    CAPTURE(lines);
    const auto refused = refusal_of([&] { with_remote(lines); }, {planted});
    CHECK(refused.cause == larder::error_cause::invalid_argument);
  }
  CHECK(refusal_of([] { with_remote("secret_variable = 12345678\n"); }, {"12345678"}).cause);
  CHECK(says(refusal_of([&] { with_remote("url = \"https://a:" + text + "@host/\"\n"); }, {planted}),
             "a.toml:4:7: url has an @, as if it carried a user or a password; a user goes to remote.user"));

  // By code anything can be said: it is checked later, and is not shown either.
  settings by_code;
  cache_settings& of = by_code.caches["cache"];
  of.memory_size = 5'000'000;
  of.remote_type = "webdav";
  of.remote_user = "team";
  of.remote_url = "https://team:" + text + "@host/models?sig=" + text;
  of.remote_secret_variable = text;
  for (const std::string& shown :
       {explained(by_code), to_text(by_code, larder::settings_format::json), to_text(by_code, larder::settings_format::toml),
        to_text(by_code, larder::settings_format::yaml)})
    CHECK(shown.find(planted) == std::string::npos);
  CHECK(refusal_of([&] { by_code.check(); }, {planted}).cause);
  of.remote_url = "https://host/models";
  CHECK(says(refusal_of([&] { by_code.check(); }, {planted}),
             "code: remote.secret_variable of \"cache\" is not the name of a variable"));
  of.remote_secret_variable = "STORE_PASSWORD";
  CHECK_NOTHROW(by_code.check());
}

TEST_CASE("names that code says are looked at as well") {
  settings by_code = with_remote(webdav_lines);
  cache_settings& of = by_code.caches.at("model_cache");
  of.remote_mode = "sometimes";
  CHECK(says(refusal_of([&] { by_code.check(); }),
             "code: remote.mode of \"model_cache\" cannot be \"sometimes\"; there are \"write_through\", \"write_back\", "
             "\"read_only\""));
  of.remote_mode.reset();
  of.remote_type = "ftp";
  CHECK(says(refusal_of([&] { by_code.check(); }), "code: remote.type of \"model_cache\" cannot be \"ftp\""));
}

TEST_CASE("a remote tier by variables, over a file") {
  const larder::settings_environment environment =
      support::variables({{"MODEL_CACHE_REMOTE_URL", "https://nearer/models"}, {"MODEL_CACHE_REMOTE_MODE", "read_only"}});
  const settings all = settings::from_environment(environment).over(with_remote(webdav_lines));
  const cache_settings& of = all.caches.at("model_cache");
  CHECK(*of.remote_url == "https://nearer/models");
  CHECK(*of.remote_type == "webdav");
  CHECK(*of.remote_mode == "read_only");
  const std::string text = explained(all);
  CHECK(text.find("model_cache.remote.url = \"https://nearer/models\"        # MODEL_CACHE_REMOTE_URL\n") != std::string::npos);
  CHECK(text.find("model_cache.remote.type = \"webdav\"                      # a.toml:4:8\n") != std::string::npos);
  CHECK_NOTHROW(all.check());
}

TEST_CASE("two caches with one remote tier are told of") {
  const std::string remote = "remote = {type = \"webdav\", url = \"https://host/models\"";
  const auto warnings = [&](const std::string& a, const std::string& b) {
    return settings::from_toml("[caches.a]\nsize = 5\n" + a + "}\n[caches.b]\nsize = 5\n" + b + "}\n", "a.toml").warnings();
  };
  REQUIRE(warnings(remote, remote).size() == 1);
  CHECK(warnings(remote, remote)[0] ==
        "a.toml:6:34: the remote tier of \"b\" is that of \"a\", so that each finds the other's values; give one of them a "
        "remote.prefix");
  CHECK(warnings(remote, remote + ", prefix = \"b\"").empty());
}

TEST_CASE("where the container or bucket of an address is") {
  const config::object_place cloud = config::azure_place("https://acct.blob.core.windows.net/models/");
  CHECK(cloud.endpoint == "https://acct.blob.core.windows.net");
  CHECK(cloud.account == "acct");
  CHECK(cloud.container == "models");
  const config::object_place emulator = config::azure_place("http://127.0.0.1:10000/devstoreaccount1/models");
  CHECK(emulator.endpoint == "http://127.0.0.1:10000/devstoreaccount1");
  CHECK(emulator.account == "devstoreaccount1");
  CHECK(emulator.container == "models");
  const config::object_place own_domain = config::azure_place("https://models.example.org/models");
  CHECK(own_domain.account.empty());
  CHECK(own_domain.endpoint == "https://models.example.org");
  CHECK(says(refusal_of([] { config::azure_place("https://acct.blob.core.windows.net"); }),
             "remote.url: \"https://acct.blob.core.windows.net/\" names no container; write it behind the host"));
  CHECK(says(refusal_of([] { config::azure_place("https://acct.blob.core.windows.net/models/team"); }),
             "goes on behind the container; what is behind it is remote.prefix"));

  const config::object_place aws = config::s3_place("s3://models/");
  CHECK(aws.endpoint.empty());
  CHECK(aws.container == "models");
  const config::object_place minio = config::s3_place("https://minio.example.org:9000/models");
  CHECK(minio.endpoint == "https://minio.example.org:9000");
  CHECK(minio.container == "models");
  CHECK(says(refusal_of([] { config::s3_place("s3://models/team"); }), "what is behind it is remote.prefix"));
  CHECK(says(refusal_of([] { config::s3_place("https://host"); }), "names no bucket"));
  CHECK(says(refusal_of([] { config::s3_place("https://models.s3.eu-west-1.amazonaws.com/a"); }),
             "write s3://bucket, and remote.region"));
}

TEST_CASE("names of variables and addresses, with their faults") {
  for (const std::string_view name : {"A", "STORE_KEY", "_A1"}) CHECK(config::is_variable_name(name));
  for (const std::string_view name : {"", "1A", "key", "A B", "A=", "hunter2"}) CHECK_FALSE(config::is_variable_name(name));
  for (const std::string_view address : {"https://host", "redis://[::1]:6379/2", "unix:///run/a.sock", "s3://b"})
    CHECK(config::address_fault(address).empty());
  for (const std::string_view address :
       {"", "host", "://host", "https://", "https://a b", "https://a\n", "https://é", "https://a#b"})
    CHECK_FALSE(config::address_fault(address).empty());
}
