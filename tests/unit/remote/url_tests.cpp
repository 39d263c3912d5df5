#include <larder/remote/url.hpp>

#include <optional>
#include <string>

#include <doctest/doctest.h>

namespace remote = larder::remote;

TEST_CASE("an address is read into its parts and written back") {
  const remote::url u = remote::parse_url("HTTP://Example.ORG:8080/a%20b/c/?x=1&y");
  CHECK(u.scheme == "http");
  CHECK(u.host == "example.org");
  CHECK(u.port == 8080);
  CHECK(u.path == "/a%20b/c");
  CHECK(u.query == "x=1&y");
  CHECK(u.text() == "http://example.org:8080/a%20b/c?x=1&y");
  CHECK(u.printable() == "http://example.org:8080/a%20b/c");
  CHECK(remote::parse_url("https://h").authority() == "h");
  CHECK(remote::parse_url("https://h").port == 443);
  CHECK(remote::parse_url("https://h:443/").authority() == "h");
  CHECK(remote::parse_url("http://h:443").authority() == "h:443");
  CHECK(remote::parse_url("http://[::1]:81/x").text() == "http://[::1]:81/x");
  CHECK(remote::parse_url("http://h/").child("a/b c\x01~\xc3\xa9").path == "/a/b%20c%01~%C3%A9");
}

TEST_CASE("only this machine is loopback, whatever a name looks like") {
  for (const char* text : {"http://127.0.0.1", "http://127.8.9.10:1", "http://localhost", "http://LOCALHOST:3/x", "http://[::1]"})
    CHECK(remote::parse_url(text).is_loopback());
  for (const char* text : {"http://127.0.0.1.example", "http://127.evil", "http://localhost.example", "http://128.0.0.1", "http://[::2]", "http://1127.0.0.1", "http://127.0.0"})
    CHECK_FALSE(remote::parse_url(text).is_loopback());
}

TEST_CASE("every byte is encoded that has a meaning in an address, slashes but in paths") {
  std::string all;
  for (int c = 0; c < 256; ++c) all += static_cast<char>(c);
  const std::string free = "-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~";
  for (const char c : all) {
    CAPTURE(static_cast<int>(static_cast<unsigned char>(c)));
    const std::string one(1, c);
    const bool stays = free.find(c) != std::string::npos;
    CHECK((remote::percent_encoded_value(one) == one) == stays);
    CHECK((remote::percent_encoded_path(one) == one) == (stays || c == '/'));
  }
  CHECK(remote::percent_encoded_value("a b/\xc3\xa9+\n") == "a%20b%2F%C3%A9%2B%0A");
  CHECK(remote::percent_encoded_path("a b/\xc3\xa9+\n") == "a%20b/%C3%A9%2B%0A");
  CHECK(remote::percent_decoded(remote::percent_encoded_value(all)) == all);
  CHECK(remote::percent_decoded(remote::percent_encoded_path(all)) == all);
}

TEST_CASE("what is appended encoded follows what was there, and takes no memory where there is room") {
  std::string out = "a=";
  out.reserve(2 + 3 * 40);
  const char* const memory = out.data();
  remote::append_percent_encoded(out, std::string(40, '/'));
  CHECK(out.size() == 2 + 3 * 40);
  CHECK(out.starts_with("a=%2F%2F"));
  CHECK(out.data() == memory);
  remote::append_percent_encoded(out, "&/ ", "&/");
  CHECK(out.ends_with("%2F&/%20"));
}

TEST_CASE("a percent sign is followed by two hexadecimal digits or refused") {
  CHECK(remote::percent_decoded("a%2Fb%c3%A9") == "a/b\xc3\xa9");
  CHECK(remote::percent_decoded("") == "");
  for (const char* text : {"%", "%4", "a%", "%g0", "%0g", "%-1", "% 1", "%+1"}) CHECK_FALSE(remote::percent_decoded(text));
}

TEST_CASE("what cannot be an address is refused, and its secrets are not repeated") {
  for (const char* text : {"", "h", "//h", "http:/h", "http://", "http://:80", "http://h:", "http://h:0", "http://h:99999", "http://h:-1", "http://h:+1", "http://h:1x",
                           "ftp://h", "http://h/a/./b", "http://h/../b", "http://h/%2e%2e/b", "http://h/a%2Fb", "http://h/a%00b", "http://h/a//b", "http://h/a b",
                           "http://h/\n", "http://h\\x", "http://[::1", "http://[]", "http://[zz]", "http://[::1]x", "http://h#f", "http://u@h", "http://u:PLANTED@h",
                           "http://u:PLANTED/x@h", "http://u:PLANTED?x@h", "http://u:PLANTED#x@h", "http://h /?PLANTED", "http://h/a b#PLANTED"}) {
    CAPTURE(text);
    std::string message;
    try {
      remote::parse_url(text);
    } catch (const larder::error& e) {
      CHECK(e.cause() == larder::error_cause::invalid_argument);
      message = e.what();
    }
    CHECK_FALSE(message.empty());
    CHECK(message.find("PLANTED") == std::string::npos);
  }
}
