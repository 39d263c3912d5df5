#include <larder/remote/sigv4.hpp>

#include <array>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

namespace {

using larder::bytes;
using larder::remote::aws_credentials;
using larder::remote::http_request;
using larder::remote::parse_url;
using larder::remote::sigv4;
using larder::remote::sigv4_settings;

// The pairs of the vendor's documentation (of S3 and of the scheme), which open nothing.
const aws_credentials documented{"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", {}};
const aws_credentials general{"AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", {}};

larder::instant at(int year, unsigned month, unsigned day, int seconds) {
  return std::chrono::sys_days(std::chrono::year(year) / std::chrono::month(month) / std::chrono::day(day)).time_since_epoch() +
         std::chrono::seconds(seconds);
}
sigv4_settings settings(aws_credentials key = documented, bool hash_bodies = true) {
  return {std::move(key), "us-east-1", hash_bodies, larder::remote::aws_dialect,
          [] { return at(2026, 1, 2, 3 * 3600 + 4 * 60 + 5); }};
}
std::string header(const http_request& request, std::string_view name) {
  std::string found;
  for (const auto& h : request.headers)
    if (h.name == name) found += (found.empty() ? "" : " AND ") + std::string(h.value.reveal());
  return found;
}
std::string signature(const http_request& request) {
  const std::string line = header(request, "Authorization");
  return line.substr(line.find("Signature=") + 10);
}
std::string signed_names(const http_request& request) {
  const std::string line = header(request, "Authorization");
  const std::size_t from = line.find("SignedHeaders=") + 14;
  return line.substr(from, line.find(',', from) - from);
}

}  // namespace

TEST_CASE("a GET of a range is signed as AWS's own signer signs it") {
  http_request request;
  request.target = parse_url("https://127.0.0.1:4568/cache").child("dir/a b+c");  // not http: there bodies are always hashed
  request.range = larder::byte_range{0, 10};
  sigv4(settings(general, false)).sign(request);
  CHECK(request.target.path == "/cache/dir/a%20b%2Bc");
  CHECK(header(request, "x-amz-date") == "20260102T030405Z");
  CHECK(header(request, "x-amz-content-sha256") == "UNSIGNED-PAYLOAD");
  CHECK(header(request, "Authorization") ==
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20260102/us-east-1/s3/aws4_request, "
        "SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, "
        "Signature=4fc43007adc7c9be66d5f8b6a51aa0b76caeb2f8f845b8578138fa28444ff2a8");
}

TEST_CASE("a query is signed sorted and encoded, and sent so") {
  http_request request;
  request.target = parse_url("https://127.0.0.1:4568/cache");
  request.target.query = "prefix=a/b&max-keys=10&list-type=2";
  sigv4(settings(general, false)).sign(request);
  CHECK(request.target.query == "list-type=2&max-keys=10&prefix=a%2Fb");
  CHECK(signed_names(request) == "host;x-amz-content-sha256;x-amz-date");
  CHECK(signature(request) == "9be202ebb5d6f31682b813674cbfeca74b906ff10e892d467840b953c998c50c");
}

TEST_CASE("the example of the vendor's documentation has the documented signature") {
  // "GET Object" and "GET Bucket Lifecycle" of "Signature Calculations for the Authorization Header".
  sigv4_settings with = settings();
  with.clock = [] { return at(2013, 5, 24, 0); };
  http_request object;
  object.target = parse_url("https://examplebucket.s3.amazonaws.com/test.txt");
  object.range = larder::byte_range{0, 10};
  sigv4(with).sign(object);
  CHECK(signature(object) == "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41");
  http_request lifecycle;
  lifecycle.target = parse_url("https://examplebucket.s3.amazonaws.com/");
  lifecycle.target.query = "lifecycle";
  sigv4(with).sign(lifecycle);
  CHECK(lifecycle.target.query == "lifecycle=");
  CHECK(signature(lifecycle) == "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543");
}

TEST_CASE("a body is hashed part by part, over http always and over https unless told not to") {
  const std::array<bytes, 2> parts{bytes::copy_of("Welcome to "), bytes::copy_of("Amazon S3.")};
  http_request request;
  request.method = "PUT";
  request.body = parts;
  request.has_body = true;
  for (const bool hash : {true, false})
    for (const char* scheme : {"https", "http"}) {
      http_request put = request;
      put.target = parse_url(std::string(scheme) + "://examplebucket.s3.amazonaws.com/test%24file.text");
      sigv4(settings(documented, hash)).sign(put);
      const bool hashed = hash || std::string_view(scheme) == "http";
      CHECK(header(put, "x-amz-content-sha256") ==
            (hashed ? "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072" : "UNSIGNED-PAYLOAD"));
      CHECK(put.target.path == "/test%24file.text");
    }
}

TEST_CASE("what stands in a path is encoded once and to the letter, whatever the address had") {
  const auto path = [](const std::string& url) {
    http_request request;
    request.target = parse_url(url);
    sigv4(settings()).sign(request);
    return request.target.path;
  };
  CHECK(path("https://h/b/a%20b") == "/b/a%20b");
  CHECK(path("https://h/b/a+b") == "/b/a%2Bb");
  CHECK(path("https://h/b/a%2Bb") == "/b/a%2Bb");
  CHECK(path("https://h/b/a%252Bb") == "/b/a%252Bb");
  CHECK(path("https://h/b/%C3%A9%e2%82%ac") == "/b/%C3%A9%E2%82%AC");
  CHECK(path("https://h/b/!*'()~-._") == "/b/%21%2A%27%28%29~-._");
  CHECK(path("https://h") == "/");
}

TEST_CASE("headers are signed all, without needless spaces, and several of a name as one") {
  const auto sign = [](std::vector<larder::remote::http_header> headers) {
    http_request request;
    request.target = parse_url("https://h/b/k");
    request.headers = std::move(headers);
    sigv4(settings()).sign(request);
    return request;
  };
  const http_request plain = sign({{"If-None-Match", "*"}, {"x-amz-meta-a", "one two"}});
  CHECK(signed_names(plain) == "host;if-none-match;x-amz-content-sha256;x-amz-date;x-amz-meta-a");
  CHECK(signature(plain) == signature(sign({{"X-Amz-Meta-A", "  one \t  two "}, {"if-none-match", "*"}})));
  CHECK(signature(plain) != signature(sign({{"X-Amz-Meta-A", "onetwo"}, {"if-none-match", "*"}})));
  CHECK(signature(sign({{"x-b", "1"}, {"x-b", "2"}})) == signature(sign({{"x-b", "1,2"}})));
  CHECK(signed_names(sign({{"x-b", "1"}, {"x-b", "2"}})) == "host;x-amz-content-sha256;x-amz-date;x-b");
}

TEST_CASE("a try that follows is signed anew, with the date of its own and one of each header") {
  larder::instant now = at(2026, 1, 2, 0);
  sigv4_settings with = settings({"id", "key", "a-token"});
  with.clock = [&] { return now; };
  const sigv4 signer(with);
  http_request request;
  request.target = parse_url("https://h/b/k?x=1");
  signer.sign(request);
  const http_request first = request;
  now += std::chrono::hours(24);
  signer.sign(request);
  CHECK(header(request, "x-amz-date") == "20260103T000000Z");
  CHECK(header(request, "x-amz-security-token") == "a-token");
  CHECK(signed_names(request) == "host;x-amz-content-sha256;x-amz-date;x-amz-security-token");
  CHECK(signature(request) != signature(first));
  CHECK(request.headers.size() == first.headers.size());
  now -= std::chrono::hours(24);
  signer.sign(request);
  CHECK(signature(request) == signature(first));
}

TEST_CASE("without a key nothing is signed or changed") {
  http_request request;
  request.target = parse_url("https://h/b/a+b?z&a=1");
  sigv4().sign(request);
  CHECK(request.headers.empty());
  CHECK(request.target.text() == "https://h/b/a+b?z&a=1");
  CHECK(sigv4().empty());
}

TEST_CASE("Google's dialect differs in its words") {
  sigv4_settings with = settings();
  with.region = "auto";
  with.dialect = larder::remote::google_dialect;
  http_request request;
  request.target = parse_url("https://storage.googleapis.com/bucket/k");
  request.headers.push_back({"x-goog-if-generation-match", "0"});
  sigv4(with).sign(request);
  CHECK(header(request, "Authorization")
            .starts_with("GOOG4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20260102/auto/storage/goog4_request, "
                         "SignedHeaders=host;x-goog-content-sha256;x-goog-date;x-goog-if-generation-match, Signature="));
  for (const auto& h : request.headers) CHECK_FALSE(h.name.starts_with("x-amz-"));  // the service refuses a mixture
}

TEST_CASE("what cannot be signed is said") {
  const auto cause = [](std::string query, larder::instant now) -> std::optional<larder::error_cause> {
    sigv4_settings with = settings();
    with.clock = [=] { return now; };
    http_request request;
    request.target = parse_url("https://h/b");
    request.target.query = std::move(query);
    try {
      sigv4(with).sign(request);
    } catch (const larder::error& e) {
      return e.cause();
    }
    return std::nullopt;
  };
  CHECK_FALSE(cause("a=%20", at(2026, 1, 1, 0)));
  CHECK(cause("a=%2", at(2026, 1, 1, 0)) == larder::error_cause::invalid_argument);
  CHECK(cause("%zz", at(2026, 1, 1, 0)) == larder::error_cause::invalid_argument);
}
