#pragma once

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
