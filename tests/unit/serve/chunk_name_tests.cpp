#include <larder/serve/chunk_name.hpp>

#include <string>
#include <string_view>

#include <doctest/doctest.h>

using larder::serve::is_chunk_name;

TEST_CASE("a chunk's name is one component of harmless characters") {
  for (const char* name : {"a", "0", "Model-7B_v1.2.safetensors", "0123456789abcdef0123456789abcdef", "-", "_", "a.", "a..b"})
    CHECK(is_chunk_name(name));
  CHECK(is_chunk_name(std::string(200, 'a')));
  CHECK_FALSE(is_chunk_name(std::string(201, 'a')));
  for (const char* name : {"", ".", "..", ".hidden", "a/b", "/a", "a\\b", "a b", "a%2fb", "a\nb", "a:b", "~", "\xc3\xa9", "a?b"})
    CHECK_FALSE(is_chunk_name(name));
  CHECK_FALSE(is_chunk_name(std::string_view("a\0b", 3)));
  for (int c = 0; c < 256; ++c) {
    const char one = static_cast<char>(c);
    const bool harmless =
        (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_' || c == '.';
    CHECK(is_chunk_name(std::string("a") + one) == harmless);
  }
}
