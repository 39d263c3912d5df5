#pragma once

// Values in Redis, or in what speaks its protocol (Valkey, KeyDB, Dragonfly): 5.0 or newer, 6.0 for a user besides a password.
// Choose it to share small and middling values between machines at the price of one round trip (2 for values above chunk_size);
// what is large and seldom read is better kept in a blob store. The server must be allowed to evict: set its maxmemory and
// `maxmemory-policy allkeys-lru`.
//
// A server executes one command at a time, so large values go in chunks of at most 4 MiB, pipelined, and their manifest last:
// readers meet the old value, the new one, or none. What the server evicted of a value makes it a miss. A cluster is followed
// to where its keys are. The connection is not encrypted.
//
// A server that is down or ill costs a few failures, then it is left alone and tried now and then (`breaker`); the answer to a
// look-up begins within `lookup_budget`, or the look-up fails. A failure is never taken for absence; `stats().remote` says more.

#include <larder/core/axis.hpp>
#include <larder/core/bytes.hpp>
#include <larder/core/concepts.hpp>
#include <larder/core/error.hpp>
#include <larder/core/remote_report.hpp>
#include <larder/core/time.hpp>
#include <larder/core/transfer.hpp>
#include <larder/remote/circuit.hpp>
#include <larder/remote/http.hpp>
#include <larder/remote/redis_address.hpp>
#include <larder/remote/redis_client.hpp>
#include <larder/remote/redis_object.hpp>
#include <larder/remote/redis_objects.hpp>
#include <larder/remote/secret.hpp>
#include <larder/storage/redis_leases.hpp>
#include <larder/storage/remote_engine.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace larder {

/// Storage in Redis: `redis{.host = "10.0.0.7"}`, `redis{.url = "redis://cache@10.0.0.7:6379/2", .password = ...}`.
struct redis {
  using policy_axis = axis::storage;
  class store;

  std::string url{};  ///< `redis://[user@]host[:port][/database]`, without the password; instead of host, port, user and database
  std::string host{};  ///< this machine, when nothing else is given
  std::uint16_t port = remote::redis_address::usual_port;
  std::string unix_socket{};  ///< path of a socket file; instead of a host
  unsigned database = 0;
  std::string user{};  ///< the server's default user, when empty
  secret password{};   ///< never sent unencrypted to another machine, unless `allow_unencrypted_credentials`
  std::string key_prefix =
      "larder:";  ///< what all keys begin with: caches that share a server and shall not share values differ in it
  std::uint64_t chunk_size = std::uint64_t{4} << 20U;  ///< bytes, 4 KiB to 4 MiB
  std::chrono::milliseconds time_to_live{0};           ///< the server drops an entry so long after it was put; 0: never
  remote_timeouts timeouts{std::chrono::seconds(1), std::chrono::seconds(2), std::chrono::seconds(5), 1024,
                           std::chrono::milliseconds(0)};
  /// For each request of a look-up until its answer begins: waiting for a connection, connecting and a second try included; 0:
  /// as long as the timeouts allow. When a server of a cluster cannot be reached, asking the others has as long again.
  std::chrono::milliseconds lookup_budget{2'000};
  circuit_breaker_options breaker{};  ///< when a server that keeps failing is left alone, each of a cluster for itself
  std::uint64_t max_object = std::uint64_t{16} << 30U;  ///< bytes; a larger value is refused, a larger answer is an error
  unsigned connections = 16;                            ///< kept per server, at most; more threads wait
  bool allow_unencrypted_credentials = false;           ///< send the password unencrypted to other machines, too
  /// `get_or_load` loads a key on one machine at a time, and the others wait for its value: for so long a holder that died is
  /// waited for, one that lives for as long as it takes. 0: every machine loads for itself, and a miss costs two round trips
  /// less.
  std::chrono::milliseconds load_lease = std::chrono::seconds(10);

  /// Throws `larder::error` for settings that cannot work.
  remote::redis_settings checked() const {
    const auto refuse = [](const std::string& why) { core::fail(error_cause::invalid_argument, "redis: " + why); };
    remote::redis_settings out;
    if (!url.empty() + !host.empty() + !unix_socket.empty() > 1)
      refuse("url, host and unix_socket exclude each other; give one of them");
    out.login = {user, password, database, timeouts, allow_unencrypted_credentials};
    if (!url.empty()) {
      remote::redis_url read = remote::parse_redis_url(url);
      if (!read.user.empty() && !user.empty()) refuse("the url and user both name a user; give one of them");
      if (read.database && database != 0) refuse("the url and database both name a database; give one of them");
      out.address = std::move(read.address);
      if (!read.user.empty()) out.login.user = std::move(read.user);
      if (read.database) out.login.database = *read.database;
    } else if (!unix_socket.empty()) {
      out.address.socket_path = unix_socket;
    } else {
      out.address = {host.empty() ? "127.0.0.1" : host, port, {}};
      if (!remote::is_redis_host(out.address.host))
        refuse("host is not the name or number of a machine; an address with a port is a url");
      if (port == 0) refuse("port is 0; give 1 to 65535");
    }
    if (!out.login.user.empty() && password.empty()) refuse("a user without a password; set password");
    if (!password.empty() && !out.address.is_local() && !allow_unencrypted_credentials)
      refuse("the password for " + out.address.printable() +
             " would travel unencrypted; use a tunnel on this machine, or set allow_unencrypted_credentials");
    constexpr std::size_t longest_prefix = 200;
    if (key_prefix.empty() || key_prefix.size() > longest_prefix)
      refuse("key_prefix has 1 to " + std::to_string(longest_prefix) + " characters");
    for (const char c : key_prefix)
      if (c <= 0x20 || c >= 0x7f || c == '{' || c == '}')
        refuse("key_prefix holds a brace, a space or a foreign character; use letters, digits and : . - _ /");
    if (chunk_size < remote::redis_object::smallest_chunk || chunk_size > remote::redis_object::largest_chunk)
      refuse("chunk_size is " + std::to_string(chunk_size) + "; give 4 KiB to 4 MiB");
    if (lookup_budget.count() < 0) refuse("lookup_budget is negative; give 0 for none");
    if (time_to_live.count() < 0) refuse("time_to_live is negative; give 0 for none");
    if (load_lease.count() < 0 || (load_lease.count() > 0 && load_lease.count() < 100))
      refuse("load_lease is " + std::to_string(load_lease.count()) + " ms; give 100 ms or more, or 0 for none");
    constexpr unsigned most_connections = 10'000;
    if (connections == 0 || connections > most_connections)
      refuse("connections is " + std::to_string(connections) + "; give 1 to " + std::to_string(most_connections));
    out.connections = connections;
    out.lookup_budget = lookup_budget;
    out.breaker = breaker;
    return out;
  }
};

/// A `blob_store`. Its construction checks the settings and sends nothing: the server may be down.
class redis::store {
 public:
  store(const redis& policy, error_sink& errors)
      : client_(policy.checked()),
        objects_(client_, errors,
                 {policy.key_prefix, static_cast<std::uint32_t>(policy.chunk_size), policy.time_to_live, policy.max_object}),
        leases_(client_, policy.key_prefix, policy.load_lease) {}
  store(const store&) = delete;
  store& operator=(const store&) = delete;

  std::optional<bytes> get(std::string_view name, const byte_range& range = {}) { return objects_.get(name, range); }
  std::optional<blob_info> head(std::string_view name) { return objects_.head(name); }
  /// With word of each chunk, and a way to give it up before it is there.
  bool put(std::string_view name, std::span<const bytes> parts, put_mode mode, const transfer_control& control = {}) {
    return put(name, parts, mode, duration::max(), control);
  }
  /// The same for an object that is of no use any more after so long: the server drops it then.
  bool put(std::string_view name, std::span<const bytes> parts, put_mode mode, duration useful,
           const transfer_control& control = {}) {
    return objects_.put(name, parts, mode, useful, control);
  }
  /// Hands the object to the target, with word of each chunk and a way to give up; false when there is none.
  bool fetch(std::string_view name, download_target& target, const transfer_control& control) {
    std::optional<bytes> whole = objects_.get(name, {}, control);
    if (!whole) return false;
    target.take({whole->size(), {}}, std::move(*whole));
    return true;
  }
  bool erase(std::string_view name) { return objects_.erase(name); }
  /// Objects that come or go meanwhile may be missed.
  template <class F>
  void list(std::string_view prefix, F&& f) {
    objects_.list(prefix, std::forward<F>(f));
  }
  /// What the requests so far have cost. Of a cluster the state is that of its worst server, and each one's degraded time is
  /// added.
  remote_report report() const {
    remote_report out;
    client_.add_to(out);
    objects_.add_to(out);
    return out;
  }
  /// By which `get_or_load` agrees with other machines.
  storage::redis_leases& leases() noexcept { return leases_; }

 private:
  remote::redis_client client_;
  remote::redis_objects objects_;
  storage::redis_leases leases_;
};

}  // namespace larder
