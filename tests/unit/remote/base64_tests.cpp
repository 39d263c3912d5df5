#include <larder/remote/base64.hpp>

#include <utility>

#include <doctest/doctest.h>

TEST_CASE("base64 agrees with the vectors of RFC 4648") {
  const std::pair<const char*, const char*> vectors[] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}, {"\xff\xfe\xfd", "//79"}};
  for (const auto& [text, encoded] : vectors) {
    CHECK(larder::remote::base64(text) == encoded);
    CHECK(larder::remote::base64_decoded(encoded) == text);
  }
}

TEST_CASE("what is not base64, or another spelling of the same bytes, is refused") {
  for (const char* text : {"Zg", "Zg=", "Zg===", "Z===", "====", "=Zg=", "Zg==Zg==", "Zm9v\n", "Zm-v", "Zh==", "Zm9=", "Z g="}) CHECK_FALSE(larder::remote::base64_decoded(text));
}
