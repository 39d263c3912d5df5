#include <larder/remote/s3_answer.hpp>

#include <string>
#include <string_view>

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

}  // namespace

TEST_CASE("a document of one level is read whatever its namespace, and deeper things are not mistaken for its fields") {
  for (const char* ns : {"", " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"", " xmlns=\"http://doc.s3.amazonaws.com/2006-03-01\""}) {
    const s3_document d = s3_document::read(" \n<?xml version=\"1.0\"?><R" + std::string(ns) + "><A>1 &lt; 2</A><B><A>deep</A></B><A>second</A></R>");
    CHECK(d.root() == "R");
    CHECK(d.field("A") == "1 < 2");
    CHECK(d.field("B").find("deep") == std::string::npos);
    CHECK(d.field("C").empty());
  }
  for (const char* broken : {"", " ", "text", "<R>", "<R><A></R>", "<!DOCTYPE r><R/>"}) CHECK_THROWS_AS(s3_document::read(broken), larder::error);
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
