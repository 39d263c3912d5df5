#pragma once

#include <larder/core/cache_metrics.hpp>
#include <larder/core/stats.hpp>
#include <larder/core/time.hpp>

#include <cstdint>

namespace larder {

/// A snapshot of a weight server: what its cache counts, and what it does besides. `pinned_bytes` are those of chunks that have left the cache
/// and that clients still read; `loads` and `joined` are those of fills.
struct weight_server_stats : cache_stats {
  std::uint64_t entries = 0;      ///< chunks in the cache
  std::uint64_t capacity = 0;     ///< bytes
  std::uint64_t memory = 0;       ///< bytes of chunks in memory, whoever holds them: in the cache, being filled, pinned
  std::uint64_t requests = 0;     ///< answers, of every status
  std::uint64_t bytes_sent = 0;   ///< of chunks and manifests
  std::uint64_t connections = 0;  ///< open now
  std::uint64_t accepted = 0;     ///< connections so far
  std::uint64_t turned_away = 0;  ///< over the limit of connections
  std::uint64_t timed_out = 0;    ///< connections that were too slow to ask, or idle for too long
  std::uint64_t too_slow = 0;     ///< connections that were cut off because they did not read
  std::uint64_t cut = 0;          ///< answers that ended early because their content turned out wrong or unreadable
  std::uint64_t tier_hits = 0;    ///< fills that the shared tier answered
  std::uint64_t store_reads = 0;  ///< fills that read the directory
  std::uint64_t bypassed = 0;     ///< of those, the ones that found no room in memory and were sent from their file
  duration uptime{0};
};

/// Shows each figure once.
template <class V>
void visit_metrics(const weight_server_stats& s, V& v) {
  visit_metrics(static_cast<const cache_stats&>(s), v);
  v.of("weight_server", [&](V& u) {
    u.gauge("entries", "Chunks in the cache.", s.entries);
    u.gauge("capacity_bytes", "The bound on bytes of chunks in memory.", s.capacity);
    u.gauge("memory_bytes", "Bytes of chunks in memory, whoever holds them.", s.memory);
    u.count("requests", "Answers, of every status.", s.requests);
    u.count("bytes_sent", "Bytes of chunks and manifests.", s.bytes_sent);
    u.gauge("connections", "Open connections.", s.connections);
    u.count("accepted", "Connections so far.", s.accepted);
    u.count("turned_away", "Connections over the limit.", s.turned_away);
    u.count("timed_out", "Connections that were too slow to ask, or idle for too long.", s.timed_out);
    u.count("too_slow", "Connections that were cut off because they did not read.", s.too_slow);
    u.count("cut", "Answers that ended early.", s.cut);
    u.count("tier_hits", "Fills that the shared tier answered.", s.tier_hits);
    u.count("store_reads", "Fills that read the directory.", s.store_reads);
    u.count("bypassed", "Fills that found no room in memory.", s.bypassed);
    u.seconds("uptime", "Time since the server started.", s.uptime);
  });
}

}  // namespace larder
