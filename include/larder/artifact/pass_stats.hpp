#pragma once

#include <larder/core/cache_metrics.hpp>
#include <larder/core/error.hpp>
#include <larder/core/stats.hpp>
#include <larder/sync/counter.hpp>

#include <array>
#include <cstddef>
#include <cstdint>

namespace larder {

/// What a `pass_cache` did since it was made.
struct pass_stats {
  std::uint64_t local_hits = 0;       ///< outputs that were needed and lay here
  std::uint64_t shared_hits = 0;      ///< outputs that were needed and came from the shared store
  std::uint64_t misses = 0;           ///< outputs that were needed and had to be made
  std::uint64_t runs = 0;             ///< passes that ran to their end
  std::uint64_t failed_runs = 0;      ///< passes that threw
  std::uint64_t known_failures = 0;   ///< chains that were not run since a pass of theirs is known to fail
  std::uint64_t evaluations = 0;      ///< evaluators that ran
  std::uint64_t evaluation_hits = 0;  ///< evaluations that were found
  std::uint64_t joined = 0;           ///< outputs and evaluations that somebody else made meanwhile
  std::uint64_t damaged = 0;          ///< records and files that were not as they had been stored; not used
  std::uint64_t poisoned = 0;         ///< records of another key, unsigned ones, and such as no program of ours writes; not used
  std::uint64_t uncacheable = 0;      ///< outputs that could not be kept, and were handed out as they were
  std::uint64_t requests = 0;         ///< calls to the shared store
  std::uint64_t downloads = 0;        ///< files of models that came from it
  std::uint64_t downloaded_bytes = 0;
  std::uint64_t uploads = 0;  ///< files that went there
  std::uint64_t uploaded_bytes = 0;
  std::uint64_t published = 0;    ///< entries that went there whole, evaluations included
  std::uint64_t unpublished = 0;  ///< entries that did not: the next run tries again
  error_counts errors;            ///< failures that were absorbed, by cause, those of the shared store included
};

/// Shows each figure once.
template <class V>
void visit_metrics(const pass_stats& s, V& v) {
  v.of("passes", [&](V& u) {
    u.count("local_hits", "Outputs that were needed and lay here.", s.local_hits);
    u.count("shared_hits", "Outputs that were needed and came from the shared store.", s.shared_hits);
    u.count("misses", "Outputs that were needed and had to be made.", s.misses);
    u.count("runs", "Passes that ran to their end.", s.runs);
    u.count("failed_runs", "Passes that threw.", s.failed_runs);
    u.count("known_failures", "Chains that were not run since a pass of theirs is known to fail.", s.known_failures);
    u.count("evaluations", "Evaluators that ran.", s.evaluations);
    u.count("evaluation_hits", "Evaluations that were found.", s.evaluation_hits);
    u.count("joined", "Outputs and evaluations that somebody else made meanwhile.", s.joined);
    u.count("damaged", "Records and files that were not as they had been stored.", s.damaged);
    u.count("poisoned", "Records of another key, unsigned ones, and such as no program of ours writes.", s.poisoned);
    u.count("uncacheable", "Outputs that could not be kept.", s.uncacheable);
    u.count("requests", "Calls to the shared store.", s.requests);
    u.count("downloads", "Files of models that came from the shared store.", s.downloads);
    u.count("downloaded_bytes", "Bytes that came from the shared store.", s.downloaded_bytes);
    u.count("uploads", "Files that went to the shared store.", s.uploads);
    u.count("uploaded_bytes", "Bytes that went to the shared store.", s.uploaded_bytes);
    u.count("published", "Entries that went there whole, evaluations included.", s.published);
    u.count("unpublished", "Entries that did not.", s.unpublished);
    visit_metrics(s.errors, u);
  });
}

namespace artifacts {

/// The same while it is counted.
struct pass_counts {
  using number = sync::counter<true>;
  number local_hits, shared_hits, misses, runs, failed_runs, known_failures, evaluations, evaluation_hits, joined, damaged,
      poisoned, uncacheable, requests, downloads, downloaded_bytes, uploads, uploaded_bytes, published, unpublished;
  std::array<number, error_cause_count> errors;

  void add_to(pass_stats& out) const noexcept {
    out.local_hits += local_hits.load();
    out.shared_hits += shared_hits.load();
    out.misses += misses.load();
    out.runs += runs.load();
    out.failed_runs += failed_runs.load();
    out.known_failures += known_failures.load();
    out.evaluations += evaluations.load();
    out.evaluation_hits += evaluation_hits.load();
    out.joined += joined.load();
    out.damaged += damaged.load();
    out.poisoned += poisoned.load();
    out.uncacheable += uncacheable.load();
    out.requests += requests.load();
    out.downloads += downloads.load();
    out.downloaded_bytes += downloaded_bytes.load();
    out.uploads += uploads.load();
    out.uploaded_bytes += uploaded_bytes.load();
    out.published += published.load();
    out.unpublished += unpublished.load();
    for (std::size_t i = 0; i < error_cause_count; ++i) out.errors.by_cause[i] += errors[i].load();
  }
};

}  // namespace artifacts
}  // namespace larder
