#include <larder/remote/s3_answer.hpp>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

namespace {

using larder::bytes;
using larder::error_cause;
using larder::remote::s3_cause;
using larder::remote::s3_document;

std::string code(std::string_view body) {
  larder::remote::http_response answer;
  answer.body = bytes::copy_of(body);
  return larder::remote::s3_code(answer);
}

struct refusal {
  error_cause cause{};
  std::string said;
};
refusal refused(int status, std::vector<larder::remote::http_header> headers, std::string_view code,
                std::string_view advice = {}) {
  larder::remote::http_response answer;
  answer.status = status;
  answer.headers = std::move(headers);
  larder::remote::http_request request;
  request.target = larder::remote::parse_url("https://h/o?X-Amz-Signature=PLANTED");
  try {
    larder::remote::fail_s3(request, answer, code, advice);
  } catch (const larder::error& e) {
    return {e.cause(), e.what()};
  }
}

}  // namespace

TEST_CASE("a document of one level is read whatever its namespace, and deeper things are not mistaken for its fields") {
  for (const char* ns :
       {"", " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"", " xmlns=\"http://doc.s3.amazonaws.com/2006-03-01\""}) {
    const s3_document d = s3_document::read(" \n<?xml version=\"1.0\"?><R" + std::string(ns) +
                                            "><A>1 &lt; 2</A><B><A>deep</A></B><A>second</A></R>");
    CHECK(d.root() == "R");
    CHECK(d.field("A") == "1 < 2");
    CHECK(d.field("B").find("deep") == std::string::npos);
    CHECK(d.field("C").empty());
  }
  for (const char* broken : {"", " ", "text", "<R>", "<R><A></R>", "<!DOCTYPE r><R/>"})
    CHECK_THROWS_AS(s3_document::read(broken), larder::error);
}

TEST_CASE("a code is what the answer's own error says, in letters and digits") {
  CHECK(code("<Error><Code>NoSuchKey</Code><Message>m</Message></Error>") == "NoSuchKey");
  CHECK(code("<Error><Code>A-b c/1&lt;\n</Code></Error>") == "Abc1");
  CHECK(code("<Error><Code>" + std::string(100, 'x') + "</Code></Error>") == std::string(64, 'x'));
  CHECK(code("") == "");
  CHECK(code("<Error/>") == "");
  CHECK(code("<Errors><Code>NoSuchKey</Code></Errors>") == "");
  CHECK(code("<Error><Detail><Code>NoSuchKey</Code></Detail></Error>") == "");
  CHECK(code("<Error><Code>NoSuchKey</Code>") == "");  // cut
  CHECK(code("<html>") == "");
}

TEST_CASE("a code that is known decides the cause, else the status does") {
  CHECK(s3_cause(400, "ExpiredToken") == error_cause::unauthorized);
  CHECK(s3_cause(400, "AuthorizationHeaderMalformed") == error_cause::unauthorized);
  CHECK(s3_cause(200, "InternalError") == error_cause::server);
  CHECK(s3_cause(403, "") == error_cause::unauthorized);
  CHECK(s3_cause(400, "RequestTimeout") == error_cause::timeout);
  CHECK(s3_cause(504, "") == error_cause::timeout);
  CHECK(s3_cause(507, "") == error_cause::no_space);
  CHECK(s3_cause(400, "QuotaExceeded") == error_cause::no_space);
  CHECK(s3_cause(404, "NoSuchBucket") == error_cause::server);
}

TEST_CASE("a failure says the request, the status, the code, the id, the way out and where the bucket is") {
  const refusal known =
      refused(400, {{"x-amz-request-id", "4442587FB7D0A2F9"}, {"x-amz-bucket-region", "eu-west-1"}}, "ExpiredToken");
  CHECK(known.cause == error_cause::unauthorized);
  CHECK(known.said ==
        "larder: GET https://h/o answered 400 (ExpiredToken, request 4442587FB7D0A2F9); the session token is no longer taken; "
        "get new "
        "credentials; the bucket is in eu-west-1");
  CHECK(refused(301, {{"x-amz-bucket-region", "eu-west-1"}}, "").said ==
        "larder: GET https://h/o answered 301; the bucket seems to be in another region; set region; the bucket is in eu-west-1");
  CHECK(refused(500, {{"x-amz-bucket-region", "eu-west-1"}}, "").said.find("eu-west-1") == std::string::npos);
  CHECK(refused(500, {{"x-guploader-uploadid", "AB-c_9"}}, "").said.find("answered 500 (request AB-c_9); ") != std::string::npos);
  CHECK(refused(200, {}, "", "it says nothing").said == "larder: GET https://h/o answered 200; it says nothing");
}

TEST_CASE("of what the service wrote into headers only what has the shape of an id or a region reaches a message") {
  const std::string said =
      refused(301, {{"x-amz-request-id", "A<b>\r\n\x1b[1"}, {"x-amz-bucket-region", "eu-WEST\n;1/"}, {"location", "PLANTED"}}, "")
          .said;
  CHECK(said.find("(request Ab1)") != std::string::npos);
  CHECK(said.ends_with("; the bucket is in eu-1"));
  CHECK(said.find("PLANTED") == std::string::npos);
  const std::string endless =
      refused(301, {{"x-amz-request-id", std::string(500, 'a')}, {"x-amz-bucket-region", std::string(500, 'b')}}, "").said;
  CHECK(endless.find("(request " + std::string(64, 'a') + ")") != std::string::npos);
  CHECK(endless.ends_with(" is in " + std::string(32, 'b')));
}
