#pragma once

#include <larder/core/version.hpp>
#include <larder/observe/number_text.hpp>
#include <larder/serve/server_state.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace larder::serve {

/// What the status page shows, as one JSON object: the figures of now, the last seconds, and the chunks that are used most. Nothing of it
/// needs escaping: keys are safe names.
inline std::string status_json(server_state& server) {
  const weight_server_stats now = server.stats();
  constexpr std::size_t listed = 10;
  std::string out = "{\"version\":\"" LARDER_VERSION_STRING "\"";
  const auto number = [&](std::string_view name, std::uint64_t value) {
    (out += ",\"") += name;
    (out += "\":") += std::to_string(value);
  };
  out += ",\"uptime_seconds\":" + observe::seconds_text(std::chrono::duration_cast<std::chrono::milliseconds>(now.uptime));
  number("hits", now.hits);
  number("misses", now.misses);
  number("joined", now.joined);
  number("evictions", now.evictions);
  number("entries", now.entries);
  number("cached_bytes", now.stored_bytes);
  number("capacity_bytes", now.capacity);
  number("memory_bytes", now.memory);
  number("pinned_bytes", now.pinned_bytes);
  number("loads", now.loads);
  number("load_failures", now.load_failures);
  number("damaged", now.errors[error_cause::corruption]);
  number("tier_hits", now.tier_hits);
  number("store_reads", now.store_reads);
  number("bypassed", now.bypassed);
  number("requests", now.requests);
  number("sent_bytes", now.bytes_sent);
  number("connections", now.connections);
  number("max_connections", server.settings.max_connections);
  number("accepted", now.accepted);
  number("turned_away", now.turned_away);
  number("timed_out", now.timed_out);
  number("too_slow", now.too_slow);
  number("cut", now.cut);
  // Per second: hits, misses, requests, bytes sent, connections, memory.
  out += ",\"seconds\":[";
  bool first = true;
  for (const status_history::second& s : server.history.all()) {
    out += first ? "[" : ",[";
    first = false;
    for (const std::uint64_t value : {s.hits, s.misses, s.requests, s.bytes_sent, s.connections})
      (out += std::to_string(value)) += ',';
    (out += std::to_string(s.memory)) += ']';
  }
  out += "],\"chunks\":[";
  first = true;
  for (const served_chunks::entry& e : server.chunks.most_used(listed)) {
    ((out += first ? "{\"name\":\"" : ",{\"name\":\"") += std::string_view(e.key).substr(2)) += '"';
    out += e.key.starts_with("m/") ? ",\"manifest\":true" : "";
    number("bytes", e.size);
    number("uses", e.uses);
    out += '}';
    first = false;
  }
  return out += "]}\n";
}

}  // namespace larder::serve
