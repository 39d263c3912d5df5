#pragma once

// Any C++20 range as a source of samples.

#include <larder/core/digest.hpp>
#include <larder/core/error.hpp>
#include <larder/dataset/dataset_source.hpp>
#include <larder/dataset/fingerprintable.hpp>
#include <larder/dataset/sample_key.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <mutex>
#include <optional>
#include <ranges>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace larder {
namespace datasets {

inline constexpr std::size_t default_shard_size = 1024;

template <class R>
concept repeatable_range =
    std::ranges::forward_range<const std::remove_reference_t<R>> || std::ranges::forward_range<std::remove_reference_t<R>>;

template <class R>
struct kept {};
template <class R>
  requires(std::ranges::input_range<R> && !repeatable_range<R>)
struct kept<R> {  // its elements
  using type = std::vector<std::ranges::range_value_t<R>>;
};
template <repeatable_range R>
struct kept<R> {
  using type = std::conditional_t<std::ranges::view<std::remove_cvref_t<R>>, std::remove_cvref_t<R>,
                                  std::conditional_t<std::is_lvalue_reference_v<R>, R, std::remove_cvref_t<R>>>;
};
/// How a source holds a range that it is given as `R&&`: a view as a copy, an lvalue by reference, anything else moved in.
template <class R>
using kept_range = typename kept<R>::type;

/// A run of a range as a shard. Of an element without random access it has the place.
template <class Iterator>
class range_shard {
 public:
  using reference = std::iter_reference_t<Iterator>;
  /// A reference to an element that exists, a value where the range makes one at each look.
  using record_type =
      std::conditional_t<std::is_reference_v<reference>, const std::remove_reference_t<reference>&, std::iter_value_t<Iterator>>;
  static constexpr bool is_random_access = std::random_access_iterator<Iterator>;

  range_shard(std::shared_ptr<const void> owner, Iterator first, std::uint64_t size) : owner_(std::move(owner)), size_(size) {
    if constexpr (is_random_access) {
      places_ = std::move(first);
    } else {
      places_.reserve(static_cast<std::size_t>(size));
      for (std::uint64_t i = 0; i < size; ++i, ++first) places_.push_back(first);
    }
  }

  std::uint64_t size() const noexcept { return size_; }
  record_type record(std::uint64_t number) const {
    if (number >= size_)
      core::fail(error_cause::invalid_argument, "range_source: record " + std::to_string(number) + " of a shard of " +
                                                    std::to_string(size_) + "; ask below its size");
    if constexpr (is_random_access)
      return static_cast<record_type>(places_[static_cast<std::iter_difference_t<Iterator>>(number)]);
    else
      return static_cast<record_type>(*places_[static_cast<std::size_t>(number)]);
  }
  const Iterator& first() const noexcept requires is_random_access { return places_; }

 private:
  std::shared_ptr<const void> owner_;
  std::conditional_t<is_random_access, Iterator, std::vector<Iterator>> places_;
  std::uint64_t size_;
};

/// The shards of a range, without what their content is. Copies share.
template <class Range>
class range_shards {
  static_assert(repeatable_range<Range>, "larder: range_source needs a range whose elements can be gone through more than once");
  using stored = std::remove_reference_t<Range>;
  using looked_at = std::conditional_t<std::ranges::forward_range<const stored>, const stored, stored>;
  using iterator = std::ranges::iterator_t<looked_at>;

 public:
  /// Whether the elements belong to somebody else, who may drop them.
  static constexpr bool borrows = borrows_elements<Range>;
  using shard_type = range_shard<iterator>;
  using value_type = std::remove_cv_t<std::ranges::range_value_t<looked_at>>;

  template <class R>
  range_shards(R&& range, std::size_t shard_size) : state_(std::make_shared<state>(std::forward<R>(range), shard_size)) {}

  std::string name() const { return "range of " + std::to_string(state_->size); }
  std::size_t shards() const noexcept {
    return static_cast<std::size_t>(state_->size / state_->shard_size + (state_->size % state_->shard_size != 0 ? 1 : 0));
  }
  std::uint64_t shard_bytes(std::size_t) const noexcept {
    return shard_type::is_random_access ? 0 : std::min<std::uint64_t>(state_->shard_size, state_->size) * sizeof(iterator);
  }
  std::optional<std::uint64_t> count(std::size_t shard) const noexcept { return state_->size_of(shard); }
  std::shared_ptr<const shard_type> open(std::size_t shard) const {
    check(shard);
    return std::make_shared<const shard_type>(state_, state_->first_of(shard), state_->size_of(shard));
  }

 protected:
  /// Made once for each shard, of its records alone: the same ones elsewhere in the range, or in another kind of range, have it too.
  digest fingerprint_by_content(std::size_t shard) const {
    check(shard);
    typename state::known_digest& known = state_->known[shard];
    std::call_once(known.once, [&] { known.is = digest_of_records(*open(shard)); });
    return known.is;
  }

 private:
  struct state {
    struct known_digest {
      std::once_flag once;
      digest is;
    };

    template <class R>
    state(R&& from, std::size_t records) : range(take(std::forward<R>(from))), shard_size(records) {
      if (records == 0) core::fail(error_cause::invalid_argument, "range_source: shards of 0 records; take 1 or more");
      looked_at& elements = looked();
      if constexpr (shard_type::is_random_access) {
        borders.push_back(std::ranges::begin(elements));
        size = static_cast<std::uint64_t>(std::ranges::distance(elements));
      } else {
        auto at = std::ranges::begin(elements);
        for (const auto end = std::ranges::end(elements); at != end; ++at, ++size)
          if (size % shard_size == 0) borders.push_back(at);
      }
      known = std::make_unique<known_digest[]>(static_cast<std::size_t>(size / shard_size + 1));
    }
    state(const state&) = delete;
    state& operator=(const state&) = delete;

    looked_at& looked() noexcept {
      if constexpr (std::is_lvalue_reference_v<Range>)
        return *range;
      else
        return range;
    }
    iterator first_of(std::size_t shard) const {
      if constexpr (shard_type::is_random_access)
        return borders.front() + static_cast<std::iter_difference_t<iterator>>(shard * shard_size);
      else
        return borders[shard];
    }
    std::uint64_t size_of(std::size_t shard) const noexcept {
      const std::uint64_t before = std::uint64_t{shard} * shard_size;
      return before >= size ? 0 : std::min<std::uint64_t>(shard_size, size - before);
    }
    template <class R>
    static auto take(R&& from) {
      if constexpr (std::is_lvalue_reference_v<Range>) {
        return std::addressof(from);
      } else if constexpr (std::constructible_from<Range, R>) {
        return Range(std::forward<R>(from));
      } else {
        Range elements;
        for (auto at = std::ranges::begin(from); at != std::ranges::end(from); ++at)
          elements.push_back(std::ranges::iter_move(at));
        return elements;
      }
    }

    std::conditional_t<std::is_lvalue_reference_v<Range>, stored*, stored> range;
    std::size_t shard_size;
    std::uint64_t size = 0;
    std::vector<iterator> borders;  // where shards begin; of a random-access range the first one
    std::unique_ptr<known_digest[]> known;
  };

  void check(std::size_t shard) const {
    if (shard >= shards())
      core::fail(error_cause::invalid_argument, "range_source: shard " + std::to_string(shard) + " of " + name() +
                                                    ", which has " + std::to_string(shards()) + "; ask below that");
  }
  static digest digest_of_records(const shard_type& shard) {
    fingerprint_builder builder;
    builder.add(shard.size());
    if constexpr (content_in_memory<value_type> && !says_its_fingerprint<value_type> && !parts_of<value_type>::value) {
      builder.add(form_of<value_type>());
      if constexpr (std::contiguous_iterator<iterator>) {
        builder.add(digest_of(std::to_address(shard.first()), static_cast<std::size_t>(shard.size()) * sizeof(value_type)));
      } else {
        digest_stream all;
        for (std::uint64_t i = 0; i < shard.size(); ++i) {
          const value_type& record = shard.record(i);
          all.update(&record, sizeof record);
        }
        builder.add(all.finish());
      }
    } else {
      for (std::uint64_t i = 0; i < shard.size(); ++i) add_fingerprint<value_type>(builder, shard.record(i));
    }
    return builder.finish();
  }

  std::shared_ptr<state> state_;
};

}  // namespace datasets

/// The elements of a range as samples, `shard_size` to a shard. An lvalue is borrowed: it must outlive the source and its shards, and must
/// not change. A view is copied, an rvalue is moved in; of a range that can be gone through once the elements are kept. Copies share.
///
/// * Construction takes constant time for a sized random-access range, else the range is gone through once and a place kept per shard.
/// * An open shard of a range without random access holds an iterator for each record. Elements that a view computes are computed
///   at each look, in the threads that look.
/// * The fingerprint of a shard is the digest of its records (`fingerprintable`), made when it is first asked for. For other elements, or
///   where that is dear: `named_source`.
///
/// `shard_size` 0: `larder::error` (invalid_argument).
template <class Range>
class range_source : public datasets::range_shards<Range> {
  using shards_of = datasets::range_shards<Range>;
  static_assert(fingerprintable<typename shards_of::value_type>,
                "larder: samples of this range have no fingerprint; give it a name that changes with its content: "
                "named_source{\"train-v1\", range}");

 public:
  template <std::ranges::input_range R>
  explicit range_source(R&& range, std::size_t shard_size = datasets::default_shard_size)
      : shards_of(std::forward<R>(range), shard_size) {
    static_assert(!std::same_as<std::ranges::sentinel_t<R>, std::unreachable_sentinel_t>,
                  "larder: this range has no end; take a part of it, such as std::views::iota(0, n)");
  }

  digest fingerprint(std::size_t shard) const { return this->fingerprint_by_content(shard); }
};

template <std::ranges::input_range R>
range_source(R&&) -> range_source<datasets::kept_range<R>>;
template <std::ranges::input_range R>
range_source(R&&, std::size_t) -> range_source<datasets::kept_range<R>>;

}  // namespace larder
