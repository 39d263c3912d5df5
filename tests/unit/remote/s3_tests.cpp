#include <larder/remote/s3.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

namespace {

using larder::s3;
using larder::s3_addressing;
using larder::s3_conditional_put;
using larder::s3_dialect;
using larder::remote::environment_reader;

environment_reader with(std::map<std::string, std::string> variables = {}) {
  return [variables = std::move(variables)](const std::string& name) {
    const auto at = variables.find(name);
    return at == variables.end() ? std::nullopt : std::optional<std::string>(at->second);
  };
}
std::string address(const s3& settings, const environment_reader& environment = with()) {
  return settings.address(environment).text();
}

/// The Authorization and the other headers that a request to the bucket gets.
std::string headers(const s3& settings, const environment_reader& environment = with()) {
  larder::remote::http_request request;
  request.target = settings.address(environment);
  settings.credentials(environment).sign(request);
  std::string all;
  for (const auto& h : request.headers) all += h.name + ": " + std::string(h.value.reveal()) + "\n";
  return all;
}

std::string complaint(const std::function<void()>& f) {
  try {
    f();
  } catch (const larder::error& e) {
    CHECK(e.cause() == larder::error_cause::invalid_argument);
    CHECK(std::string_view(e.what()).find("planted") == std::string_view::npos);
    return e.what();
  }
  return {};
}
std::string complaint(const s3& settings, const environment_reader& environment = with()) {
  return complaint([&] { settings.credentials(environment); });
}
bool has(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

const s3 keyed{.bucket = "models", .region = "eu-west-1", .access_key_id = "AKID", .secret_access_key = "planted"};
s3 changed(const std::function<void(s3&)>& change) {
  s3 out = keyed;
  change(out);
  return out;
}

}  // namespace

TEST_CASE("a bucket stands before AWS's host, unless no host can be called so, and in the path elsewhere") {
  CHECK(address(keyed) == "https://models.s3.eu-west-1.amazonaws.com/");
  CHECK(address(changed([](s3& s) { s.region = "cn-north-1"; })) == "https://models.s3.cn-north-1.amazonaws.com.cn/");
  CHECK(address(changed([](s3& s) { s.bucket = "my.models"; })) == "https://s3.eu-west-1.amazonaws.com/my.models");
  CHECK(address(changed([](s3& s) { s.bucket = "Old_Models"; })) == "https://s3.eu-west-1.amazonaws.com/Old_Models");
  CHECK(address(changed([](s3& s) { s.addressing = s3_addressing::path; })) == "https://s3.eu-west-1.amazonaws.com/models");
  CHECK(address(changed([](s3& s) { s.endpoint = "https://minio.example.org:9000/s3/"; })) ==
        "https://minio.example.org:9000/s3/models");
  const auto before_host = [](const std::string& endpoint) {
    return changed([&](s3& s) {
      s.endpoint = endpoint;
      s.addressing = s3_addressing::virtual_hosted;
    });
  };
  CHECK(address(before_host("https://ceph.example.org:8443/s3")) == "https://models.ceph.example.org:8443/s3");
  CHECK(has(complaint(before_host("http://127.0.0.1:9000")), "cannot stand before the number"));
  CHECK(has(complaint(before_host("http://[::1]:9000")), "cannot stand before the number"));
}

TEST_CASE("the region comes from the settings, the environment, or what compatible services take") {
  const auto region = [](const s3& settings, const environment_reader& environment) {
    const std::string all = headers(settings, environment);
    const std::size_t from = all.find("Credential=AKID/") + 25;
    return all.substr(from, all.find('/', from) - from);
  };
  const s3 none = changed([](s3& s) { s.region.clear(); });
  CHECK(region(keyed, with({{"AWS_REGION", "us-west-1"}})) == "eu-west-1");
  CHECK(region(none, with({{"AWS_REGION", "us-west-1"}, {"AWS_DEFAULT_REGION", "us-west-2"}})) == "us-west-1");
  CHECK(region(none, with({{"AWS_DEFAULT_REGION", "us-west-2"}})) == "us-west-2");
  CHECK(has(complaint(none), "AWS_REGION"));
  s3 elsewhere = none;
  elsewhere.endpoint = "https://minio.example.org";
  CHECK(region(elsewhere, with()) == "us-east-1");
  elsewhere.endpoint = "https://storage.googleapis.com";
  CHECK(region(elsewhere, with({{"AWS_REGION", "us-west-1"}})) == "auto");
  CHECK(has(complaint(none, with({{"AWS_REGION", "us west/planted"}})), "character that no region has"));
}

TEST_CASE("Google is known by its host, and create_only trusts AWS and Google only") {
  const auto at = [](const std::string& endpoint) { return changed([&](s3& s) { s.endpoint = endpoint; }); };
  CHECK(at("https://storage.googleapis.com").speaks_google());
  CHECK(at("https://models.storage.googleapis.com").speaks_google());
  CHECK_FALSE(at("https://storage.googleapis.com.example.org").speaks_google());
  CHECK_FALSE(at("https://notstorage.googleapis.com").speaks_google());
  CHECK_FALSE(keyed.speaks_google());
  CHECK(headers(at("https://storage.googleapis.com")).find("GOOG4-HMAC-SHA256") != std::string::npos);
  CHECK(changed([](s3& s) { s.dialect = s3_dialect::google; }).speaks_google());
  CHECK(keyed.condition() == s3_conditional_put::yes);
  CHECK(at("https://storage.googleapis.com").condition() == s3_conditional_put::yes);
  CHECK(at("https://minio.example.org").condition() == s3_conditional_put::automatic);
  CHECK(changed([](s3& s) { s.conditional_put = s3_conditional_put::no; }).condition() == s3_conditional_put::no);
  CHECK(has(complaint(changed([](s3& s) {
              s.dialect = s3_dialect::google;
              s.session_token = "planted";
            })),
            "have no session token"));
}

TEST_CASE("keys come from the settings, else from where AWS's tools have them, and only for whom they are meant") {
  const environment_reader environment =
      with({{"AWS_ACCESS_KEY_ID", "AKENV"}, {"AWS_SECRET_ACCESS_KEY", "planted"}, {"AWS_SESSION_TOKEN", "the-token"}});
  CHECK(has(headers(keyed, environment), "Credential=AKID/"));
  CHECK_FALSE(has(headers(keyed, environment), "the-token"));  // the environment's token belongs to the environment's key
  const s3 open = changed([](s3& s) {
    s.access_key_id.clear();
    s.secret_access_key = larder::secret{};
  });
  CHECK(has(headers(open, environment), "Credential=AKENV/"));
  CHECK(has(headers(open, environment), "x-amz-security-token: the-token\n"));
  CHECK(has(complaint(open), "no credentials"));
  s3 anonymous = open;
  anonymous.anonymous = true;
  CHECK(headers(anonymous, environment) == "");
  CHECK(has(complaint(changed([](s3& s) { s.anonymous = true; })), "exclude each other"));
  CHECK(has(complaint(changed([](s3& s) { s.secret_access_key = larder::secret{}; })), "belong together"));
  CHECK(has(complaint(changed([](s3& s) { s.access_key_id.clear(); })), "belong together"));
  CHECK(has(complaint(changed([](s3& s) { s.profile = "work"; })), "exclude each other"));
  s3 token = open;
  token.session_token = "planted";
  CHECK(has(complaint(token), "belong together"));
  CHECK(has(complaint(changed([](s3& s) { s.access_key_id = "AK/ID"; })), "access key id"));
  CHECK(has(complaint(changed([](s3& s) { s.access_key_id = "AK\r\nplanted"; })), "access key id"));
}

TEST_CASE("signed requests go over http to this machine only, unless that is allowed") {
  const auto at = [](const std::string& endpoint) { return changed([&](s3& s) { s.endpoint = endpoint; }); };
  CHECK(complaint(at("http://127.0.0.1:9000")).empty());
  CHECK(complaint(at("http://localhost:9000")).empty());
  CHECK(has(complaint(at("http://minio:9000")), "unencrypted"));
  CHECK(has(complaint(at("http://127.0.0.1.example.org")), "unencrypted"));
  CHECK(complaint(changed([](s3& s) {
          s.endpoint = "http://minio:9000";
          s.allow_unencrypted_credentials = true;
        })).empty());
  CHECK(complaint(s3{.bucket = "models", .endpoint = "http://minio:9000", .anonymous = true}).empty());
  CHECK(complaint(changed([](s3& s) {
          s.endpoint = "http://localhost:9000";
          s.addressing = s3_addressing::virtual_hosted;
        })).empty());
}

TEST_CASE("settings that cannot work are said to be, before anything is sent") {
  for (const char* bucket : {"", "ab", "s3://models", "models/x", "mo dels", "mo..dels", ".models", "models.", "mod\xc3\xa9ls"}) {
    CAPTURE(bucket);
    CHECK(has(complaint(changed([&](s3& s) { s.bucket = bucket; })), "bucket's name"));
  }
  CHECK(has(complaint(changed([](s3& s) {
              s.bucket = "Models";
              s.addressing = s3_addressing::virtual_hosted;
            })),
            "host's name"));
  for (const char* endpoint : {"minio:9000", "ftp://minio", "https://user:planted@minio", "https://minio/a//b",
                               "https://minio/%2e%2e", "https://minio?x=planted"}) {
    CAPTURE(endpoint);
    CHECK(has(complaint(changed([&](s3& s) { s.endpoint = endpoint; })), "s3 endpoint"));
  }
  for (const std::string& prefix :
       {std::string("/"), std::string("/a"), std::string("a//b"), std::string("a//"), std::string("../a"), std::string("a/./b"),
        std::string("a\nb"), std::string("a\0b", 3), std::string(513, 'a')}) {
    CAPTURE(prefix);
    CHECK(has(complaint(changed([&](s3& s) { s.prefix = prefix; })), "prefix"));
  }
  for (const char* prefix : {"", "a", "a/", "a/b c/+%", "...", "a..b"})
    CHECK(complaint(changed([&](s3& s) { s.prefix = prefix; })).empty());
  for (const std::uint64_t size : {std::uint64_t{0}, s3::min_part_size - 1, s3::max_part_size + 1})
    CHECK(has(complaint(changed([&](s3& s) { s.part_size = size; })), "part_size"));
}

TEST_CASE("the client is told what the settings say") {
  const larder::remote::s3_bucket where = changed([](s3& s) {
                                            s.prefix = "a/b";
                                            s.part_size = s3::min_part_size;
                                            s.max_object = 7;
                                          }).where(with());
  CHECK(where.folder == "a/b/");
  CHECK(where.part_size == s3::min_part_size);
  CHECK(where.max_object == 7);
  CHECK(where.condition == s3_conditional_put::yes);
  CHECK(changed([](s3& s) { s.prefix = "a/"; }).where(with()).folder == "a/");
  CHECK(keyed.where(with()).folder.empty());
  const s3 timed{.timeouts = {.connect = std::chrono::milliseconds(7)}, .ca_file = "ca.pem"};
  CHECK(timed.transport().timeouts.connect.count() == 7);
  CHECK(timed.transport().ca_file == "ca.pem");
}
