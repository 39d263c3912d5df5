#pragma once

// Where a Redis server listens: `redis://[user@]host[:port][/database]`, read strictly, or a socket file.

#include <larder/core/error.hpp>
#include <larder/remote/range.hpp>
#include <larder/remote/url.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace larder::remote {

/// One server: a host and port, or the path of a Unix socket.
struct redis_address {
  static constexpr std::uint16_t usual_port = 6379;

  std::string host{};  ///< a name or number, an IPv6 address without brackets; not used with a socket
  std::uint16_t port = usual_port;
  std::string socket_path{};

  /// What is sent there does not leave this machine.
  bool is_local() const noexcept {
    return !socket_path.empty() || host == "::1" || url{"http", host, port, {}, {}}.is_loopback();
  }
  /// What messages print.
  std::string printable() const {
    if (!socket_path.empty()) return "redis at " + socket_path;
    return "redis at " + (host.find(':') == std::string::npos ? host : "[" + host + "]") + ":" + std::to_string(port);
  }
  friend bool operator==(const redis_address& a, const redis_address& b) noexcept {
    return a.port == b.port && a.host == b.host && a.socket_path == b.socket_path;
  }
  friend bool operator!=(const redis_address& a, const redis_address& b) noexcept { return !(a == b); }
};

/// A port from 1 to 65535, or nothing.
inline std::optional<std::uint16_t> parse_port(std::string_view text) noexcept {
  const std::optional<std::uint64_t> number = parse_count(text);
  if (!number || *number == 0 || *number > 65535) return std::nullopt;
  return static_cast<std::uint16_t>(*number);
}

/// Whether the text can be a host: letters, digits, `.-_`, and `:` of an IPv6 address.
inline bool is_redis_host(std::string_view text) noexcept {
  constexpr std::size_t longest = 255;
  return !text.empty() && text.size() <= longest && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_' ||
           c == ':';
  });
}

/// What a `redis://` address says.
struct redis_url {
  redis_address address;
  std::string user{};
  std::optional<unsigned> database{};
};

/// Reads a `redis://` address; throws `larder::error` for what cannot be used, a password in it included.
inline redis_url parse_redis_url(std::string_view text) {
  const auto refuse = [&](std::string_view why) {
    core::fail(error_cause::invalid_argument, "redis url: \"" + printable_url(text) + "\" " + std::string(why) +
                                                  "; write redis://[user@]host[:port][/database]");
  };
  constexpr std::string_view scheme = "redis://";
  if (text.starts_with("rediss://"))
    refuse("asks for TLS, which is not spoken here: use a tunnel on this machine, or a network that is trusted");
  if (!text.starts_with(scheme)) refuse("does not begin with redis://");
  std::string_view rest = text.substr(scheme.size());
  if (std::any_of(rest.begin(), rest.end(), [](char c) { return c <= 0x20 || c >= 0x7f; }))
    refuse("has a space, a control or a foreign character");
  redis_url out;
  if (const std::size_t at = rest.rfind('@'); at != std::string_view::npos) {
    const std::string_view user = rest.substr(0, at);
    if (user.find_first_of(":@/") != std::string_view::npos)
      refuse("seems to carry a password: give it in the setting for it, never in the address");
    const std::optional<std::string> decoded = percent_decoded(user);
    if (!decoded || decoded->empty()) refuse("has a user name that cannot be read");
    out.user = *decoded;
    rest.remove_prefix(at + 1);
  }
  if (rest.find_first_of("?#") != std::string_view::npos) refuse("has a query or fragment, which mean nothing here");
  const std::size_t slash = rest.find('/');
  std::string_view authority = rest.substr(0, slash);
  if (slash != std::string_view::npos && slash + 1 < rest.size()) {
    const std::optional<std::uint64_t> number = parse_count(rest.substr(slash + 1));
    if (!number || *number > 65535) refuse("has a database that is not a number");
    out.database = static_cast<unsigned>(*number);
  }
  std::string_view port;
  if (authority.starts_with('[')) {
    const std::size_t close = authority.find(']');
    if (close == std::string_view::npos) refuse("has an IPv6 address without its closing bracket");
    out.address.host = authority.substr(1, close - 1);
    port = authority.substr(close + 1);
  } else {
    const std::size_t colon = std::min(authority.find(':'), authority.size());
    out.address.host = authority.substr(0, colon);
    port = authority.substr(colon);
  }
  if (!is_redis_host(out.address.host)) refuse("has no host that can be used");
  if (!port.empty()) {
    const std::optional<std::uint16_t> number = port.front() == ':' ? parse_port(port.substr(1)) : std::nullopt;
    if (!number) refuse("has a port that is not a number from 1 to 65535");
    out.address.port = *number;
  }
  return out;
}

}  // namespace larder::remote
