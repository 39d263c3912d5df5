#include <larder/remote/blob_name.hpp>

#include <string>

#include <doctest/doctest.h>

TEST_CASE("names are a small alphabet without dot segments") {
  for (const char* name : {"a", "a/b", "0123/ab.c_d-e", "...", "a..b", ".a"}) CHECK(larder::remote::is_blob_name(name));
  for (const char* name : {"", "/", "a/", "/a", "a//b", ".", "..", "a/..", "./a", "A", "a~b", "a b", "a\\b", "\xc3\xa9"}) CHECK_FALSE(larder::remote::is_blob_name(name));
  CHECK(larder::remote::is_blob_name(std::string(1024, 'a')));
  CHECK_FALSE(larder::remote::is_blob_name(std::string(1025, 'a')));
}
