#pragma once

#include <larder/core/metric_visitor.hpp>

#include <chrono>
#include <cstdint>

namespace larder {

/// What the streams of a data set cache did, since it was made or since `reset_stats`.
struct dataset_stats {
  std::uint64_t samples = 0;   ///< handed out: hits + joined + made
  std::uint64_t hits = 0;      ///< found in the cache
  std::uint64_t joined = 0;    ///< made by somebody else meanwhile, and waited for
  std::uint64_t made = 0;      ///< read from the source and preprocessed
  std::uint64_t not_kept = 0;  ///< of these, for which there was no room
  std::uint64_t batches = 0;
  std::uint64_t bytes_out = 0;  ///< of samples that were handed out, as they are cached
  std::uint64_t shards_opened = 0;
  std::uint64_t bytes_read = 0;                 ///< about, of the source: the shards that were opened
  std::chrono::nanoseconds preprocess_time{0};  ///< in the user's function, of all threads together
  std::chrono::nanoseconds read_time{0};        ///< opening shards
  std::chrono::nanoseconds stall_time{0};       ///< that the consumers waited for a batch
  std::uint64_t failed_puts = 0;                ///< samples that the cache refused although there was room

  std::uint64_t weight = 0;        ///< bytes of samples in the cache
  std::uint64_t capacity = 0;      ///< bytes that it may have; 2^64-1 without a limit
  std::uint64_t entries = 0;       ///< samples in the cache; 0 where its storage does not know
  std::uint64_t found_memory = 0;  ///< bytes of memory that it takes to know where found samples are (`trim`)
  /// What an epoch can hit at best once the cache is filled: capacity / (size of all samples), 1 when they fit; 0 before a
  /// stream has seen how large samples are and, where the source does not say how many there are (lines, archives), before an epoch is over.
  double expected_hit_ratio = 0;

  double hit_ratio() const noexcept { return samples == 0 ? 0.0 : static_cast<double>(hits) / static_cast<double>(samples); }
};

/// Shows each figure once.
template <class V>
void visit_metrics(const dataset_stats& s, V& v) {
  v.of("dataset", [&](V& u) {
    u.count("samples", "Samples handed out.", s.samples);
    u.count("hits", "Samples found in the cache.", s.hits);
    u.count("joined", "Samples made by somebody else meanwhile, and waited for.", s.joined);
    u.count("made", "Samples read from the source and preprocessed.", s.made);
    u.count("not_kept", "Samples made for which there was no room.", s.not_kept);
    u.count("batches", "Batches handed out.", s.batches);
    u.count("bytes_out", "Bytes of samples that were handed out, as they are cached.", s.bytes_out);
    u.count("shards_opened", "Shards of the source that were opened.", s.shards_opened);
    u.count("bytes_read", "Bytes of the shards that were opened, about.", s.bytes_read);
    u.seconds("preprocess_time", "Time in the user's function, of all threads together.", s.preprocess_time);
    u.seconds("read_time", "Time spent in opening shards.", s.read_time);
    u.seconds("stall_time", "Time that the consumers waited for a batch.", s.stall_time);
    u.count("failed_puts", "Samples that the cache refused although there was room.", s.failed_puts);
    u.gauge("weight", "Bytes of samples in the cache.", s.weight);
    u.gauge("capacity", "Bytes that it may have.", s.capacity);
    u.gauge("entries", "Samples in the cache.", s.entries);
    u.gauge("found_memory", "Bytes of memory that it takes to know where found samples are.", s.found_memory);
    u.gauge("expected_hit_ratio", "What an epoch can hit at best once the cache is filled.", s.expected_hit_ratio);
  });
}

}  // namespace larder
