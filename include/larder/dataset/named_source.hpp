#pragma once

// A source whose content the user vouches for.

#include <larder/core/digest.hpp>
#include <larder/core/error.hpp>
#include <larder/dataset/dataset_source.hpp>
#include <larder/dataset/range_source.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <ranges>
#include <string>
#include <type_traits>
#include <utility>

namespace larder {
namespace datasets {

template <class S>
concept names_shards = dataset_source<std::remove_cvref_t<S>>;
template <class R>
concept range_of_samples = std::ranges::input_range<R> && !names_shards<R>;

}  // namespace datasets

/// A source, or a range, under a name that is all that is known of its content: `named_source{"train-v1", range}`. Give it another name
/// whenever a sample changes: what was kept under the old one is not served then. A source that is an lvalue is borrowed, an rvalue is moved
/// in; ranges are held as `range_source` holds them. An empty name: `larder::error` (invalid_argument).
template <class Source>
class named_source {
 public:
  /// Whether the source or range belongs to somebody else, who may drop it.
  static constexpr bool borrows = std::is_lvalue_reference_v<Source> || datasets::borrows<std::remove_cvref_t<Source>>;

  template <class S>
    requires datasets::names_shards<S> named_source(std::string name, S&& source)
        : name_(checked(std::move(name))), source_(std::forward<S>(source)) {}
    template <datasets::range_of_samples R>
    named_source(std::string name, R&& range, std::size_t shard_size = datasets::default_shard_size)
        : name_(checked(std::move(name))), source_(std::forward<R>(range), shard_size) {}

    std::string name() const { return name_; }
    std::size_t shards() const { return source_.shards(); }
    std::uint64_t shard_bytes(std::size_t shard) const { return source_.shard_bytes(shard); }
    /// Of the name, the shard's number, how many records it has where that is known without opening it, and how the source is cut into shards.
    digest fingerprint(std::size_t shard) const {
      const std::optional<std::uint64_t> size = count(shard);
      return datasets::fingerprint_builder()
          .add(name_)
          .add(static_cast<std::uint64_t>(shard))
          .add(std::uint64_t{size.has_value()})
          .add(size.value_or(0))
          .add(static_cast<std::uint64_t>(source_.shards()))  // how it is cut, too
          .add(source_.shard_bytes(shard))
          .finish();
    }
    std::optional<std::uint64_t> count(std::size_t shard) const { return source_.count(shard); }
    auto open(std::size_t shard) const { return source_.open(shard); }
    void read_ahead(std::size_t shard) const {
      if constexpr (datasets::reads_ahead<std::remove_cvref_t<Source>>) source_.read_ahead(shard);
    }

   private:
    static std::string checked(std::string name) {
      if (name.empty())
        core::fail(error_cause::invalid_argument, "named_source: an empty name; give one that changes with the content");
      return name;
    }

    std::string name_;
    Source source_;
};

template <class S>
  requires datasets::names_shards<S> named_source(std::string, S&&)
->named_source<std::conditional_t<std::is_lvalue_reference_v<S>, const std::remove_cvref_t<S>&, std::remove_cvref_t<S>>>;
template <datasets::range_of_samples R>
named_source(std::string, R&&) -> named_source<datasets::range_shards<datasets::kept_range<R>>>;
template <datasets::range_of_samples R>
named_source(std::string, R&&, std::size_t) -> named_source<datasets::range_shards<datasets::kept_range<R>>>;

}  // namespace larder
