#pragma once

#include <larder/cache.hpp>
#include <larder/codec/codec.hpp>
#include <larder/core/bytes.hpp>
#include <larder/core/error.hpp>
#include <larder/dataset/dataset_source.hpp>
#include <larder/dataset/preprocess.hpp>
#include <larder/dataset/sample_quota.hpp>
#include <larder/dataset/sample_store.hpp>
#include <larder/eviction/fifo.hpp>
#include <larder/limit/max_entries.hpp>
#include <larder/sync/sharded.hpp>

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

namespace larder::datasets {

/// What a function made, or the record itself, as a sample: as it is where it converts, a copy of its bytes where samples are `bytes`.
template <class Sample, class Made>
concept sample_like = std::convertible_to<Made, Sample> ||
                      (std::same_as<Sample, bytes> && (std::convertible_to<Made, std::string_view> || std::convertible_to<Made, std::span<const std::byte>>));

template <class Sample, class Made>
Sample to_sample(Made&& made) {
  if constexpr (std::convertible_to<Made, Sample>)
    return std::forward<Made>(made);
  else if constexpr (std::convertible_to<Made, std::string_view>)
    return bytes::copy_of(std::string_view(made));
  else
    return bytes::copy_of(std::span<const std::byte>(made));
}

/// Takes records that are samples already, encoded.
struct encoded_record {
  bytes operator()(bytes record) const noexcept { return record; }
};

/// Gives the samples of a source: from the store, or made of its records. Shards that are open stay so for as long as a window needs them.
/// Any number of threads.
template <class Sample, class Store, dataset_source Source, class F>
class sample_maker {
 public:
  using shard = shard_of<Source>;

  /// `quota`: bytes that the samples may take. `open` shards at most are held open.
  sample_maker(Store& store, Source source, std::string version, F f, std::uint64_t quota, std::size_t open)
      : store_(store), source_(std::move(source)), f_(std::move(f)), making_(making_of<Sample>(version)), quota_(quota_of(quota)), open_(max_entries{open}) {}

  const Source& source() const noexcept { return source_; }
  Store& store() noexcept { return store_; }

  /// Where the samples of a shard are, as far as that is known.
  std::shared_ptr<sample_table> table(std::size_t number, batch_counts& n) {
    return store_.table(key_of(number), source_.count(number), [&] { return static_cast<std::uint64_t>(opened(number, n)->size()); });
  }
  /// A sample, encoded.
  bytes get(sample_table& table, std::size_t number, std::uint64_t index, const std::stop_token& stop, batch_counts& n) {
    return store_.find_or_make(table, index, *quota_, stop, n, [&] { return make(number, index, n); });
  }

 private:
  using clock = std::chrono::steady_clock;

  shard_key key_of(std::size_t number) const {
    if constexpr (requires { { source_.key_of(number) } -> std::same_as<shard_key>; })
      return source_.key_of(number);
    else
      return shard_key::of(making_, source_.fingerprint(number));
  }
  std::shared_ptr<sample_quota> quota_of(std::uint64_t most) {
    std::set<std::string> shards;
    if (most != sample_quota::none)
      for (std::size_t number = 0; number < source_.shards(); ++number) shards.emplace(key_of(number).view());
    return store_.quota(most, shards);
  }
  bytes make(std::size_t number, std::uint64_t index, batch_counts& n) {
    const std::shared_ptr<const shard> from = opened(number, n);
    if (index >= from->size())
      core::fail(error_cause::corruption, source_.name() + ": shard " + std::to_string(number) + " has " + std::to_string(from->size()) +
                                              " records, and had more when it was first read; its fingerprint ought to have changed");
    const clock::time_point begun = clock::now();
    bytes made;
    if constexpr (std::same_as<F, encoded_record>)
      made = f_(from->record(index));
    else
      made = codec<Sample>::encode(to_sample<Sample>(f_(from->record(index))));
    n.preprocess_time += clock::now() - begun;
    return made;
  }
  std::shared_ptr<const shard> opened(std::size_t number, batch_counts& n) {
    if (std::optional<std::shared_ptr<const shard>> found = open_.get(number)) return *std::move(found);
    return open_.get_or_load(number, [&]() -> std::shared_ptr<const shard> {
      const clock::time_point begun = clock::now();
      std::shared_ptr<const shard> from = source_.open(number);
      n.read_time += clock::now() - begun;
      n.bytes_read += source_.shard_bytes(number);
      ++n.shards_opened;
      return from;
    });
  }

  Store& store_;
  Source source_;
  F f_;
  std::uint64_t making_;
  std::shared_ptr<sample_quota> quota_;
  larder::cache<std::size_t, std::shared_ptr<const shard>, fifo, max_entries> open_;
};

}  // namespace larder::datasets
