#pragma once

// Whether samples are kept as preprocessing made them or as the source has them. What a byte of the cache is worth is the time that it saves in an
// epoch: a preprocessed sample saves reading and preprocessing, a raw one only reading, and may be smaller by as much as preprocessing unfolds it.

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

/// Measures the first samples and then says which form saves more time per byte. Any number of threads.
class kept_choice {
 public:
  static constexpr std::uint64_t enough = 64;  // samples

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
    const std::lock_guard lock(mutex_);
    reading_ += reading;
    records_ += records;
  }
  /// Nothing before enough samples were made. `capacity` in bytes. There are so many `known` samples, and `unknown` bytes of shards that do not say
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
    const double read = records_ == 0 ? 0 : static_cast<double>(reading_.count()) / static_cast<double>(records_);
    const double preprocess = static_cast<double>(preprocessing_.count()) / count;
    return read / raw_size > (read + preprocess) / made_size ? kept_form::raw : kept_form::preprocessed;
  }

 private:
  mutable std::mutex mutex_;
  std::chrono::nanoseconds preprocessing_{0}, reading_{0};
  std::uint64_t raw_ = 0, made_ = 0, samples_ = 0, records_ = 0;
};

}  // namespace datasets
}  // namespace larder
