// The settings of a WebDAV store; its client is tested in storage/http_blob_tests.cpp.

#include <larder/remote/webdav.hpp>

#include <doctest/doctest.h>

#include "support/refusal.hpp"

using larder::error_cause;
using larder::webdav;
using support::refusal;
using support::refusal_of;

namespace {

refusal refusal_by(const webdav& settings) {
  return refusal_of([&] { (void)settings.credentials(); }, {"hunter2"});
}

/// Signs a request as the settings say, and gives the header that they add; nothing when they add none.
std::string signed_by(const webdav& settings) {
  larder::remote::http_request request;
  settings.credentials().sign(request);
  return request.headers.empty() ? std::string() : std::string(request.headers.at(0).value.reveal());
}

}  // namespace

TEST_CASE("WebDAV: a user with a password, a token, or nobody asks") {
  CHECK(signed_by({.url = "https://host/models"}).empty());
  CHECK(signed_by({.url = "http://host/models"}).empty());
  CHECK(signed_by({.url = "https://host/models", .user = "me", .password = "hunter2"}) == "Basic bWU6aHVudGVyMg==");
  CHECK(signed_by({.url = "https://host/models", .user = "me"}) == "Basic bWU6");
  CHECK(signed_by({.url = "https://host/models", .bearer_token = "hunter2"}) == "Bearer hunter2");
}

TEST_CASE("E3: WebDAV credentials go unencrypted to this machine only, unless that is allowed") {
  for (const bool token : {false, true}) {
    CAPTURE(token);
    webdav open{.url = "http://storage.example/models"};
    if (token) {
      open.bearer_token = "hunter2";
    } else {
      open.user = "me";
      open.password = "hunter2";
    }
    const refusal came = refusal_by(open);
    CHECK(came.cause == error_cause::invalid_argument);
    CHECK(support::says(came, "http://storage.example/models would travel unencrypted; use https"));
    for (const char* near :
         {"http://127.0.0.1:8080/models", "http://[::1]/models", "http://localhost/models", "https://storage.example/models"}) {
      CAPTURE(near);
      webdav local = open;
      local.url = near;
      CHECK_FALSE(refusal_by(local).cause);
    }
    for (const char* far : {"http://127.0.0.1.example/", "http://localhost.example/", "http://0.0.0.0/", "http://10.0.0.1/"}) {
      CAPTURE(far);
      webdav elsewhere = open;
      elsewhere.url = far;
      CHECK(refusal_by(elsewhere).cause == error_cause::invalid_argument);
    }
    open.allow_unencrypted_credentials = true;
    CHECK_FALSE(refusal_by(open).cause);
  }
}

TEST_CASE("WebDAV: credentials that contradict each other are refused") {
  const auto refused = [](const webdav& settings, const char* words) {
    const refusal came = refusal_by(settings);
    return came.cause == error_cause::invalid_argument && support::says(came, words);
  };
  CHECK(refused({.url = "https://host/models", .password = "hunter2"}, "set user"));
  CHECK(refused({.url = "https://host/models", .user = "me", .password = "hunter2", .bearer_token = "hunter2"},
                "exclude each other"));
  CHECK(refused({.url = "https://host/models?sig=hunter2"}, "with a query"));
}

TEST_CASE("WebDAV: what the transport is told is what the settings say") {
  const webdav settings{
      .url = "https://host/models", .timeouts = {.connect = std::chrono::milliseconds(7)}, .ca_file = "/authorities.pem"};
  CHECK(settings.transport().timeouts.connect == std::chrono::milliseconds(7));
  CHECK(settings.transport().ca_file == "/authorities.pem");
}
