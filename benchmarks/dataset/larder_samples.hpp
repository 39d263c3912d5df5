#pragma once

#include "../mapped_file.hpp"
#include "samples.hpp"

#include <larder/dataset/dataset_cache.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <numeric>
#include <vector>

namespace bench {

/// What larder is asked for, beside the size of the batches.
struct larder_way {
  bool shuffled = false;
  bool copied = false;  ///< `batch_mode::copy`
};

inline larder::stream_options stream_options_of(const larder_way& way) {
  larder::stream_options options;
  options.batch_size = batch_size;
  options.shuffle = way.shuffled;
  options.seed = shuffled_seed;
  options.epoch = shuffled_epoch;
  options.mode = way.copied ? larder::batch_mode::copy : larder::batch_mode::view;
  return options;
}

/// The samples as larder's users have them who read them by themselves: a range of numbers, and a function that reads the sample of a
/// number, in a cache on disk. The samples must outlive it.
class larder_samples {
 public:
  using cache_type = larder::dataset_cache<larder::bytes>;

  larder_samples(const sample_file& samples, const std::filesystem::path& folder, std::uint64_t most = ~std::uint64_t{0})
      : samples_(samples),
        file_(samples.path),
        numbers_(samples.count),
        cache_(larder::mmap_disk{folder}, larder::max_bytes{most}) {
    std::iota(numbers_.begin(), numbers_.end(), std::uint32_t{0});
  }

  auto stream(const larder::stream_options& options) {
    const auto read = [this](std::uint32_t number) {
      return larder::bytes::copy_of(file_.bytes().subspan(std::size_t{number} * sample_size, sample_size));
    };
    return cache_.stream(larder::named_source{"bench", numbers_, shard_size}, larder::preprocess{"copy-v1", read}, options);
  }
  /// Uses every sample of one epoch. Throws when they are others than those of the file.
  larder::dataset_stats epoch(const larder::stream_options& options) {
    auto batches = stream(options);
    epoch_marks marks;
    for (const auto& batch : batches)
      for (const larder::bytes& sample : batch) marks.add(sample.span());
    marks.check(samples_);
    return batches.stats();
  }
  cache_type& cache() { return cache_; }

 private:
  const sample_file& samples_;
  mapped_file file_;
  std::vector<std::uint32_t> numbers_;
  cache_type cache_;
};

}  // namespace bench
