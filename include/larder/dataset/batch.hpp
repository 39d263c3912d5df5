#pragma once

#include <larder/core/bytes.hpp>
#include <larder/dataset/stream_position.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
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
