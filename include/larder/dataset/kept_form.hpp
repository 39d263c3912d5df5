#pragma once

// Whether samples are kept as preprocessing made them or as the source has them. What a byte of the cache is worth is the time that it saves in an
// epoch: a preprocessed sample saves reading and preprocessing, a raw one only reading, and may be smaller by as much as preprocessing unfolds it.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>

namespace larder {

/// In which form samples are kept.
enum class kept_form : std::uint8_t {
  automatic,  ///< preprocessed, unless they do not all fit and raw ones save more time for each byte that they take, by what was measured
  preprocessed,  ///< as `preprocess` made them
  raw,           ///< as the source has them; `preprocess` then runs at each use
};

namespace datasets {

/// Measures the first samples and then says which form saves more time per byte. What reading costs is the least that it cost of several shards, and
/// raw has to save half as much again: a choice by noise would be another one the next time. Any number of threads.
class kept_choice {
 public:
  static constexpr std::uint64_t enough = 64;                   // samples
  static constexpr std::uint64_t enough_reads = 3;              // shards
  static constexpr std::chrono::milliseconds clear_reading{5};  // so long takes no hiccup: one such shard is enough
  static constexpr double least_reading = 1000;                 // ns for a record; below it lies in memory, or as good as
  static constexpr double least_gain = 1.5;

  /// Whether more samples would tell more.
  bool wants_samples() const noexcept {
    const std::lock_guard lock(mutex_);
    return samples_ < enough;
  }
  /// One sample that was made, of a record of `raw` bytes.
  void note(std::chrono::nanoseconds preprocessing, std::uint64_t raw, std::uint64_t made) noexcept {
    const std::lock_guard lock(mutex_);
    preprocessing_ += preprocessing;
    raw_ += raw;
    made_ += made;
    ++samples_;
  }
  /// A shard that was read, with so many records.
  void note_read(std::chrono::nanoseconds reading, std::uint64_t records) noexcept {
    if (records == 0) return;
    const std::lock_guard lock(mutex_);
    const double each = static_cast<double>(reading.count()) / static_cast<double>(records);
    reading_ = reads_ == 0 ? each : std::min(reading_, each);
    if (reading >= clear_reading) reads_ += enough_reads;
    ++reads_;
  }
  /// Nothing before enough samples were made of enough shards. `capacity` in bytes. There are so many `known` samples, and `unknown` bytes of shards that do not say
  /// how many they have.
  std::optional<kept_form> verdict(std::uint64_t capacity, std::uint64_t known, std::uint64_t unknown) const noexcept {
    const std::lock_guard lock(mutex_);
    if (samples_ < enough) return std::nullopt;
    const auto count = static_cast<double>(samples_);
    const double made_size = static_cast<double>(made_) / count;
    const double raw_size = static_cast<double>(raw_) / count;
    if (raw_size == 0 || made_size == 0) return kept_form::preprocessed;
    const double all = static_cast<double>(known) + static_cast<double>(unknown) / raw_size;
    if (all > 0 && made_size * all <= static_cast<double>(capacity)) return kept_form::preprocessed;
    if (reads_ < enough_reads) return std::nullopt;
    if (reading_ < least_reading) return kept_form::preprocessed;
    const double preprocess = static_cast<double>(preprocessing_.count()) / count;
    return reading_ / raw_size > least_gain * (reading_ + preprocess) / made_size ? kept_form::raw : kept_form::preprocessed;
  }

 private:
  mutable std::mutex mutex_;
  std::chrono::nanoseconds preprocessing_{0};
  double reading_ = 0;  // ns for a record
  std::uint64_t raw_ = 0, made_ = 0, samples_ = 0, reads_ = 0;
};

}  // namespace datasets
}  // namespace larder
