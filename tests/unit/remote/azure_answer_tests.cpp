#include <larder/remote/azure_answer.hpp>

#include "scripted_transport.hpp"

#include <string>
#include <string_view>

#include <doctest/doctest.h>

#include "support/refusal.hpp"

namespace {

namespace azure_answer = larder::remote::azure_answer;
using larder::error_cause;
using larder::remote::http_response;
using larder::test::answer_of;

constexpr std::string_view an_id = "11111111-2222-3333-4444-55555555aBcF";

http_response failure(int status, std::string_view code, std::string_view id = {}) {
  http_response answer = answer_of(status, {}, "<Error><Code>PLANTED</Code></Error>");
  if (!code.empty()) answer.headers.push_back({"x-ms-error-code", code});
  if (!id.empty()) answer.headers.push_back({"x-ms-request-id", id});
  return answer;
}

support::refusal refused(const http_response& answer, std::string_view words = {}) {
  const larder::remote::http_request request = larder::test::request_for("PUT", "https://h/c/o?sig=PLANTED");
  return support::refusal_of([&] { azure_answer::fail(request, answer, words); }, {"PLANTED"});
}

}  // namespace

TEST_CASE("an id of the service is hexadecimal digits and dashes, 64 of them at most") {
  CHECK(azure_answer::is_id(an_id));
  CHECK(azure_answer::is_id("0"));
  CHECK(azure_answer::is_id(std::string(64, 'f')));
  for (const char* text : {"", "g", "0 1", "0\n", "0x1", "{0}", "0;", "\xc3\xa9"}) {
    CAPTURE(text);
    CHECK_FALSE(azure_answer::is_id(text));
  }
  CHECK_FALSE(azure_answer::is_id(std::string(65, 'f')));
  CHECK_FALSE(azure_answer::is_id(std::string_view("0\0", 2)));
}

TEST_CASE("a code of the service is letters and digits, 64 of them at most") {
  for (const std::string& code : {std::string("BlobNotFound"), std::string("a1Z9"), std::string(64, 'x')})
    CHECK(azure_answer::code(failure(404, code)) == code);
  CHECK(azure_answer::code(failure(404, "")) == "");  // a proxy's
  for (const std::string& code :
       {std::string("Blob NotFound"), std::string("Blob-1"), std::string("<b>"), std::string("a\r\nb"), std::string(65, 'x')})
    CHECK(azure_answer::code(failure(404, code)) == "");
}

TEST_CASE("an object is absent by the status and the code together") {
  CHECK(azure_answer::says_absent(failure(404, "BlobNotFound")));
  for (const char* other : {"", "ContainerNotFound", "ResourceNotFound", "blobnotfound", "BlobNotFound "})
    CHECK_FALSE(azure_answer::says_absent(failure(404, other)));
  for (const int status : {200, 403, 409, 410, 412}) CHECK_FALSE(azure_answer::says_absent(failure(status, "BlobNotFound")));
}

TEST_CASE("a code that is known tells the way out, else the status does") {
  const auto tells = [](int status, std::string_view code, std::string_view words) {
    return azure_answer::advice(status, code).find(words) != std::string_view::npos;
  };
  CHECK(tells(404, "ContainerNotFound", "create it"));
  CHECK(tells(409, "ContainerBeingDeleted", "try later"));
  CHECK(tells(403, "AuthenticationFailed", "clock"));
  CHECK(tells(403, "AuthorizationPermissionMismatch", "do not permit"));
  CHECK(tells(403, "InsufficientAccountPermissions", "do not permit"));
  CHECK(tells(403, "KeyBasedAuthenticationNotPermitted", "use a token"));
  CHECK(tells(412, "LeaseIdMissing", "lease"));
  CHECK(tells(413, "RequestBodyTooLarge", "lower block_size"));
  CHECK(tells(409, "BlobArchived", "archive"));
  CHECK(tells(400, "InvalidBlockList", "put it again"));
  CHECK(tells(404, "", "check the endpoint"));
  CHECK(tells(404, "ResourceNotFound", "check the endpoint"));
  for (const int status : {302, 400, 401, 429, 500, 503, 507})
    CHECK(azure_answer::advice(status, "Other") == larder::remote::advice_for_status(status));
}

TEST_CASE("a failure says the request, the status, the code, the id and the way out") {
  const std::string id(an_id);
  const auto all = [&](int status, std::string_view code, std::string_view given, std::string_view words = {}) {
    return refused(failure(status, code, given), words).message;
  };
  CHECK(all(404, "ContainerNotFound", id) ==
        "larder: PUT https://h/c/o answered 404; ContainerNotFound, request " + id + "; the container is missing, create it");
  CHECK(all(404, "", id) ==
        "larder: PUT https://h/c/o answered 404; request " + id + "; check the endpoint and the container's name");
  CHECK(all(404, "", "") == "larder: PUT https://h/c/o answered 404; check the endpoint and the container's name");
  CHECK(all(400, "Other", "") == "larder: PUT https://h/c/o answered 400; Other");
  CHECK(all(400, "", "") == "larder: PUT https://h/c/o answered 400");
  CHECK(all(200, "", "", "it does not say how large the object is") ==
        "larder: PUT https://h/c/o answered 200; it does not say how large the object is");
  CHECK(all(404, "ContainerNotFound", "", "other words") ==
        "larder: PUT https://h/c/o answered 404; ContainerNotFound; other words");
}

TEST_CASE("a failure is of its status' cause, whatever the code") {
  for (const int status : {200, 302, 400, 401, 403, 404, 408, 409, 412, 429, 500, 503, 504, 507})
    CHECK(refused(failure(status, "ServerBusy")).cause == larder::remote::cause_of_status(status));
}

TEST_CASE("nothing else that the service wrote reaches a message, not even where a code or an id is expected") {
  for (const char* planted : {"PLANTED!", "PLANTED\r\nx: y", "PLANTED \x1b[31m", "<PLANTED>", "sig=PLANTED"}) {
    CAPTURE(planted);
    http_response answer = failure(403, planted, planted);
    for (const char* name : {"x-ms-error-message", "www-authenticate", "location", "server"})
      answer.headers.push_back({name, "PLANTED"});
    const support::refusal r = refused(answer);
    CHECK(r.message == "larder: PUT https://h/c/o answered 403; check the credentials and what they permit");
    CHECK(r.cause == error_cause::unauthorized);
  }
  CHECK(refused(failure(403, std::string(65, 'P'), std::string(65, 'a'))).message.find("PP") == std::string::npos);
  CHECK(refused(failure(403, std::string(65, 'P'), std::string(65, 'a'))).message.find("aaaa") == std::string::npos);
}
