#pragma once

// What a Redis server means when it answers with an error: which failure it is, and whether it names another server.

#include <larder/core/error.hpp>
#include <larder/remote/redis_address.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace larder::remote {

/// Number of hash slots in a cluster.
inline constexpr std::uint16_t redis_slot_count = 16384;

/// `MOVED slot host:port` or `ASK slot host:port`: another server of the cluster has the key.
struct redis_redirection {
  std::uint16_t slot = 0;
  bool ask = false;  ///< for this request only
  redis_address target;
};

/// Reads a redirection; nothing when the error is another one, or malformed. An empty host means the one that was asked.
inline std::optional<redis_redirection> parse_redirection(std::string_view error, const redis_address& asked) {
  redis_redirection out;
  out.ask = error.starts_with("ASK ");
  if (!out.ask && !error.starts_with("MOVED ")) return std::nullopt;
  error.remove_prefix(out.ask ? 4 : 6);
  const std::size_t space = error.find(' ');
  const std::size_t colon = error.rfind(':');
  if (space == std::string_view::npos || colon == std::string_view::npos || colon < space) return std::nullopt;
  const std::optional<std::uint64_t> slot = parse_count(error.substr(0, space));
  const std::optional<std::uint16_t> port = parse_port(error.substr(colon + 1));
  const std::string_view host = error.substr(space + 1, colon - space - 1);
  if (!slot || *slot >= redis_slot_count || !port || (!host.empty() && !is_redis_host(host))) return std::nullopt;
  out.slot = static_cast<std::uint16_t>(*slot);
  out.target = {host.empty() ? asked.host : std::string(host), *port, {}};
  if (out.target.host.empty()) return std::nullopt;  // asked by a socket file, which says no host
  return out;
}

/// The first word of an error when it is a code, such as `NOAUTH`; else nothing that may be repeated.
inline std::string_view redis_error_code(std::string_view error) noexcept {
  constexpr std::size_t longest = 24;
  std::size_t n = 0;
  while (n < error.size() && error[n] >= 'A' && error[n] <= 'Z') ++n;
  return n == 0 || n > longest || (n < error.size() && error[n] != ' ') ? std::string_view{} : error.substr(0, n);
}

/// What an error of a server means.
struct redis_failure {
  std::string_view code;
  error_cause cause;
  std::string_view advice;
  bool is_down = false;  ///< the server as a whole is of no use for a while
};

/// Looks the error up by its code; for those without one of their own by what servers are known to write. Old servers (before
/// 7) hide the code of what fails inside a script behind their own words.
inline redis_failure meaning_of_redis_error(std::string_view error) noexcept {
  static constexpr std::array<redis_failure, 15> known{{
      {"NOAUTH", error_cause::unauthorized, "the server asks for a password: set password (and user)"},
      {"WRONGPASS", error_cause::unauthorized, "the user or password is not the server's"},
      {"NOPERM", error_cause::unauthorized, "the user may not run this command or use this key; see ACL SETUSER"},
      {"OOM", error_cause::no_space,
       "the server has reached its maxmemory; set its maxmemory-policy to allkeys-lru, or give it more memory"},
      {"LOADING", error_cause::server, "the server is still loading its data, try later", true},
      {"BUSY", error_cause::server, "the server is busy with a script, try later", true},
      {"CLUSTERDOWN", error_cause::server, "the cluster does not serve all of its slots", true},
      {"TRYAGAIN", error_cause::server, "the cluster is moving the keys, try later", true},
      {"MASTERDOWN", error_cause::server, "the replica has lost its master", true},
      {"READONLY", error_cause::server, "this server is a replica and takes no writes; give the master's address"},
      {"NOREPLICAS", error_cause::server, "too few replicas are connected for the server to take writes"},
      {"MISCONF", error_cause::server, "the server takes no writes because it cannot save to its disk; see its log"},
      {"CROSSSLOT", error_cause::server, "a cluster, or a proxy before it, does not keep the keys of one entry together"},
      {"WRONGTYPE", error_cause::corruption, "the key holds something else than an object of larder's"},
      {"NOSCRIPT", error_cause::server, "the server forgot a script"},
  }};
  const std::string_view code = redis_error_code(error);
  for (const redis_failure& each : known)
    if (code == each.code) return each;
  if (code == "ERR") {
    for (const std::string_view inner : {"OOM", "READONLY", "MISCONF", "NOPERM"})
      if (const std::size_t at = error.find(inner); at != std::string_view::npos && at >= 1 && error[at - 1] == '-')
        return meaning_of_redis_error(error.substr(at));
    if (error.find("invalid password") != std::string_view::npos || error.find("no password is set") != std::string_view::npos ||
        error.find("without any password configured") != std::string_view::npos)
      return {code, error_cause::unauthorized, "the user or password is not the server's, or it asks for none"};
    if (error.find("DB index") != std::string_view::npos || error.find("SELECT is not allowed") != std::string_view::npos)
      return {code, error_cause::invalid_argument, "the server does not have this database; a cluster has only 0"};
  }
  return {code, error_cause::server, "the failure is the server's own, see its log"};
}

/// Throws what an error means. Nothing that the server wrote is repeated but a known code: it may echo credentials.
[[noreturn]] inline void fail_redis(std::string_view server, std::string_view error) {
  const redis_failure meant = meaning_of_redis_error(error);
  std::string message(server);
  message += " answered ";
  message += meant.code.empty() ? std::string_view("an error") : meant.code;
  message += "; ";
  message += meant.advice;
  core::fail(meant.cause, message);
}

}  // namespace larder::remote
