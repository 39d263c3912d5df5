#pragma once

#include <larder/core/error.hpp>
#include <larder/dataset/batch.hpp>
#include <larder/dataset/dataset_stats.hpp>
#include <larder/dataset/kept_form.hpp>
#include <larder/dataset/stream_pipeline.hpp>
#include <larder/dataset/stream_position.hpp>

#include <cstddef>
#include <iterator>
#include <memory>
#include <utility>

namespace larder {

/// The batches of a data set, one after the other: a C++20 input range, made by `dataset_cache::stream`. For one thread; movable while nobody
/// iterates. The cache must outlive it.
template <class Sample, class Pipeline>
class dataset_stream {
 public:
  class iterator {
   public:
    using value_type = batch<Sample>;
    using difference_type = std::ptrdiff_t;
    using iterator_concept = std::input_iterator_tag;

    iterator() noexcept = default;
    /// Valid until the iterator is incremented.
    const batch<Sample>& operator*() const noexcept { return *current_; }
    const batch<Sample>* operator->() const noexcept { return current_; }
    /// Throws what making the batch threw; the iterator is then at the end.
    iterator& operator++() {
      current_ = nullptr;
      current_ = of_->next();
      return *this;
    }
    void operator++(int) { ++*this; }
    friend bool operator==(const iterator& at, std::default_sentinel_t) noexcept { return at.current_ == nullptr; }

   private:
    friend class dataset_stream;
    explicit iterator(Pipeline& of) : of_(&of), current_(of.next()) {}
    Pipeline* of_ = nullptr;
    const batch<Sample>* current_ = nullptr;
  };

  explicit dataset_stream(std::unique_ptr<Pipeline> pipeline) noexcept : pipeline_(std::move(pipeline)) {}

  /// The first batch, or the one after those that were used: a stream is gone through once.
  iterator begin() { return iterator(*pipeline_); }
  std::default_sentinel_t end() const noexcept { return {}; }
  /// Where a stream begins that is to go on behind the last batch that this one gave.
  const stream_position& position() const noexcept { return pipeline_->position(); }
  /// In which form samples are kept: `automatic` until that was measured.
  kept_form form() const noexcept { return pipeline_->form(); }
  /// What this stream did so far; what is of the cache itself (weight, capacity, entries, expected hit ratio) is 0.
  dataset_stats stats() const noexcept { return pipeline_->stats(); }

 private:
  std::unique_ptr<Pipeline> pipeline_;
};

}  // namespace larder
