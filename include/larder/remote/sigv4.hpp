#pragma once

// Signature Version 4 of AWS, in headers, and its twin at Google Cloud Storage (GOOG4), which differs in words only.
// Sources: AWS, "Authenticating Requests (AWS Signature Version 4)" of the S3 API reference; Google, "V4 signing process".
// S3's variant: the path is encoded once and its segments are never resolved. Costs per request five HMACs and, with the
// body hashed, one SHA-256 over it (0.5 to 2 GB/s). libcurl's own CURLOPT_AWS_SIGV4 is not used: 7.88 neither sorts nor
// encodes the query and sends no hash of the body.

#include <larder/core/error.hpp>
#include <larder/core/time.hpp>
#include <larder/remote/aws_credentials.hpp>
#include <larder/remote/http.hpp>
#include <larder/remote/message_digest.hpp>
#include <larder/remote/range.hpp>
#include <larder/remote/url.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <ctime>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace larder::remote {

/// The words in which the services that share the scheme differ.
struct sigv4_dialect {
  std::string_view algorithm;
  std::string_view key_prefix;
  std::string_view service;
  std::string_view terminator;
  std::string_view header_prefix;  ///< of the service's own headers
};
inline constexpr sigv4_dialect aws_dialect{"AWS4-HMAC-SHA256", "AWS4", "s3", "aws4_request", "x-amz-"};
inline constexpr sigv4_dialect google_dialect{"GOOG4-HMAC-SHA256", "GOOG4", "storage", "goog4_request", "x-goog-"};

/// The query as it is signed: decoded, encoded anew, sorted, `name=` for an empty value. Throws for a stray %.
inline std::string canonical_query(std::string_view query) {
  std::vector<std::pair<std::string, std::string>> pairs;
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view item = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    if (item.empty()) continue;
    const std::size_t equals = std::min(item.find('='), item.size());
    const std::optional<std::string> name = percent_decoded(item.substr(0, equals));
    const std::optional<std::string> value = percent_decoded(item.substr(std::min(equals + 1, item.size())));
    if (!name || !value)
      core::fail(error_cause::invalid_argument, "a query to sign has a % that is not followed by two hexadecimal digits");
    pairs.emplace_back(percent_encoded_value(*name), percent_encoded_value(*value));
  }
  std::sort(pairs.begin(), pairs.end());
  std::string out;
  for (const auto& [name, value] : pairs) {
    if (!out.empty()) out += '&';
    out += name;
    out += '=';
    out += value;
  }
  return out;
}

struct sigv4_settings {
  aws_credentials key{};
  std::string region{};
  bool hash_bodies = true;  ///< false: not over https, whose own checks then stand for the body; over http always
  sigv4_dialect dialect = aws_dialect;
  std::function<instant()> clock = &wall_time::now;  ///< the time of day; services refuse a signature from 15 minutes away
};

/// Signs requests with an access key, or not at all (made without settings, for public buckets). Safe from many threads.
class sigv4 {
 public:
  sigv4() = default;
  explicit sigv4(sigv4_settings settings) : settings_(std::move(settings)) {}

  bool empty() const noexcept { return settings_.key.access_key_id.empty(); }

  /// Puts date, hash of the body and signature among the headers, in place of those of an earlier try. All headers that the
  /// request has are signed. Path and query are brought to the form that is signed, so that they are sent as such.
  void sign(http_request& request) const {
    if (empty()) return;
    request.target.path = canonical_path(request.target.path);
    request.target.query = canonical_query(request.target.query);
    const std::string moment = timestamp(settings_.clock());
    const std::string body = body_hash(request);
    std::erase_if(request.headers, [](const http_header& h) { return lower_case(h.name) == "authorization"; });
    set(request, "date", moment);
    set(request, "content-sha256", body);
    if (!settings_.key.session_token.empty()) set(request, "security-token", settings_.key.session_token);
    const std::string day = moment.substr(0, 8);
    const std::string scope = day + "/" + settings_.region + "/" + std::string(settings_.dialect.service) + "/" +
                              std::string(settings_.dialect.terminator);
    std::string names;
    const sha256_digest canonical = canonical_digest(request, body, names);
    const std::string to_sign =
        std::string(settings_.dialect.algorithm) + "\n" + moment + "\n" + scope + "\n" + hex_of(canonical);
    request.headers.push_back({"Authorization", secret(std::string(settings_.dialect.algorithm) + " Credential=" +
                                                       settings_.key.access_key_id + "/" + scope + ", SignedHeaders=" + names +
                                                       ", Signature=" + hex_of(hmac_sha256(signing_key(day), to_sign)))});
  }

 private:
  static std::string lower_case(std::string text) {
    for (char& c : text)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return text;
  }

  static std::string canonical_path(const std::string& path) {
    if (path.empty()) return "/";
    const std::optional<std::string> decoded = percent_decoded(path);
    if (!decoded)
      core::fail(error_cause::invalid_argument, "a path to sign has a % that is not followed by two hexadecimal digits");
    return percent_encoded_path(*decoded);
  }

  /// `20260102T030405Z`.
  static std::string timestamp(instant now) {
    const auto seconds = static_cast<std::time_t>(std::chrono::floor<std::chrono::seconds>(now).count());
    std::tm parts{};
    std::array<char, 32> text{};
    if (gmtime_r(&seconds, &parts) == nullptr || std::strftime(text.data(), text.size(), "%Y%m%dT%H%M%SZ", &parts) != 16)
      core::fail(error_cause::invalid_argument,
                 "the clock tells a time that has no date of four-digit years; set this machine's clock");
    return text.data();
  }

  std::string body_hash(const http_request& request) const {
    if (!settings_.hash_bodies && request.target.encrypted()) return "UNSIGNED-PAYLOAD";
    return hex_of(request.has_body ? digest_of_parts<sha256_digest>(request.body) : sha256_of({}));
  }

  void set(http_request& request, std::string_view name, secret value) const {
    std::string whole(settings_.dialect.header_prefix);
    whole += name;
    std::erase_if(request.headers, [&](const http_header& h) { return lower_case(h.name) == whole; });
    request.headers.push_back({std::move(whole), std::move(value)});
  }

  /// A header's value as it is signed: without the spaces around it, and one where several follow each other.
  static void add_value(message_digest<sha256_digest>& digest, std::string_view value) {
    constexpr std::string_view spaces = " \t";
    bool first = true;
    for (std::size_t at = value.find_first_not_of(spaces); at != std::string_view::npos;
         at = value.find_first_not_of(spaces, at)) {
      const std::size_t end = std::min(value.find_first_of(spaces, at), value.size());
      if (!first) digest.add(" ");
      digest.add(value.substr(at, end - at));
      first = false;
      at = end;
    }
  }

  /// The digest of the canonical request, which is never put together as a text: it would hold the session token.
  static sha256_digest canonical_digest(const http_request& request, const std::string& body, std::string& names) {
    const std::string host = request.target.authority();
    const std::string range = request.range ? range_header(*request.range) : "";
    std::vector<std::pair<std::string, std::string_view>> headers{{"host", host}};
    if (request.range) headers.emplace_back("range", range);
    for (const http_header& h : request.headers) headers.emplace_back(lower_case(h.name), h.value.reveal());
    std::stable_sort(headers.begin(), headers.end(), [](const auto& a, const auto& b) { return a.first < b.first; });

    message_digest<sha256_digest> digest;
    digest.add(request.method + "\n" + request.target.path + "\n" + request.target.query);
    for (std::size_t i = 0; i < headers.size(); ++i) {
      const auto& [name, value] = headers[i];
      if (i != 0 && headers[i - 1].first == name) {
        digest.add(",");
      } else {
        digest.add("\n" + name + ":");
        names += (names.empty() ? "" : ";") + name;
      }
      add_value(digest, value);
    }
    digest.add("\n\n" + names + "\n" + body);
    return digest.take();
  }

  sha256_digest signing_key(std::string_view day) const {
    std::string start(settings_.dialect.key_prefix);
    start.reserve(start.size() + settings_.key.secret_access_key.reveal().size());  // no copy is left behind by growing
    start += settings_.key.secret_access_key.reveal();
    sha256_digest key = hmac_sha256(std::as_bytes(std::span(start)), day);
    std::fill(start.begin(), start.end(), '\0');
    for (const std::string_view step :
         {std::string_view(settings_.region), settings_.dialect.service, settings_.dialect.terminator})
      key = hmac_sha256(key, step);
    return key;
  }

  sigv4_settings settings_;
};

}  // namespace larder::remote
