#pragma once

#include <larder/core/error.hpp>
#include <larder/core/units.hpp>
#include <larder/dataset/kept_form.hpp>
#include <larder/dataset/rank_share.hpp>
#include <larder/dataset/stream_position.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>

namespace larder {

/// How samples come to be in a batch.
enum class batch_mode : std::uint8_t {
  automatic,  ///< views of `bytes`, copies of everything else
  view,       ///< `bytes` that refer to the cache's memory and keep it
  copy,       ///< in one buffer that the next batch uses again: samples of the last batch are not to be looked at any more
};

/// How a data set is streamed. Of the order only `seed`, `shuffle`, `window` and `window_bytes` decide, never how many threads work.
struct stream_options {
  std::size_t batch_size = 32;
  std::size_t prefetch = 4;  ///< batches that are made ahead of the one that is used; 0: none
  std::optional<std::size_t> workers =
      std::nullopt;  ///< threads that make them; not given: one less than processors, at least one. 0: the caller's thread
  bool shuffle = false;
  std::uint64_t seed = 0;
  std::size_t window = 0;  ///< shards that are shuffled together; 0: as many as `window_bytes` hold, all of a source in memory
  std::uint64_t window_bytes = std::uint64_t{64} << 20U;
  std::uint64_t epoch = 0;   ///< the first one
  std::uint64_t epochs = 1;  ///< how many, from `epoch` on; batches do not reach from one into the next
  std::size_t rank = 0;      ///< which of `world` equal shares is this one
  std::size_t world = 1;
  bool drop_last = false;  ///< no batch that is not full, and as many batches for every rank
  batch_mode mode = batch_mode::automatic;
  std::uint64_t bytes_ahead = std::uint64_t{64}
                              << 20U;     ///< of batches that wait: when there are so many, the next is made once one is used
  kept_form keep = kept_form::automatic;  ///< samples as `preprocess` makes them, or as the source has them
  std::uint64_t quota = static_cast<std::uint64_t>(-1);  ///< bytes of samples that this source and version may have in the cache
  std::optional<stream_position> from = std::
      nullopt;  ///< where another stream was: goes on there and ends where that one would; an epoch that was begun is finished
  std::stop_token stop = {};  ///< ends the stream with `larder::error` (cancelled), also while it waits
};

namespace datasets {

/// Throws `larder::error` (invalid_argument) for what makes no sense.
inline void check(const stream_options& options) {
  if (options.batch_size == 0)
    core::fail(error_cause::invalid_argument, "stream: batch_size is 0; a batch has at least one sample");
  if (options.batch_size > (std::size_t{1} << 30U))
    core::fail(error_cause::invalid_argument,
               "stream: batch_size is " + std::to_string(options.batch_size) + "; at most 2^30 samples make a batch");
  if (options.prefetch > 65536)
    core::fail(error_cause::invalid_argument,
               "stream: prefetch is " + std::to_string(options.prefetch) + " batches; at most 65536 are made ahead");
  if (options.workers && *options.workers > 1024)
    core::fail(error_cause::invalid_argument,
               "stream: workers is " + std::to_string(*options.workers) + "; at most 1024 threads make batches");
  if (options.world > (std::size_t{1} << 30U))
    core::fail(error_cause::invalid_argument,
               "stream: world is " + std::to_string(options.world) + "; at most 2^30 ranks share a data set");
  if (options.epochs == 0) core::fail(error_cause::invalid_argument, "stream: epochs is 0; 1 goes through the data once");
  if (options.epoch > static_cast<std::uint64_t>(-1) - options.epochs)
    core::fail(error_cause::invalid_argument, "stream: epoch " + std::to_string(options.epoch) + " and " +
                                                  std::to_string(options.epochs) + " more are too many");
}

}  // namespace datasets
}  // namespace larder
