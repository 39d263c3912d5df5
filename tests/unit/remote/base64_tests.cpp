#include <larder/remote/base64.hpp>

#include <utility>

#include <doctest/doctest.h>

TEST_CASE("base64 agrees with the vectors of RFC 4648") {
  const std::pair<const char*, const char*> vectors[] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"}, {"\xff\xfe\xfd", "//79"}};
  for (const auto& [text, encoded] : vectors) CHECK(larder::remote::base64(text) == encoded);
}
