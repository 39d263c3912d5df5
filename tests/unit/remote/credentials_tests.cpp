#include <larder/remote/credentials.hpp>

#include <doctest/doctest.h>

TEST_CASE("credentials become one header") {
  larder::remote::http_request request;
  larder::remote::fixed_credentials{}.sign(request);
  CHECK(request.headers.empty());
  larder::remote::fixed_credentials::basic("Aladdin", "open sesame").sign(request);
  larder::remote::fixed_credentials::bearer("token").sign(request);
  REQUIRE(request.headers.size() == 2);
  CHECK(request.headers[0].value.reveal() == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
  CHECK(request.headers[1].value.reveal() == "Bearer token");
}
