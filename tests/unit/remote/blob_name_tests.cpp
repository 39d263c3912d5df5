#include <larder/remote/blob_name.hpp>

#include <string>

#include <doctest/doctest.h>

TEST_CASE("names are a small alphabet without dot segments") {
  for (const char* name : {"a", "a/b", "0123/ab.c_d-e", "...", "a..b", ".a"}) CHECK(larder::remote::is_blob_name(name));
  for (const char* name : {"", "/", "a/", "/a", "a//b", ".", "..", "a/..", "./a", "A", "a~b", "a b", "a\\b", "\xc3\xa9"}) CHECK_FALSE(larder::remote::is_blob_name(name));
  CHECK(larder::remote::is_blob_name(std::string(1024, 'a')));
  CHECK_FALSE(larder::remote::is_blob_name(std::string(1025, 'a')));
}

TEST_CASE("names of others' objects may be any text, but for what changes a path's meaning") {
  using larder::remote::is_foreign_name;
  for (const char* name : {"a/b", "Llama 3/Model-00001-of-00004.safetensors", "a~b", "100%", "q?x#y", "\xc3\xa9", "a=b+c@d"}) {
    CAPTURE(name);
    CHECK(is_foreign_name(name));
    CHECK_NOTHROW(larder::remote::check_foreign_name(name));
  }
  for (const char* name : {"", "/", "a/", "/a", "a//b", ".", "..", "a/../b", "./a", "a\\b", "a\nb", "a\x7f"}) {
    CAPTURE(name);
    CHECK_FALSE(is_foreign_name(name));
    CHECK_THROWS_AS(larder::remote::check_foreign_name(name), larder::error);
  }
  CHECK(is_foreign_name(std::string(1024, 'A')));
  CHECK_FALSE(is_foreign_name(std::string(1025, 'A')));
}
