#include <larder/remote/credentials.hpp>

#include <string>

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

namespace {

using larder::remote::http_request;
using larder::remote::http_response;
using larder::remote::transport_settings;

/// Answers 401 to a token that is no longer good.
struct strict_transport {
  explicit strict_transport(const transport_settings&) {}
  http_response send(const http_request& request) {
    ++sent;
    REQUIRE(request.headers.size() == 2);  // signed anew, not twice
    http_response answer;
    answer.status = request.headers[1].value.reveal() == good ? 200 : 401;
    return answer;
  }
  static inline int sent = 0;
  static inline std::string good;
};

struct signer_with_tokens {
  int* asked;
  int* refused;
  bool knows_more = true;
  void sign(http_request& request) const { request.headers.push_back({"Authorization", "token " + std::to_string((*asked)++)}); }
  bool rejected(const http_request& sent) const {
    CHECK(sent.headers.back().name == "Authorization");
    ++*refused;
    return knows_more;
  }
};

http_request with_a_header() {
  http_request request;
  request.headers.push_back({"X", "y"});
  return request;
}

}  // namespace

TEST_CASE("a request that is not authorized is signed anew and sent once more") {
  int asked = 0;
  int refused = 0;
  larder::remote::authorized<strict_transport, signer_with_tokens> transport({&asked, &refused}, {});
  strict_transport::good = "token 1";
  strict_transport::sent = 0;
  CHECK(transport.send(with_a_header()).status == 200);
  CHECK(strict_transport::sent == 2);
  CHECK(refused == 1);

  strict_transport::good = "none";
  CHECK(transport.send(with_a_header()).status == 401);
  CHECK(strict_transport::sent == 4);
  CHECK(refused == 2);
}

TEST_CASE("a 401 is final where the signer has nothing newer, or never has") {
  int asked = 0;
  int refused = 0;
  strict_transport::good = "none";
  strict_transport::sent = 0;
  larder::remote::authorized<strict_transport, signer_with_tokens> stubborn({&asked, &refused, false}, {});
  CHECK(stubborn.send(with_a_header()).status == 401);
  CHECK(strict_transport::sent == 1);
  larder::remote::authorized<strict_transport, larder::remote::fixed_credentials> fixed(larder::remote::fixed_credentials::bearer("x"), {});
  CHECK(fixed.send(with_a_header()).status == 401);
  CHECK(strict_transport::sent == 2);
}
