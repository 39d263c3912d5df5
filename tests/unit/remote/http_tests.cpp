#include <larder/remote/http.hpp>

#include <string>
#include <string_view>

#include <doctest/doctest.h>

namespace remote = larder::remote;
using larder::error_cause;

static_assert(remote::cause_of_status(401) == error_cause::unauthorized && remote::cause_of_status(403) == error_cause::unauthorized);
static_assert(remote::cause_of_status(408) == error_cause::timeout && remote::cause_of_status(504) == error_cause::timeout);
static_assert(remote::cause_of_status(429) == error_cause::server && remote::cause_of_status(503) == error_cause::server);
static_assert(remote::cause_of_status(302) == error_cause::server && remote::cause_of_status(507) == error_cause::no_space);
static_assert(remote::is_absent(404) && remote::is_absent(410) && !remote::is_absent(403));

TEST_CASE("a status becomes a sentence that names the request, without its query") {
  remote::http_request request;
  request.method = "PUT";
  request.target = remote::parse_url("https://h/x?sig=PLANTED");
  for (const int status : {301, 400, 401, 403, 404, 407, 408, 409, 429, 500, 503, 504, 507}) {
    try {
      remote::fail_status(request, status);
    } catch (const larder::error& e) {
      CHECK(std::string(e.what()).find("PUT https://h/x answered " + std::to_string(status)) != std::string::npos);
      CHECK(std::string(e.what()).find("PLANTED") == std::string::npos);
      CHECK(e.cause() == remote::cause_of_status(status));
    }
  }
}

TEST_CASE("a failure that the service names has the name in its message, and the cause that it means") {
  CHECK(remote::failure_name("Code", "id") == "Code, request id");
  CHECK(remote::failure_name("Code", "") == "Code");
  CHECK(remote::failure_name("", "id") == "request id");
  CHECK(remote::failure_name("", "") == "");
  remote::http_request request;
  request.target = remote::parse_url("https://h/x?sig=PLANTED");
  const auto said = [&](std::string_view name, std::string_view advice) {
    try {
      remote::fail_status(request, 400, error_cause::no_space, name, advice);
    } catch (const larder::error& e) {
      CHECK(e.cause() == error_cause::no_space);
      return std::string(e.what());
    }
  };
  CHECK(said("Code, request id", "make room") == "larder: GET https://h/x answered 400 (Code, request id); make room");
  CHECK(said("", "make room") == "larder: GET https://h/x answered 400; make room");
  CHECK(said("Code", "") == "larder: GET https://h/x answered 400 (Code)");
}

TEST_CASE("an answer's headers are found by their lower-case name, the first one first") {
  remote::http_response answer;
  answer.headers.push_back({"etag", "1"});
  answer.headers.push_back({"etag", "2"});
  CHECK(answer.header("etag") == "1");
  CHECK_FALSE(answer.header("ETag"));
}
