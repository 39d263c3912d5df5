#pragma once

// Addresses of remote stores: a strict subset of RFC 3986 (http and https, no user part, no dot segments), because what
// a lenient reader lets pass, the next one on the way understands differently.

#include <larder/core/error.hpp>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace larder::remote {

/// The text of a URL without what may be secret (user part, query, fragment): what messages print.
inline std::string printable_url(std::string_view text) {
  const std::size_t scheme = text.find("://");
  const std::size_t authority = scheme == std::string_view::npos ? 0 : scheme + 3;
  const std::size_t shown = std::min(text.find_first_of("?#"), text.size());
  std::string out(text.substr(0, std::min(authority, shown)));
  // A password may hold a slash or a mark that should have been encoded: whatever precedes the last @ is not printed.
  const std::size_t at = text.rfind('@');
  if (at == std::string_view::npos || at < authority)
    out += text.substr(out.size(), shown - out.size());
  else
    out += at < shown ? text.substr(at + 1, shown - at - 1) : "...";
  for (char& c : out)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  return out;
}

/// Appends the text with each byte as %XX but letters, digits, `-._~` and what is in `kept`. Takes no memory where `out` has
/// room for three times the text: of a secret no copy is left behind.
inline void append_percent_encoded(std::string& out, std::string_view text, std::string_view kept = {}) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  for (const char c : text) {
    const bool letter_or_digit = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (letter_or_digit || c == '-' || c == '.' || c == '_' || c == '~' || kept.find(c) != std::string_view::npos) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += digits[byte >> 4U];
    out += digits[byte & 15U];
  }
}
/// A path as it stands in an address: its slashes stay.
inline std::string percent_encoded_path(std::string_view path) {
  std::string out;
  out.reserve(path.size());
  append_percent_encoded(out, path, "/");
  return out;
}
/// A name or a value as it stands in a query or an HTML form.
inline std::string percent_encoded_value(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  append_percent_encoded(out, text);
  return out;
}

/// The text with each %XX turned into its byte; nothing when a % is not followed by two hexadecimal digits.
inline std::optional<std::string> percent_decoded(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    unsigned value = 0;
    if (i + 2 >= text.size()) return std::nullopt;
    const auto [end, ec] = std::from_chars(text.data() + i + 1, text.data() + i + 3, value, 16);
    if (ec != std::errc{} || end != text.data() + i + 3) return std::nullopt;
    out += static_cast<char>(value);
    i += 2;
  }
  return out;
}

/// An http or https address; make it with `parse_url`.
struct url {
  std::string scheme;
  std::string host;  ///< lower case; an IPv6 address keeps its brackets
  std::uint16_t port = 0;
  std::string path;   ///< percent-encoded, empty or from `/` on, without a trailing slash
  std::string query;  ///< as given, without the `?`

  bool encrypted() const noexcept { return scheme == "https"; }

  /// `host`, with the port unless it is the scheme's own.
  std::string authority() const { return port == (encrypted() ? 443 : 80) ? host : host + ":" + std::to_string(port); }

  /// What goes over the wire.
  std::string text() const { return printable() + (query.empty() ? "" : "?" + query); }

  /// What messages print: no query.
  std::string printable() const { return scheme + "://" + authority() + (path.empty() ? "/" : path); }

  /// The address of a name below this one; the name's bytes are encoded, its slashes stay.
  url child(std::string_view name) const {
    url below = *this;
    below.path += "/" + percent_encoded_path(name);
    return below;
  }

  /// The host is this machine by its number or by the name `localhost`.
  bool is_loopback() const noexcept {
    if (host == "localhost" || host == "[::1]") return true;
    if (!host.starts_with("127.")) return false;
    int dots = 0;
    for (const char c : host)
      if (c == '.')
        ++dots;
      else if (c < '0' || c > '9')
        return false;
    return dots == 3;
  }
};

/// Reads an http(s) address; `subject` (a setting's name) is named in the `larder::error` for what cannot be used.
inline url parse_url(std::string_view text, std::string_view subject = "url") {
  const auto refuse = [&](std::string_view why) {
    core::fail(error_cause::invalid_argument,
               std::string(subject) + ": \"" + printable_url(text) + "\" " + std::string(why) + "; write http(s)://host[:port]/path");
  };
  url out;
  std::string_view rest = text;
  const std::size_t colon = rest.find("://");
  if (colon == std::string_view::npos) refuse("has no scheme");
  for (const char c : rest.substr(0, colon)) out.scheme += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  if (out.scheme != "http" && out.scheme != "https") refuse("is neither http nor https");
  rest.remove_prefix(colon + 3);
  for (const char c : rest)
    if (c <= 0x20 || c >= 0x7f || c == '\\' || c == '"' || c == '<' || c == '>')
      refuse("has a character that must be percent-encoded");
  const std::string_view before_slash = rest.substr(0, rest.find('/'));
  if (rest.find('@') != std::string_view::npos && before_slash.find_first_of("@:") != std::string_view::npos)
    refuse("seems to carry a user or password (or an unencoded @): give them in the settings for them, never in the address");
  if (rest.find('#') != std::string_view::npos) refuse("has a fragment, which is never sent");
  if (const std::size_t mark = rest.find('?'); mark != std::string_view::npos) {
    out.query = rest.substr(mark + 1);
    rest = rest.substr(0, mark);
  }
  const std::size_t slash = rest.find('/');
  std::string_view authority = rest.substr(0, slash);
  std::string_view path = slash == std::string_view::npos ? std::string_view{} : rest.substr(slash);

  std::string_view port;
  if (authority.starts_with('[')) {
    const std::size_t close = authority.find(']');
    if (close == std::string_view::npos) refuse("has an IPv6 address without its closing bracket");
    for (const char c : authority.substr(1, close - 1))
      if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == ':' || c == '.'))
        refuse("has an IPv6 address with a foreign character");
    out.host = authority.substr(0, close + 1);
    port = authority.substr(close + 1);
  } else {
    const std::size_t at = authority.find(':');
    for (const char c : authority.substr(0, at)) {
      const char lower = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
      if (!((lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9') || lower == '-' || lower == '.' || lower == '_'))
        refuse("has a host name with a foreign character");
      out.host += lower;
    }
    if (at != std::string_view::npos) port = authority.substr(at);
  }
  if (out.host.empty() || out.host == "[]") refuse("has no host");
  out.port = out.encrypted() ? 443 : 80;
  if (!port.empty()) {
    const auto [end, ec] = std::from_chars(port.data() + 1, port.data() + port.size(), out.port);
    if (port.front() != ':' || ec != std::errc{} || end != port.data() + port.size() || out.port == 0)
      refuse("has a port that is not a number from 1 to 65535");
  }

  while (path.ends_with('/')) path.remove_suffix(1);
  for (std::size_t at = 0; at < path.size();) {
    const std::size_t next = std::min(path.find('/', at + 1), path.size());
    const std::optional<std::string> segment = percent_decoded(path.substr(at + 1, next - at - 1));
    if (!segment) refuse("has a % that is not followed by two hexadecimal digits");
    if (segment->empty() || *segment == "." || *segment == ".." || segment->find('/') != std::string::npos ||
        segment->find('\0') != std::string::npos)
      refuse("has an empty, dot or slash-hiding segment in its path");
    at = next;
  }
  out.path = path;
  return out;
}

}  // namespace larder::remote
