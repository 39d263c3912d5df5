#pragma once

#include <larder/core/bytes.hpp>
#include <larder/dataset/stream_position.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace larder {
namespace datasets {

template <class Sample>
class batch_writer;

}  // namespace datasets

/// Samples that are used together. It belongs to the stream, which uses its memory again: a reference to it ends with the next one. In
/// `batch_mode::view` the samples (`bytes`) may be copied and kept; in `batch_mode::copy` they end with the batch.
template <class Sample>
class batch {
 public:
  using value_type = Sample;

  batch() = default;
  batch(batch&&) noexcept = default;
  batch& operator=(batch&&) noexcept = default;
  /// A batch of its own: in `batch_mode::copy` with the bytes that its samples refer to.
  batch(const batch& other) : samples_(other.samples_), buffer_(other.buffer_), epoch_(other.epoch_), position_(other.position_) {
    if constexpr (std::is_same_v<Sample, bytes>)
      if (!buffer_.empty())
        for (Sample& sample : samples_)
          sample = bytes(nullptr, buffer_.data() + (sample.data() - other.buffer_.data()), sample.size());
  }
  batch& operator=(const batch& other) {
    if (this != &other) *this = batch(other);
    return *this;
  }

  std::span<const Sample> samples() const noexcept { return samples_; }
  std::size_t size() const noexcept { return samples_.size(); }
  const Sample& operator[](std::size_t i) const noexcept { return samples_[i]; }
  auto begin() const noexcept { return samples().begin(); }
  auto end() const noexcept { return samples().end(); }

  std::uint64_t epoch() const noexcept { return epoch_; }
  /// Where a stream resumes that is to give what follows this batch.
  const stream_position& position() const noexcept { return position_; }
  /// In `batch_mode::copy` of `bytes`: all samples, one behind the other.
  std::span<const std::byte> buffer() const noexcept { return buffer_; }

 private:
  friend class datasets::batch_writer<Sample>;

  std::vector<Sample> samples_;
  std::vector<std::byte> buffer_;
  std::uint64_t epoch_ = 0;
  stream_position position_{};
};

}  // namespace larder
