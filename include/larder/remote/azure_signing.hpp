#pragma once

// How Azure Storage signs a request with the account's key ("SharedKey", x-ms-version 2016-05-31 and later): an HMAC-SHA256 over
// the method, twelve standard headers, all x-ms- headers and the resource. Pure functions: what is signed is what is sent.
//
// The service sorts header names by a culture's rules, we by their bytes. The two agree as long as the names are lower-case
// letters, digits and dashes, and no two of them differ in a dash only: so it is with all that the client sends.

#include <larder/core/error.hpp>
#include <larder/remote/base64.hpp>
#include <larder/remote/http.hpp>
#include <larder/remote/message_digest.hpp>
#include <larder/remote/range.hpp>
#include <larder/remote/secret.hpp>
#include <larder/remote/url.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <ctime>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace larder::remote {

/// A point in time as the header `x-ms-date` says it (RFC 1123): `Fri, 20 Nov 2026 16:45:57 GMT`. No locale takes part.
inline std::string azure_date(std::chrono::system_clock::time_point when) {
  static constexpr std::array<const char*, 7> days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr std::array<const char*, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const std::time_t seconds = std::chrono::system_clock::to_time_t(when);
  std::tm parts{};
  if (gmtime_r(&seconds, &parts) == nullptr)
    core::fail(error_cause::invalid_argument, "the clock shows a time that no calendar has; set it");
  const auto two = [](int number) { return std::string(number < 10 ? "0" : "") + std::to_string(number); };
  return std::string(days[static_cast<std::size_t>(parts.tm_wday)]) + ", " + two(parts.tm_mday) + " " +
         months[static_cast<std::size_t>(parts.tm_mon)] + " " + std::to_string(1900 + parts.tm_year) + " " + two(parts.tm_hour) +
         ":" + two(parts.tm_min) + ":" + two(parts.tm_sec) + " GMT";
}

/// The last lines of what is signed: the account, the path as it is sent, the query's parameters in order, decoded.
inline std::string azure_canonical_resource(const url& target, std::string_view account) {
  const auto lower = [](std::string_view text) {
    std::string out(text);
    for (char& c : out)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return out;
  };
  std::map<std::string, std::vector<std::string>> parameters;
  for (std::string_view rest = target.query; !rest.empty();) {
    const std::string_view pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(pair.size() + 1, rest.size()));
    const std::size_t mark = std::min(pair.find('='), pair.size());
    if (pair.empty()) continue;
    parameters[lower(percent_decoded(pair.substr(0, mark)).value_or(""))].push_back(
        percent_decoded(pair.substr(std::min(mark + 1, pair.size()))).value_or(""));
  }
  std::string out = "/" + std::string(account) + (target.path.empty() ? "/" : target.path);
  for (auto& [name, values] : parameters) {
    std::sort(values.begin(), values.end());
    out += "\n" + name + ":" + values.front();
    for (std::size_t i = 1; i < values.size(); ++i) out += "," + values[i];
  }
  return out;
}

/// What the key signs, for a request that has all its headers but `Authorization`.
inline std::string azure_string_to_sign(const http_request& request, std::string_view account) {
  const auto trimmed = [](std::string_view text) {
    const std::size_t first = text.find_first_not_of(" \t");
    return first == std::string_view::npos ? std::string_view{} : text.substr(first, text.find_last_not_of(" \t") - first + 1);
  };
  std::map<std::string, std::string> headers;
  for (const http_header& h : request.headers) {
    std::string name;
    for (const char c : h.name) name += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    headers.emplace(std::move(name), trimmed(h.value.reveal()));
  }
  // Two headers are not the client's but the transport's.
  if (request.has_body && request.body_size() != 0) headers["content-length"] = std::to_string(request.body_size());
  if (request.range) headers["range"] = range_header(*request.range);

  std::string out = request.method + "\n";
  for (const char* name : {"content-encoding", "content-language", "content-length", "content-md5", "content-type", "date",
                           "if-modified-since", "if-match", "if-none-match", "if-unmodified-since", "range"}) {
    if (const auto found = headers.find(name); found != headers.end()) out += found->second;
    out += '\n';
  }
  for (const auto& [name, value] : headers)
    if (name.starts_with("x-ms-")) out += name + ":" + value + "\n";
  return out + azure_canonical_resource(request.target, account);
}

/// The signature of a text in base64; `key` is the account's key, decoded.
inline std::string azure_signature(const secret& key, std::string_view text) {
  const sha256_digest digest = hmac_sha256(std::as_bytes(std::span(key.reveal().data(), key.reveal().size())), text);
  return base64({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

}  // namespace larder::remote
