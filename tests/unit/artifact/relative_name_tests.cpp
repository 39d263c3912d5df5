#include <larder/artifact/relative_name.hpp>

#include <string>

#include <doctest/doctest.h>

#include "support/refusal.hpp"

using larder::is_file_name;
using larder::is_relative_name;
using support::says;

TEST_CASE("P12: names that lead elsewhere are refused") {
  for (const char* name :
       {"../x", "/abs/x", "a/../../b", "C:\\x", "C:x",  "c:/x", "\\x", "\\\\server\\share", "a\\b", "..", ".", "a/..",
        "./a",  "a/./b",  "",          "/",     "a//b", "a/",   "//a", "file:stream"}) {
    CAPTURE(name);
    CHECK_FALSE(is_relative_name(name));
  }
}

TEST_CASE("R14: names of devices, long ones, and those that some systems change are refused") {
  for (const char* name :
       {"con",         "CON",    "Prn",        "aux",   "nul", "com1", "LPT9", "com0", "con.txt", "NUL.tar.gz", "con .txt",
        "com\xC2\xB9", "conin$", "models/con", "aux/x", "a.",  "a ",   "a./b", "a /b", "...",     "x/.. "}) {
    CAPTURE(name);
    CHECK_FALSE(is_relative_name(name));
  }
  CHECK(is_file_name(std::string(255, 'x')));
  CHECK_FALSE(is_file_name(std::string(256, 'x')));
  CHECK_FALSE(is_relative_name("a/" + std::string(256, 'x')));
  std::string deep;
  while (deep.size() < 1022) deep += "a/";
  CHECK(is_relative_name(deep + "bb"));
  CHECK_FALSE(is_relative_name(deep + "bbb"));
  CHECK_FALSE(is_file_name("a/b"));
  CHECK_FALSE(is_file_name(""));
  CHECK_FALSE(is_file_name(".."));
}

TEST_CASE("control characters and bytes that are no text are refused") {
  for (const std::string& name : {std::string("a\0b", 3), std::string("a\nb"), std::string("\x1F"), std::string("a\x7F"),
                                  std::string("\xC2\x85"), std::string("\xFF"), std::string("a/\xC0\xAF")})
    CHECK_FALSE(is_relative_name(name));
}

TEST_CASE("ordinary names pass") {
  for (const char* name : {"model.onnx", "a/b/c.safetensors", ".gitattributes", "..a", "a..b", "console", "com10", "coms/lpt",
                           "nullable", "conx.txt", "com", "a b",
                           "gr\xC3\xB6\xC3\x9F"
                           "e/\xE6\xA8\xA1\xE5\x9E\x8B",
                           "-rf", "a*?\"<>|b", "model-00001-of-00002.bin"}) {
    CAPTURE(name);
    CHECK(is_relative_name(name));
  }
}

TEST_CASE("a refusal names the name, what is wrong with it and the way out") {
  const support::refusal refused =
      support::refusal_of([] { larder::check_relative_name("a/../b\n", "a file of the package yolo"); });
  CHECK(refused.cause == larder::error_cause::invalid_argument);
  CHECK(says(refused, "a file of the package yolo"));
  CHECK(says(refused, "\"a/../b\\x0a\""));
  CHECK(says(refused, "rename it"));
  CHECK(says(support::refusal_of([] { larder::check_file_name("a/b", "a package"); }), "one part"));
  larder::check_relative_name("a/b", "a file");
  larder::check_file_name("a", "a file");
}
