#include <larder/artifact/pass_settings.hpp>

#include <larder/artifact/pass_blob_url.hpp>
#include <larder/artifact/settings_object.hpp>

#include <string>
#include <string_view>
#include <vector>

#include <doctest/doctest.h>

#include "support/refusal.hpp"

using larder::error_cause;
using larder::pass_mode;
using larder::pass_settings;
using support::refusal_of;
using support::says;

namespace {

pass_settings read(std::string_view text) { return pass_settings::from_json(text); }
void refused(std::string_view text, std::string_view words) {
  const auto refusal = refusal_of([&] { read(text); });
  CAPTURE(std::string(text));
  CHECK(refusal.cause == error_cause::invalid_argument);
  CHECK(says(refusal, words));
}

}  // namespace

TEST_CASE("no settings are the defaults: a local folder, nothing shared") {
  const pass_settings settings = read("{}");
  CHECK(settings.cache_dir == ".olive-cache");
  CHECK_FALSE(settings.shared);
  CHECK(settings.mode == pass_mode::read_write);
  CHECK_FALSE(settings.clean_cache);
  CHECK_FALSE(settings.clean_evaluation_cache);
  CHECK(settings.warnings.empty());
  CHECK(read(R"({"cache_dir": null})").cache_dir == ".olive-cache");
  CHECK(read(R"({"cache_dir": []})").cache_dir == ".olive-cache");
}

TEST_CASE("P6: one blob URL as cache_dir shares its container, keeps the default folder, and updates") {
  const pass_settings settings = read(R"({"cache_dir": "https://myaccount.blob.core.windows.net/mycontainer"})");
  REQUIRE(settings.shared);
  CHECK(settings.shared->account == "myaccount");
  CHECK(settings.shared->container == "mycontainer");
  CHECK(settings.shared->endpoint.empty());
  CHECK(settings.cache_dir == ".olive-cache");
  CHECK(settings.mode == pass_mode::read_write);
}

TEST_CASE("P6: a list of a folder and a blob URL, in either order") {
  for (const char* const text : {R"({"cache_dir": ["here", "https://acct.blob.core.windows.net/models/"]})",
                                 R"({"cache_dir": ["https://acct.blob.core.windows.net/models", "here"]})"}) {
    const pass_settings settings = read(text);
    REQUIRE(settings.shared);
    CHECK(settings.shared->account == "acct");
    CHECK(settings.shared->container == "models");
    CHECK(settings.cache_dir == "here");
    CHECK(settings.warnings.empty());
  }
}

TEST_CASE("P7: three directories are refused") {
  refused(R"({"cache_dir": ["a", "b", "https://acct.blob.core.windows.net/models"]})", "cache_dir has 3 entries");
}
TEST_CASE("P7: two shared URLs are refused") {
  refused(R"({"cache_dir": ["https://acct.blob.core.windows.net/one", "https://acct.blob.core.windows.net/two"]})",
          "two shared stores");
}
TEST_CASE("P7: of two local paths the first is used, with a warning") {
  std::vector<std::string> told;
  const pass_settings settings =
      pass_settings::from_json(R"({"cache_dir": ["one", "two"]})", [&](const std::string& text) { told.push_back(text); });
  CHECK(settings.cache_dir == "one");
  REQUIRE(settings.warnings.size() == 1);
  CHECK(settings.warnings[0].find("\"two\" is not") != std::string::npos);
  CHECK(told == settings.warnings);
}
TEST_CASE("P7: an account without a container is refused, and says so, in every spelling") {
  refused(R"({"cache_config": {"account_name": "acct"}})", "container_name is not given");
  refused(R"({"cache_dir": "https://acct.blob.core.windows.net"})", "an account without a container");
  refused(R"({"cache_dir": "https://acct.blob.core.windows.net/"})", "an account without a container");
  refused(R"({"cloud_cache_config": {"account_url": "https://acct.blob.core.windows.net"}})", "without container_name");
  refused(R"({"cache_config": {"container_name": "models"}})", "account_name is not given");
}

TEST_CASE("cache_config wins entirely over the keys beside it") {
  const pass_settings settings = read(
      R"({"cache_dir": ["flat", "https://other.blob.core.windows.net/other"], "clean_cache": true,
          "cache_config": {"account_name": "acct", "container_name": "models", "update_shared_cache": false, "clean_evaluation_cache": true}})");
  REQUIRE(settings.shared);
  CHECK(settings.shared->account == "acct");
  CHECK(settings.cache_dir == ".olive-cache");
  CHECK(settings.mode == pass_mode::read_only);
  CHECK_FALSE(settings.clean_cache);
  CHECK(settings.clean_evaluation_cache);
  CHECK(settings.warnings.size() == 2);
  CHECK(read(R"({"cache_config": {"cache_dir": "mine"}, "cache_dir": "flat"})").cache_dir == "mine");
}

TEST_CASE("enable_shared_cache turns a named store off, and cannot turn on what is not named") {
  CHECK_FALSE(
      read(R"({"cache_config": {"account_name": "acct", "container_name": "models", "enable_shared_cache": false}})").shared);
  refused(R"({"cache_config": {"enable_shared_cache": true}})", "no shared store is named");
}

TEST_CASE("P19: the older spelling says the same as the new one") {
  const auto same = [](std::string_view older, std::string_view newer) {
    CAPTURE(std::string(older));
    const pass_settings a = read(older), b = read(newer);
    CHECK(a.cache_dir == b.cache_dir);
    REQUIRE(a.shared.has_value() == b.shared.has_value());
    if (a.shared) {
      CHECK(a.shared->account == b.shared->account);
      CHECK(a.shared->container == b.shared->container);
      CHECK(a.shared->endpoint == b.shared->endpoint);
    }
    CHECK(a.mode == b.mode);
  };
  same(R"({"cloud_cache_config": {"account_url": "https://acct.blob.core.windows.net", "container_name": "models"}})",
       R"({"cache_config": {"account_name": "acct", "container_name": "models"}})");
  same(
      R"({"cloud_cache_config": {"account_url": "https://acct.blob.core.windows.net/", "container_name": "models", "upload_to_cloud": false}})",
      R"({"cache_config": {"account_name": "acct", "container_name": "models", "update_shared_cache": false}})");
  same(
      R"({"cloud_cache_config": {"enable_cloud_cache": false, "account_url": "https://acct.blob.core.windows.net", "container_name": "models"}})",
      R"({"cache_config": {"account_name": "acct", "container_name": "models", "enable_shared_cache": false}})");
  same(R"({"cloud_cache_config": true, "cache_dir": ["here", "https://acct.blob.core.windows.net/models"]})",
       R"({"cache_config": {"cache_dir": "here", "account_name": "acct", "container_name": "models"}})");
  same(R"({"cloud_cache_config": false, "cache_dir": ["here", "https://acct.blob.core.windows.net/models"]})",
       R"({"cache_dir": "here"})");
  refused(R"({"cloud_cache_config": true})", "nothing names the store");
  refused(R"({"cloud_cache_config": {}})", "no store is named");
}

TEST_CASE("P19: the account of an emulator is the first part of its address") {
  const pass_settings settings =
      read(R"({"cloud_cache_config": {"account_url": "http://127.0.0.1:10000/devstoreaccount1", "container_name": "models"}})");
  REQUIRE(settings.shared);
  CHECK(settings.shared->account == "devstoreaccount1");
  CHECK(settings.shared->endpoint == "http://127.0.0.1:10000/devstoreaccount1");
  const larder::azure same = larder::artifacts::parse_blob_url("http://127.0.0.1:10000/devstoreaccount1/models", "cache_dir");
  CHECK(same.endpoint == settings.shared->endpoint);
  CHECK(same.container == "models");
  CHECK(larder::artifacts::parse_blob_url("https://acct.blob.core.chinacloudapi.cn/models", "x").endpoint ==
        "https://acct.blob.core.chinacloudapi.cn");
}

TEST_CASE("P22: the mode is said in words, or by what may be updated") {
  CHECK(read(R"({"mode": "write_only"})").mode == pass_mode::write_only);
  CHECK(read(R"({"cache_config": {"mode": "read_only"}})").mode == pass_mode::read_only);
  refused(R"({"mode": "readonly"})", "read_write, read_only or write_only");
}

TEST_CASE("a key that is none is an error with the nearest one that is") {
  refused(R"({"cache_dri": "x"})", R"(there is no key "cache_dri"; did you mean "cache_dir"?)");
  refused(R"({"cache_config": {"acount_name": "x"}})",
          R"(cache_config: there is no key "acount_name"; did you mean "account_name"?)");
  refused(R"({"cloud_cache_config": {"upload_to_clud": true}})", R"(did you mean "upload_to_cloud"?)");
  refused(R"({"clean_cache": "yes"})", "clean_cache is a string; it can be true or false");
  refused(R"({"cache_dir": 7})", "cache_dir is a whole number");
  refused(R"({"cache_dir": ["a", 7]})", "a whole number in its list");
  refused(R"({"cache_config": []})", "cache_config is no object");
  refused(R"({"cloud_cache_config": "yes"})", "it can be true, false or an object");
  refused(R"({"cache_dir": "a", "cache_dir": "b"})", "twice");
  refused(R"([])", "is not an object");
  refused(R"({"cache_dir": ""})", "empty path");
  refused(R"({"workflow_id": ""})", "workflow_id is empty");
}

TEST_CASE("what may be a secret is not repeated, and a name that cannot be is refused") {
  const auto refusal =
      refusal_of([] { read(R"({"cache_dir": "https://acct.blob.core.windows.net/models?sig=hidden"})"); }, {"hidden"});
  CHECK(refusal.cause == error_cause::invalid_argument);
  CHECK(says(refusal, "shared access signature"));
  refused(R"({"cache_dir": "https://acct.blob.core.windows.net/Models"})", "no container's name");
  refused(R"({"cache_config": {"account_name": "A", "container_name": "models"}})", "no account's name");
  refused(R"({"cache_dir": "ftp://host/models"})", "neither http nor https");
  refused(R"({"cache_dir": "https://example.com"})", "without a container");
}
