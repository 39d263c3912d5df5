#pragma once

#include <larder/core/error.hpp>
#include <larder/core/units.hpp>
#include <larder/dataset/stream_options.hpp>
#include <larder/limit/max_bytes.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace larder {

/// What configurations call the cache of a training, `training_cache {size, batch_buffer, prefetch, cleanup_policy}`, as a limit for
/// `dataset_cache` and options for its streams.
struct training_cache {
  std::uint64_t size = static_cast<std::uint64_t>(-1);  ///< bytes of samples; 2^64-1: no limit
  std::size_t batch_buffer = 32;                        ///< samples to a batch
  std::size_t prefetch = 4;                             ///< batches ahead
  std::string cleanup_policy = "epoch_pin";             ///< "fifo" and "lru" are taken for it, with a warning

  /// Throws `larder::error` (invalid_argument) for a policy that there is not, and for numbers that `stream` refuses.
  void validate() const {
    if (cleanup_policy != "epoch_pin" && cleanup_policy != "fifo" && cleanup_policy != "lru")
      core::fail(error_cause::invalid_argument, "training_cache: cleanup_policy is \"" + cleanup_policy +
                                                    "\"; write epoch_pin (fifo and lru are accepted and mean it)");
    if (batch_buffer == 0)
      core::fail(error_cause::invalid_argument, "training_cache: batch_buffer is 0; a batch has at least one sample");
    datasets::check(stream_options{.batch_size = batch_buffer, .prefetch = prefetch});
  }
  /// What to tell the user once: that the order was changed, and why; nothing where it was not.
  std::optional<std::string> warning() const {
    if (cleanup_policy == "epoch_pin") return std::nullopt;
    return "training_cache: cleanup_policy " + cleanup_policy +
           " evicts each sample before its next epoch; epoch_pin is used, which hits capacity / size of the data";
  }
  /// For the constructor of `dataset_cache`.
  max_bytes limit() const { return max_bytes{size}; }
  /// For `stream`; the rest as in `others`.
  stream_options options(stream_options others = {}) const {
    validate();
    others.batch_size = batch_buffer;
    others.prefetch = prefetch;
    return others;
  }
};

}  // namespace larder
