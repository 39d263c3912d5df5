#pragma once

#include <larder/core/digest.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <ranges>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace larder {

/// A part of a data set that was read in one go: `size()` records, each by its number. A record may refer to the shard's memory: it
/// is used while the shard is held. Any number of threads ask at once. `record` throws `larder::error` (file, record, offset).
template <class S>
concept dataset_shard = requires(const S& shard, const std::uint64_t number) {
  { shard.size() } -> std::convertible_to<std::uint64_t>;
  shard.record(number);
};

/// Where the samples of a data set come from: shards, in an order that does not change while the source lives. Any number of threads ask
/// at once.
///
/// * `name()`: what people and messages call it.
/// * `shards()`: how many there are. `shard_bytes(n)`: about how much memory an open one takes; 0 for one that lies in memory anyway.
/// * `fingerprint(n)`: says which content a shard has; another one whenever a sample of it may differ.
/// * `count(n)`: how many records it has, where that is known without opening it; the same answer at every call.
/// * `open(n)`: the shard. Throws `larder::error` when it cannot be read, or is not what it was when the source was made.
/// * `read_ahead(n)`, optional: the shard will be opened soon.
template <class S>
concept dataset_source = requires(const S& source, const std::size_t shard) {
  { source.name() } -> std::convertible_to<std::string>;
  { source.shards() } -> std::convertible_to<std::size_t>;
  { source.shard_bytes(shard) } -> std::convertible_to<std::uint64_t>;
  { source.fingerprint(shard) } -> std::same_as<digest>;
  { source.count(shard) } -> std::same_as<std::optional<std::uint64_t>>;
  { *source.open(shard) } -> dataset_shard;
};

namespace datasets {

/// Optional: `read_ahead(n)` lets the system begin to read a shard that will be opened soon.
template <class S>
concept reads_ahead = requires(const S& source, const std::size_t shard) {
  source.read_ahead(shard);
};

template <dataset_source S>
using shard_of = std::remove_cvref_t<decltype(*std::declval<const S&>().open(std::size_t{}))>;
/// What a shard of the source gives for a number.
template <dataset_source S>
using record_of = decltype(std::declval<const shard_of<S>&>().record(std::uint64_t{}));

/// Whether a source refers to what somebody else owns; it says so. Of a range: an lvalue, and any view, which may refer to anything.
template <class S>
inline constexpr bool borrows = false;
template <class Range>
inline constexpr bool borrows_elements = std::is_lvalue_reference_v<Range> || std::ranges::view<std::remove_cvref_t<Range>>;
template <class S>
  requires requires {
    { S::borrows } -> std::convertible_to<bool>;
  }
inline constexpr bool borrows<S> = S::borrows;

/// A digest of things that are put one behind the other, each of them with its length, so that no two lists of them are one.
class fingerprint_builder {
 public:
  fingerprint_builder& add(std::string_view text) noexcept {
    add(static_cast<std::uint64_t>(text.size()));
    state_.update(text.data(), text.size());
    return *this;
  }
  fingerprint_builder& add(std::uint64_t number) noexcept {
    state_.update(&number, sizeof number);
    return *this;
  }
  fingerprint_builder& add(const digest& other) noexcept { return add(other.low).add(other.high); }
  digest finish() const noexcept { return state_.finish(); }

 private:
  digest_stream state_;
};

}  // namespace datasets
}  // namespace larder
