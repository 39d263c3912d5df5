#pragma once

#include <larder/core/error.hpp>
#include <larder/remote/secret.hpp>
#include <larder/serve/chunk_tier.hpp>
#include <larder/serve/request_head.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace larder {

/// What a `weight_server` is told. Only `chunks_dir` has no default.
struct weight_server_settings {
  std::string chunks_dir{};                ///< chunks lie in it, manifests in its folder `manifests`
  std::uint64_t cache_size = 200'000'000;  ///< bytes of chunks in memory, those that fills and slow readers hold included
  int port = 0;                            ///< 0: one that is free
  std::string host = "127.0.0.1";          ///< the interface; another than this machine's own needs a token
  secret token{};        ///< what every client must know; empty: everybody who asks for localhost or an address, not for a name
  unsigned workers = 0;  ///< threads that talk to clients; 0: one per processor, at most 8
  std::size_t fill_threads = 4;  ///< threads that read what is not in memory
  chunk_tier tier{};             ///< a cache that several servers share, asked before the directory

  std::size_t max_connections = 1024;  ///< further ones are told 503 and when to come again
  serve::request_limits request{};
  std::chrono::milliseconds header_timeout{10'000};  ///< from the first byte of a request's head to its last; new connections too
  std::chrono::milliseconds idle_timeout{30'000};    ///< between two requests of a connection
  std::chrono::milliseconds drain_window{
      20'000};                          ///< a client that takes less than `slowest_reader` on average for so long is cut off
  std::uint64_t slowest_reader = 1024;  ///< bytes per second
  std::chrono::milliseconds drain_on_stop{5'000};  ///< how long `stop` lets answers go on that have begun

  /// Told once of each file that is damaged or cannot be read, and again when it has changed; from any thread, what it throws is dropped.
  std::function<void(const error_event&)> error_listener{};

  /// Throws `larder::error` for what cannot be meant.
  void check() const {
    const auto refuse = [](const std::string& why) { core::fail(error_cause::invalid_argument, "weight_server: " + why); };
    if (chunks_dir.empty()) refuse("chunks_dir is empty; give the folder that holds the chunks");
    if (workers > 256) refuse("workers is " + std::to_string(workers) + "; give 1 to 256, or 0 for one per processor");
    if (fill_threads == 0 || fill_threads > 256) refuse("fill_threads is " + std::to_string(fill_threads) + "; give 1 to 256");
    if (max_connections == 0) refuse("max_connections is 0; give at least 1");
    if (request.line < 64 || request.head < request.line || request.fields == 0)
      refuse("request: a line of 64 bytes, a head that holds it and one field are the least");
    for (const std::chrono::milliseconds time : {header_timeout, idle_timeout, drain_window})
      if (time.count() <= 0) refuse("a time limit is not longer than 0");
    if (drain_on_stop.count() < 0) refuse("drain_on_stop is negative; give 0 to stop at once");
  }
};

}  // namespace larder
