#pragma once

#include <larder/core/metric_visitor.hpp>
#include <larder/sync/counter.hpp>

#include <cstdint>

namespace larder {

/// What one `package_store` object has done.
struct package_store_stats {
  std::uint64_t hits = 0;    ///< packages handed out as they were
  std::uint64_t made = 0;    ///< packages that were made, or made right again
  std::uint64_t joined = 0;  ///< times that a thread waited for another one that made the package
  std::uint64_t waited = 0;  ///< times that a file was brought by another process or thread meanwhile
  std::uint64_t denied = 0;  ///< by the guard
  std::uint64_t fetched_files = 0;
  std::uint64_t fetched_bytes = 0;     ///< that providers gave
  std::uint64_t resumed_bytes = 0;     ///< that an earlier try had left, and needed no fetch
  std::uint64_t shared_files = 0;      ///< that were there already, under their digests
  std::uint64_t unpacked_files = 0;    ///< put together from pieces
  std::uint64_t hub_files = 0;         ///< taken from a hub's cache
  std::uint64_t unverified_files = 0;  ///< fetched without a digest to compare with
  std::uint64_t mended_files = 0;
  std::uint64_t relinked_files = 0;
  std::uint64_t evicted_packages = 0;  ///< by the quota
  std::uint64_t removed_blobs = 0;     ///< by the quota
  std::uint64_t quota_failures = 0;    ///< times that it could not be held, with the package made all the same
};

/// Shows each figure once.
template <class V>
void visit_metrics(const package_store_stats& s, V& v) {
  v.of("packages", [&](V& u) {
    u.count("hits", "Packages handed out as they were.", s.hits);
    u.count("made", "Packages that were made, or made right again.", s.made);
    u.count("joined", "Times that a thread waited for another one that made the package.", s.joined);
    u.count("waited", "Times that a file was brought by another process or thread meanwhile.", s.waited);
    u.count("denied", "Packages denied by the guard.", s.denied);
    u.count("fetched_files", "Files that were fetched.", s.fetched_files);
    u.count("fetched_bytes", "Bytes that providers gave.", s.fetched_bytes);
    u.count("resumed_bytes", "Bytes that an earlier try had left, and needed no fetch.", s.resumed_bytes);
    u.count("shared_files", "Files that were there already, under their digests.", s.shared_files);
    u.count("unpacked_files", "Files put together from pieces.", s.unpacked_files);
    u.count("hub_files", "Files taken from a hub's cache.", s.hub_files);
    u.count("unverified_files", "Files fetched without a digest to compare with.", s.unverified_files);
    u.count("mended_files", "Files that were mended.", s.mended_files);
    u.count("relinked_files", "Files that were linked anew.", s.relinked_files);
    u.count("evicted_packages", "Packages evicted by the quota.", s.evicted_packages);
    u.count("removed_blobs", "Blobs removed by the quota.", s.removed_blobs);
    u.count("quota_failures", "Times that the quota could not be held.", s.quota_failures);
  });
}

namespace artifacts {

struct package_counters {
  sync::counter<true> hits, made, joined, waited, denied, fetched_files, fetched_bytes, resumed_bytes, shared_files, unpacked_files, hub_files,
      unverified_files, mended_files, relinked_files, evicted_packages, removed_blobs, quota_failures;

  void add(const package_store_stats& more) noexcept {
    hits.add(more.hits);
    made.add(more.made);
    joined.add(more.joined);
    waited.add(more.waited);
    denied.add(more.denied);
    fetched_files.add(more.fetched_files);
    fetched_bytes.add(more.fetched_bytes);
    resumed_bytes.add(more.resumed_bytes);
    shared_files.add(more.shared_files);
    unpacked_files.add(more.unpacked_files);
    hub_files.add(more.hub_files);
    unverified_files.add(more.unverified_files);
    mended_files.add(more.mended_files);
    relinked_files.add(more.relinked_files);
    evicted_packages.add(more.evicted_packages);
    removed_blobs.add(more.removed_blobs);
    quota_failures.add(more.quota_failures);
  }
  package_store_stats read() const noexcept {
    return {hits.load(),
            made.load(),
            joined.load(),
            waited.load(),
            denied.load(),
            fetched_files.load(),
            fetched_bytes.load(),
            resumed_bytes.load(),
            shared_files.load(),
            unpacked_files.load(),
            hub_files.load(),
            unverified_files.load(),
            mended_files.load(),
            relinked_files.load(),
            evicted_packages.load(),
            removed_blobs.load(),
            quota_failures.load()};
  }
};

}  // namespace artifacts
}  // namespace larder
