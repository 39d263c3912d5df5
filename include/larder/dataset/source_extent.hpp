#pragma once

#include <larder/core/digest.hpp>
#include <larder/dataset/dataset_source.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>

namespace larder::datasets {

/// How large a source says that it is, asked once for a stream.
struct source_extent {
  std::size_t shards = 0;
  std::uint64_t bytes = 0;            ///< of memory, when all shards are open
  std::uint64_t counted = 0;          ///< samples of the shards that know their number
  std::size_t uncounted = 0;          ///< shards that do not
  std::uint64_t bytes_uncounted = 0;  ///< of those
  digest counts;                      ///< of what each shard says of its number

  /// How many samples there are; nothing where a shard does not know.
  std::optional<std::uint64_t> samples() const noexcept { return uncounted == 0 ? std::optional(counted) : std::nullopt; }
};

template <dataset_source Source>
source_extent extent_of(const Source& source) {
  source_extent extent;
  extent.shards = source.shards();
  fingerprint_builder counts;
  for (std::size_t shard = 0; shard < extent.shards; ++shard) {
    const std::uint64_t bytes = source.shard_bytes(shard);
    const std::optional<std::uint64_t> count = source.count(shard);
    extent.bytes += bytes;
    extent.counted += count.value_or(0);
    if (!count) {
      ++extent.uncounted;
      extent.bytes_uncounted += bytes;
    }
    counts.add(count.value_or(~std::uint64_t{0}));
  }
  extent.counts = counts.finish();
  return extent;
}

}  // namespace larder::datasets
