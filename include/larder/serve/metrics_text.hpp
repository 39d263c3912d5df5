#pragma once

#include <larder/observe/number_text.hpp>
#include <larder/serve/server_state.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace larder::serve {

/// The server's figures in the text format of Prometheus (0.0.4).
inline std::string metrics_text(const server_state& server) {
  const weight_server_stats now = server.stats();
  std::string out;
  const auto head = [&](std::string_view name, std::string_view kind, std::string_view help) {
    ((out += "# HELP larder_server_") += name) += ' ';
    (out += help) += "\n# TYPE larder_server_";
    ((out += name) += ' ') += kind;
    out += '\n';
  };
  const auto value = [&](std::string_view name, std::string_view labels, const std::string& number) {
    ((out += "larder_server_") += name) += labels;
    ((out += ' ') += number) += '\n';
  };
  const auto metric = [&](std::string_view name, std::string_view kind, std::string_view help, std::uint64_t number) {
    head(name, kind, help);
    value(name, "", std::to_string(number));
  };

  head("responses_total", "counter", "Answers by status.");
  for (std::size_t i = 0; i < answered_statuses.size(); ++i)
    value("responses_total", "{code=\"" + std::to_string(answered_statuses[i]) + "\"}", std::to_string(server.counts.answers(i)));
  metric("sent_bytes_total", "counter", "Bytes of chunks and manifests handed to the system.", now.bytes_sent);
  metric("cache_hits_total", "counter", "Requests that found their chunk in memory.", now.hits);
  metric("cache_misses_total", "counter", "Requests that did not.", now.misses);
  metric("cache_joined_total", "counter", "Of the misses, those that read what another request's fill brought.", now.joined);
  metric("cache_evictions_total", "counter", "Chunks that left memory for want of room.", now.evictions);
  metric("cache_entries", "gauge", "Chunks in the cache.", now.entries);
  metric("cache_bytes", "gauge", "Bytes of the chunks in the cache.", now.stored_bytes);
  metric("cache_capacity_bytes", "gauge", "The bound on bytes of chunks in memory.", now.capacity);
  metric("memory_bytes", "gauge", "Bytes of chunks in memory: in the cache, being filled, and pinned.", now.memory);
  metric("pinned_bytes", "gauge", "Bytes of evicted chunks that clients still read.", now.pinned_bytes);
  metric("fills_total", "counter", "Loads of chunks that ended well.", now.loads);
  metric("fill_failures_total", "counter", "Loads that failed, damaged contents included.", now.load_failures);
  metric("damaged_total", "counter", "Contents that were not what their name says.", now.errors[error_cause::corruption]);
  head("fill_seconds_total", "counter", "Time spent in loads.");
  value("fill_seconds_total", "", observe::seconds_text(now.load_time));
  metric("tier_hits_total", "counter", "Loads that the shared tier answered.", now.tier_hits);
  metric("store_reads_total", "counter", "Loads that read the directory.", now.store_reads);
  metric("bypassed_total", "counter", "Of those, the ones without room in memory, sent from their file.", now.bypassed);
  metric("connections", "gauge", "Open connections.", now.connections);
  metric("connections_total", "counter", "Connections accepted.", now.accepted);
  metric("turned_away_total", "counter", "Connections over the limit, answered 503.", now.turned_away);
  metric("timed_out_total", "counter", "Connections that were too slow to ask, or idle for too long.", now.timed_out);
  metric("too_slow_total", "counter", "Connections cut off because they did not read.", now.too_slow);
  metric("cut_total", "counter", "Answers that ended early because their content turned out wrong or unreadable.", now.cut);
  head("uptime_seconds", "gauge", "Since the server started.");
  value("uptime_seconds", "", observe::seconds_text(now.uptime));
  return out;
}

}  // namespace larder::serve
