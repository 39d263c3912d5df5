#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

namespace bench {

inline constexpr std::size_t sample_size = 10 * 1024;
inline constexpr std::size_t batch_size = 64;
inline constexpr std::size_t shard_size = 1024;  ///< samples, where larder has them as a range

/// The shuffled epoch that everybody goes through.
inline constexpr std::uint64_t shuffled_seed = 1;
inline constexpr std::uint64_t shuffled_epoch = 2;

/// The file of samples, one behind the other, and what is in it.
struct sample_file {
  std::filesystem::path path;
  std::size_t count = 0;
  std::uint64_t mark = 0;  ///< `mark_of` every sample, added up

  std::uint64_t size() const { return std::uint64_t{count} * sample_size; }
};

/// What is done to a sample at least: its first and its last byte.
inline std::uint64_t mark_of(std::span<const std::byte> sample) {
  return std::to_integer<std::uint64_t>(sample.front()) + 256 * std::to_integer<std::uint64_t>(sample.back());
}

/// Writes so many samples of pseudo-random bytes. Throws.
sample_file write_samples(const std::filesystem::path& path, std::size_t count);

/// The first so many of them, as a file of that many would have them.
sample_file first_of(const sample_file& all, std::size_t count);

/// The numbers of the samples in the order of larder's shuffled epoch of them as a range.
std::vector<std::uint32_t> shuffled_order(std::size_t count);

/// A consumer of one epoch.
class epoch_marks {
 public:
  void add(std::span<const std::byte> sample) {
    mark_ += mark_of(sample);
    ++count_;
  }
  std::uint64_t mark() const { return mark_; }
  /// Throws unless that was every sample of the file once: nobody wins by being wrong.
  void check(const sample_file& of) const;

 private:
  std::uint64_t mark_ = 0;
  std::size_t count_ = 0;
};

}  // namespace bench
