#include <larder/remote/azure_connection_string.hpp>
#include <larder/remote/azure_signing.hpp>

#include <array>
#include <chrono>
#include <cstdint>
#include <string>

#include <doctest/doctest.h>

using larder::remote::azure_canonical_resource;
using larder::remote::azure_date;
using larder::remote::azure_signature;
using larder::remote::azure_string_to_sign;
using larder::remote::http_request;
using larder::remote::parse_url;

namespace {
larder::secret emulator_key() { return larder::secret(*larder::remote::base64_decoded(larder::remote::azure_emulator::key)); }
std::string resource(const std::string& address, const std::string& account) {
  return azure_canonical_resource(parse_url(address), account);
}
}  // namespace

TEST_CASE("the key signs as Microsoft's own client does") {
  CHECK(azure_signature(emulator_key(), "abc") == "SIcX91U20N3KMshjCxCtQlOGY5e+vjvvAoYG97vklcc=");
}

TEST_CASE("what a Put Blob signs is what the emulator has accepted, in whatever order and case its headers stand") {
  const std::array<larder::bytes, 2> body{larder::bytes::copy_of("hello "), larder::bytes::copy_of("blob")};
  http_request request;
  request.method = "PUT";
  request.target = parse_url("http://127.0.0.1:10000/devstoreaccount1/cache").child("dir/small.bin");
  request.body = body;
  request.has_body = true;
  request.headers = {{"x-ms-version", "2023-11-03"},
                     {"X-MS-Meta-producer", " \tmlcache "},
                     {"x-ms-meta-fp", "abc123"},
                     {"x-ms-date", "Fri, 20 Nov 2026 16:45:57 GMT"},
                     {"x-ms-blob-type", "BlockBlob"},
                     {"x-ms-blob-content-md5", "d7BI/EKi9fb2czjYPjWmqw=="},
                     {"Content-Type", "application/octet-stream"},
                     {"content-md5", "d7BI/EKi9fb2czjYPjWmqw=="},
                     {"User-Agent", "not signed"}};
  CHECK(azure_string_to_sign(request, "devstoreaccount1") ==
        "PUT\n\n\n10\nd7BI/EKi9fb2czjYPjWmqw==\napplication/octet-stream\n\n\n\n\n\n\nx-ms-blob-content-md5:d7BI/"
        "EKi9fb2czjYPjWmqw==\nx-ms-blob-type:BlockBlob\n"
        "x-ms-date:Fri, 20 Nov 2026 16:45:57 GMT\nx-ms-meta-fp:abc123\nx-ms-meta-producer:mlcache\nx-ms-version:2023-11-03\n"
        "/devstoreaccount1/devstoreaccount1/cache/dir/small.bin");
}

TEST_CASE("a length of nothing is an empty line, and the range and conditions have lines of their own") {
  http_request request;
  request.method = "PUT";
  request.target = parse_url("https://a.blob.core.windows.net/c/o?comp=lease");
  request.has_body = true;
  request.headers = {{"x-ms-empty", ""}};
  CHECK(azure_string_to_sign(request, "a") == "PUT\n\n\n\n\n\n\n\n\n\n\n\nx-ms-empty:\n/a/c/o\ncomp:lease");

  http_request get;
  get.target = parse_url("https://a.blob.core.windows.net/c/o");
  get.range = larder::byte_range{10, 5};
  get.headers = {{"If-Match", "\"0x8\""}, {"If-None-Match", "*"}};
  CHECK(azure_string_to_sign(get, "a") == "GET\n\n\n\n\n\n\n\n\"0x8\"\n*\n\nbytes=10-14\n/a/c/o");
}

TEST_CASE("the resource is the path as it is sent and the parameters decoded, by their names") {
  CHECK(resource("https://a.blob.core.windows.net", "a") == "/a/");
  CHECK(azure_canonical_resource(parse_url("https://a.blob.core.windows.net/c").child("a b%+"), "a") == "/a/c/a%20b%25%2B");
  CHECK(resource("https://a.blob.core.windows.net/c?restype=container&prefix=x%2Fy%2b%20z&comp=list&MaxResults=5&empty&=&&",
                 "a") == "/a/c\n:\ncomp:list\nempty:\nmaxresults:5\nprefix:x/y+ z\nrestype:container");
  CHECK(resource("https://a.blob.core.windows.net/c?include=snapshots&include=metadata&comp=list", "a") ==
        "/a/c\ncomp:list\ninclude:metadata,snapshots");
}

TEST_CASE("dates are those of RFC 1123, in any year") {
  const auto at = [](std::int64_t seconds) {
    return azure_date(std::chrono::system_clock::time_point(std::chrono::seconds(seconds)));
  };
  CHECK(at(0) == "Thu, 01 Jan 1970 00:00:00 GMT");
  CHECK(at(784111777) == "Sun, 06 Nov 1994 08:49:37 GMT");
  CHECK(at(951782399) == "Mon, 28 Feb 2000 23:59:59 GMT");
  CHECK(at(1795193157) == "Fri, 20 Nov 2026 16:45:57 GMT");
}
