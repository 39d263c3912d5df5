#include <larder/remote/base64.hpp>
#include <larder/serve/access_check.hpp>

#include <string>

#include <doctest/doctest.h>

using larder::serve::access_check;
using larder::serve::is_same_secret;

TEST_CASE("texts are compared as a whole") {
  CHECK(is_same_secret("token", "token"));
  CHECK(is_same_secret("", ""));
  for (const char* other : {"", "toke", "tokens", "Token", "tokem", "xoken", "tokentoken"}) {
    CHECK_FALSE(is_same_secret(other, "token"));
    CHECK_FALSE(is_same_secret("token", other));
  }
}

TEST_CASE("a name that any site could have is not answered to") {
  using larder::serve::may_be_asked_for_as;
  for (const char* own : {"localhost", "LocalHost:8080", "127.0.0.1", "127.0.0.1:80", "10.0.0.7:1", "[::1]", "[::1]:8080"})
    CHECK(may_be_asked_for_as(own));
  CHECK(may_be_asked_for_as({}));
  for (const char* other : {"", ":80", "x", "example.org:8080", "localhost.example.org", "127.0.0.1.example.org", "127.0.0",
                            "::1", "[::1", "[]", "[localhost]", "[127.0.0.1]", "1", "0x7f000001"})
    CHECK_FALSE(may_be_asked_for_as(other));
}

TEST_CASE("without a token everybody may ask") {
  const access_check open{{}};
  CHECK_FALSE(open.required());
  CHECK(open.admits(""));
  CHECK(open.admits("Bearer x"));
}

TEST_CASE("the token comes as a bearer's or as a password") {
  const access_check closed{"s3cret"};
  CHECK(closed.required());
  const auto basic = [](const std::string& text) { return "Basic " + larder::remote::base64(text); };
  for (const std::string& good :
       {std::string("Bearer s3cret"), std::string("bearer  s3cret"), basic("me:s3cret"), basic(":s3cret")})
    CHECK(closed.admits(good));
  for (const std::string& bad :
       {std::string(), std::string("Bearer"), std::string("Bearer "), std::string("Bearer s3cre"), std::string("s3cret"),
        std::string("Digest s3cret"), std::string("Bearer s3cret2"), basic("s3cret"), basic("s3cret:"), basic("me:s3cret:"),
        basic("me:no"), std::string("Basic s3cret"), std::string("Basic !")})
    CHECK_FALSE(closed.admits(bad));
  const access_check with_colon{"a:b"};
  CHECK(with_colon.admits(basic("me:a:b")));
}
