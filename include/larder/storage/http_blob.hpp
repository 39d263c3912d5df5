#pragma once

// Values as objects on a server, by HTTP. No index is kept here: every look-up is a request. Choose it to share values
// between machines, below a memory and a disk tier; a look-up costs a round trip at least.

#include <larder/core/axis.hpp>
#include <larder/core/bytes.hpp>
#include <larder/core/concepts.hpp>
#include <larder/core/remote_report.hpp>
#include <larder/core/transfer.hpp>
#include <larder/remote/azure.hpp>
#include <larder/remote/credentials.hpp>
#include <larder/remote/curl_transport.hpp>
#include <larder/remote/object_transfers.hpp>
#include <larder/remote/resilience.hpp>
#include <larder/remote/s3.hpp>
#include <larder/remote/timing.hpp>
#include <larder/remote/transfer_settings.hpp>
#include <larder/remote/webdav.hpp>
#include <larder/storage/remote_engine.hpp>

#include <concepts>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

namespace larder {

namespace remote {

/// The settings of a protocol (webdav, azure, s3) for `http_blob`: how to sign, how to connect, and the client that maps
/// the five operations of a `blob_store` to requests, `put` with a `std::stop_token` behind the mode. Each of the members throws
/// `larder::error` for what cannot work.
template <class P>
concept blob_protocol = requires(const P settings) {
  typename P::signer;
  { settings.credentials() } -> std::same_as<typename P::signer>;
  { settings.transport() } -> std::same_as<transport_settings>;
  typename P::template client<curl_transport>;
};

}  // namespace remote

/// Storage in a blob store over HTTP: `http_blob{webdav{.url = "https://host/models"}}`, `http_blob{azure{.account = "acct", .container = "models"}}`,
/// `http_blob{s3{.bucket = "models"}}`; what it does about failures and slowness may follow: `http_blob{azure{...}, resilience{.lookup_budget = 500ms}}`.
template <class Protocol>
struct http_blob {
  static_assert(remote::blob_protocol<Protocol>, "larder: http_blob needs a protocol's settings, such as larder::webdav{.url = ...}");

  using policy_axis = axis::storage;
  class store;

  http_blob(Protocol settings, const larder::resilience& how = {}, transfer_settings how_to_move = {})
      : protocol(std::move(settings)), resilience(how), transfers(std::move(how_to_move)) {}
  http_blob(Protocol settings, transfer_settings how_to_move) : http_blob(std::move(settings), larder::resilience{}, std::move(how_to_move)) {}

  Protocol protocol;
  larder::resilience resilience;
  transfer_settings transfers;
};

/// A `blob_store`. Its construction checks the settings and sends nothing: the server may be down.
template <class Protocol>
class http_blob<Protocol>::store {
 public:
  using transport = remote::resilient<remote::authorized<remote::curl_transport, typename Protocol::signer>>;
  using client = typename Protocol::template client<transport>;

  store(const http_blob& policy, error_sink&)
      : transport_({}, policy.resilience, policy.protocol.credentials(), policy.protocol.transport()),
        client_(policy.protocol, transport_),
        transfers_(moving(policy)) {}
  store(const store&) = delete;
  store& operator=(const store&) = delete;

  std::optional<bytes> get(std::string_view name, const byte_range& range = {}) { return client_.get(name, range); }
  std::optional<blob_info> head(std::string_view name) { return client_.head(name); }
  /// `control` follows the object on its way, and ends that.
  bool put(std::string_view name, std::span<const bytes> parts, put_mode mode, const transfer_control& control = {}) {
    return transfers_.put(client_, name, parts, mode, control);
  }
  /// Lets an object land where the target says, in ranges side by side when it is large; false when there is none.
  bool fetch(std::string_view name, download_target& target, const transfer_control& control)
    requires remote::part_reading_client<client>
  {
    return transfers_.fetch(client_, name, target, control);
  }
  /// The size and version of an object whose name others may have made; nothing when there is none.
  std::optional<blob_info> find(std::string_view name) { return client_.find(name); }
  /// Fills the room with the bytes of that object from `offset`, in ranges side by side when they are many.
  void read(std::string_view name, const blob_info& object, std::uint64_t offset, std::span<std::byte> room,
            const transfer_control& control = {})
    requires remote::part_reading_client<client>
  {
    transfers_.read(client_, name, object, offset, room, control);
  }
  bool erase(std::string_view name) { return client_.erase(name); }
  template <class F>
  void list(std::string_view prefix, F&& f) {
    client_.list(prefix, std::forward<F>(f));
  }

  /// What the requests so far have cost and how the server fares.
  remote_report report() const { return transport_.report(); }

  /// For what the protocol can do beyond the five operations (containers, leases).
  client& protocol_client() noexcept { return client_; }

 private:
  /// The size of parts is the protocol's to say, where it has one.
  static transfer_settings moving(const http_blob& policy) {
    transfer_settings out = policy.transfers;
    if constexpr (requires { policy.protocol.part_size; }) out.part_size = policy.protocol.part_size;
    if constexpr (requires { policy.protocol.block_size; }) out.part_size = policy.protocol.block_size;
    return out;
  }

  transport transport_;
  client client_;
  remote::object_transfers transfers_;  // last: its threads use the client
};

}  // namespace larder
