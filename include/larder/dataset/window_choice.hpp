#pragma once

#include <larder/dataset/dataset_source.hpp>
#include <larder/dataset/source_extent.hpp>
#include <larder/dataset/stream_options.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace larder::datasets {

/// How many shards are shuffled together, how many are held open, and what a position has to agree with.
struct window_choice {
  std::size_t shards = 1;
  std::size_t open = 1;
  std::uint64_t order = 0;
};

/// Without shuffling a shard after the other. Else what is asked for, or as many as `window_bytes` hold; all of a source that lies in memory.
inline window_choice window_of(const source_extent& source, const stream_options& options) {
  window_choice choice;
  const std::size_t all = source.shards;
  const std::uint64_t bytes = source.bytes;
  if (options.shuffle) {
    choice.shards = options.window;
    if (choice.shards == 0 && bytes != 0)
      choice.shards =
          static_cast<std::size_t>(std::max<std::uint64_t>(options.window_bytes / std::max<std::uint64_t>(bytes / all, 1), 1));
    if (choice.shards == 0 || choice.shards > all) choice.shards = std::max<std::size_t>(all, 1);
  }
  // Those that are still read by who makes an earlier batch; of large ones as few as there can be.
  constexpr std::uint64_t spare = std::uint64_t{32} << 20U;
  const std::uint64_t each = all == 0 ? 1 : std::max<std::uint64_t>(bytes / all, 1);
  const auto others = static_cast<std::size_t>(
      std::min<std::uint64_t>(options.workers.value_or(8) + 2, std::max<std::uint64_t>(spare / each, 1)));
  choice.open = bytes == 0 ? std::max<std::size_t>(all, 1) : choice.shards + others;
  // The sizes decide the order; the content does not, and a path or a time of change, which are other ones on another machine, even less.
  choice.order = fingerprint_builder()
                     .add("larder order, 1")
                     .add(std::uint64_t{options.shuffle})
                     .add(static_cast<std::uint64_t>(choice.shards))
                     .add(static_cast<std::uint64_t>(all))
                     .add(source.counts)
                     .finish()
                     .low;
  return choice;
}

}  // namespace larder::datasets
