#pragma once

#include <larder/codec/codec.hpp>
#include <larder/core/bytes.hpp>
#include <larder/core/error.hpp>
#include <larder/dataset/dataset_info.hpp>
#include <larder/dataset/sample_table.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace larder {

/// A data set by its name: any sample by its number, in the order of its source. `bytes` are views of the cache's memory, which may be kept;
/// other samples are decoded at each look. Any number of threads; the cache must outlive it. Later changes of the data set do not reach it.
template <class Sample, class Store>
class dataset_view {
 public:
  using value_type = Sample;
  /// Makes a sample that the cache does not have, from (shard, number).
  using remake = std::function<bytes(std::size_t, std::uint64_t)>;

  dataset_view(Store& store, dataset_info info, std::vector<std::shared_ptr<datasets::sample_table>> tables, remake make)
      : store_(&store), info_(std::move(info)), tables_(std::move(tables)), make_(std::move(make)) {
    ends_.reserve(tables_.size());
    std::uint64_t sum = 0;
    for (const auto& table : tables_) ends_.push_back(sum += table->size());
  }

  const dataset_info& info() const noexcept { return info_; }
  std::uint64_t size() const noexcept { return ends_.empty() ? 0 : ends_.back(); }
  bool empty() const noexcept { return size() == 0; }

  /// The sample of a number below `size()`; `at` throws `larder::error` (invalid_argument) for others. A sample that the cache has lost is
  /// made anew where this process has the source, else `larder::error` (io).
  Sample operator[](std::uint64_t number) const {
    const auto of = static_cast<std::size_t>(std::upper_bound(ends_.begin(), ends_.end(), number) - ends_.begin());
    const std::uint64_t index = number - (of == 0 ? 0 : ends_[of - 1]);
    if (const std::optional<bytes> found = store_->find(*tables_[of], index)) return codec<Sample>::decode(*found);
    if (!make_)
      core::fail(error_cause::io, "data set \"" + info_.name + "\": the cache no longer has sample " + std::to_string(number) +
                                      ", and its source is not open here; cache the data set again");
    return codec<Sample>::decode(make_(of, index));
  }
  Sample at(std::uint64_t number) const {
    if (number >= size())
      core::fail(error_cause::invalid_argument, "data set \"" + info_.name + "\": sample " + std::to_string(number) + " of " +
                                                    std::to_string(size()) + "; ask below that");
    return (*this)[number];
  }

  class iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = Sample;
    using difference_type = std::ptrdiff_t;
    using reference = Sample;
    using pointer = void;

    iterator() noexcept = default;
    Sample operator*() const { return (*of_)[number_]; }
    iterator& operator++() noexcept {
      ++number_;
      return *this;
    }
    iterator operator++(int) noexcept {
      iterator was = *this;
      ++number_;
      return was;
    }
    friend bool operator==(const iterator& a, const iterator& b) noexcept { return a.number_ == b.number_; }

   private:
    friend class dataset_view;
    iterator(const dataset_view& of, std::uint64_t number) noexcept : of_(&of), number_(number) {}
    const dataset_view* of_ = nullptr;
    std::uint64_t number_ = 0;
  };
  iterator begin() const noexcept { return iterator(*this, 0); }
  iterator end() const noexcept { return iterator(*this, size()); }

 private:
  Store* store_;
  dataset_info info_;
  std::vector<std::shared_ptr<datasets::sample_table>> tables_;
  std::vector<std::uint64_t> ends_;
  remake make_;
};

}  // namespace larder
