#pragma once

// Chunks of models on a weight server, over HTTP. Written against the answers of a server that keeps the directory of
// `larder layers split`:
//   GET /v1/m/<model>/manifest   the manifest
//   GET /v1/c/<digest>           a chunk, or with Range a part of it
// Requests go through the transport, the retries and the limits of `http_blob`; parts of what is asked for come side by side.

#include <larder/core/bytes.hpp>
#include <larder/core/chunk_store.hpp>
#include <larder/core/concepts.hpp>
#include <larder/core/error.hpp>
#include <larder/core/memory_download.hpp>
#include <larder/core/transfer.hpp>
#include <larder/format/model_manifest.hpp>
#include <larder/remote/http.hpp>
#include <larder/remote/resilience.hpp>
#include <larder/remote/secret.hpp>
#include <larder/remote/transfer_settings.hpp>
#include <larder/remote/transfer_streams.hpp>
#include <larder/remote/webdav.hpp>
#include <larder/storage/http_blob.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

namespace larder {

/// A weight server as a place for `chunked_model`: `http_chunks`, below. Failures are thrown once the transport's own retries have given
/// up. Copies share one set of connections. `Server` says how it is talked to; that it is named here lets only those compile it who use it.
template <class Server>
class basic_http_chunks {
 public:
  /// `url`: `http(s)://host[:port]`, and a path where the server is behind one. The token goes over https, or over http to this machine itself.
  explicit basic_http_chunks(std::string url, secret bearer_token = {})
      : basic_http_chunks(Server{webdav{.url = std::move(url), .bearer_token = std::move(bearer_token)}}) {}
  /// The same with time-outs, authorities and whatever else `http_blob` and `webdav` can be told. Sends nothing: the server may be down.
  explicit basic_http_chunks(const Server& server) : shared_(std::make_shared<connection>(server)) {}

  std::string name() const { return shared_->name; }

  bytes manifest(const std::string& model) const {
    format::check_model_name(model);
    bounded_text text(shared_->name);
    if (!shared_->store.fetch("v1/m/" + model + "/manifest", text, {}))
      core::fail(error_cause::io, shared_->name + " has no model " + model + "; look at its name and at the server's directory");
    return std::move(text).result();
  }
  void read(std::span<const chunk_piece> pieces) const {
    std::vector<chunk_piece> parts;  // one request each
    for (const chunk_piece& piece : pieces)
      for (std::size_t at = 0; at < piece.room.size(); at += shared_->part_size)
        parts.push_back({piece.id, piece.chunk_size, piece.offset + at,
                         piece.room.subspan(at, std::min(shared_->part_size, piece.room.size() - at))});
    shared_->streams.run(parts.size(), shared_->side_by_side, {},
                         [&](std::size_t i, const std::stop_token& stop) { read_part(parts[i], stop); });
  }
  /// Parts of several chunks come side by side.
  std::uint64_t read_unit() const noexcept { return std::uint64_t{32} << 20U; }

  /// What the requests so far have cost and how the server fares.
  remote_report report() const { return shared_->store.report(); }

 private:
  struct unheard final : error_sink {  // what goes wrong is thrown
    void report(error_cause, const std::string&) noexcept override {}
  };
  struct connection {
    explicit connection(const Server& server)
        : name(server.protocol.address().printable()),
          part_size(static_cast<std::size_t>(server.transfers.part_size)),
          side_by_side(server.transfers.streams),
          store(server, sink),
          streams(server.transfers.most_threads) {}
    std::string name;
    std::size_t part_size;
    std::size_t side_by_side;
    unheard sink;
    typename Server::store store;
    remote::transfer_streams streams;  // last: its threads use the store
  };

  /// A manifest on its way, which is not taken when it is longer than any.
  class bounded_text final : public download_target {
   public:
    explicit bounded_text(std::string server) : server_(std::move(server)) {}
    void take(const blob_info& info, bytes whole) override {
      check(info.size);
      text_.take(info, std::move(whole));
    }
    std::optional<std::vector<download_piece>> plan(const blob_info& info, const bytes& beginning) override {
      check(info.size);
      return text_.plan(info, beginning);
    }
    bool landed(std::size_t) noexcept override { return true; }
    bytes result() && { return std::move(text_).result(); }

   private:
    void check(std::uint64_t size) const {
      if (size > format::manifest_limits::bytes)
        core::fail(error_cause::corruption, server_ + ": a manifest of " + std::to_string(size) + " bytes is not read");
    }
    std::string server_;
    memory_download text_;
  };

  void read_part(const chunk_piece& part, const std::stop_token& stop) const {
    try {
      // Its digest is its version.
      shared_->store.read("v1/c/" + part.id.hex(), {part.chunk_size, {}}, part.offset, part.room, {.stop = stop});
    } catch (const error& e) {
      if (e.cause() != error_cause::io) throw;
      core::fail(error_cause::io,
                 shared_->name + " has no chunk " + part.id.hex() + " of " + std::to_string(part.chunk_size) +
                     " bytes, which a manifest names; larder layers split writes what is missing in the server's directory");
    }
  }

  std::shared_ptr<connection> shared_;
};

using http_chunks = basic_http_chunks<http_blob<webdav>>;

}  // namespace larder
