#pragma once

#include <larder/serve/access_check.hpp>
#include <larder/serve/served_chunks.hpp>
#include <larder/serve/server_counts.hpp>
#include <larder/serve/status_history.hpp>
#include <larder/serve/weight_server_settings.hpp>
#include <larder/serve/weight_server_stats.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>

namespace larder::serve {

/// What all workers of a server share.
struct server_state {
  explicit server_state(const weight_server_settings& given)
      : settings(given),
        access(given.token),
        chunks({.directory = given.chunks_dir,
                .capacity = given.cache_size,
                .fill_threads = given.fill_threads,
                .tier = given.tier,
                .error_listener = given.error_listener}) {}

  const weight_server_settings settings;
  const access_check access;
  served_chunks chunks;
  server_counts counts;
  status_history history;
  const std::chrono::steady_clock::time_point began = std::chrono::steady_clock::now();

  weight_server_stats stats() const {
    weight_server_stats now;
    static_cast<cache_stats&>(now) = chunks.stats();
    const fill_counts fills = chunks.counts();
    now.entries = chunks.entries();
    now.capacity = chunks.capacity();
    now.memory = chunks.memory_in_use();
    now.requests = counts.answers();
    now.bytes_sent = counts.load(server_counts::body_bytes);
    now.connections = counts.open();
    now.accepted = counts.load(server_counts::accepted);
    now.turned_away = counts.load(server_counts::refused);
    now.timed_out = counts.load(server_counts::timed_out);
    now.too_slow = counts.load(server_counts::too_slow);
    now.cut = counts.load(server_counts::cut);
    now.tier_hits = fills.tier_hits;
    now.store_reads = fills.store_reads;
    now.bypassed = fills.bypassed;
    now.uptime = std::chrono::duration_cast<duration>(std::chrono::steady_clock::now() - began);
    return now;
  }
};

}  // namespace larder::serve
