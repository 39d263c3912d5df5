#pragma once

// Sources of numbers in shards of any sizes, and what is made of the numbers, for the tests of streams.

#include <larder/core/bytes.hpp>
#include <larder/core/digest.hpp>
#include <larder/core/mix.hpp>
#include <larder/dataset/dataset_cache.hpp>
#include <larder/limit/max_bytes.hpp>
#include <larder/storage/memory.hpp>
#include <larder/storage/mmap_disk.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <functional>
#include <memory>
#include <numeric>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "support/temporary_folder.hpp"

namespace made_samples {

/// Shards of the given sizes, whose records are numbered through. Copies share.
class numbers_source {
 public:
  struct settings {
    std::vector<std::uint64_t> counts;
    bool counts_known = false;
    std::uint64_t shard_bytes = 100;
    std::uint64_t content = 1;                                     ///< another one: other fingerprints
    std::function<void(std::size_t)> on_open = nullptr;            ///< may throw or wait
    std::function<void(std::uint64_t)> on_record = nullptr;
    std::atomic<std::uint64_t> opened{0};

    explicit settings(std::vector<std::uint64_t> sizes) : counts(std::move(sizes)) {}
  };
  struct shard {
    std::shared_ptr<settings> of;
    std::uint64_t first = 0;
    std::uint64_t count = 0;
    std::uint64_t size() const noexcept { return count; }
    std::uint64_t record(std::uint64_t number) const {
      if (of->on_record) of->on_record(first + number);
      return first + number;
    }
  };

  explicit numbers_source(std::vector<std::uint64_t> counts) : settings_(std::make_shared<settings>(std::move(counts))) {}

  settings* operator->() const noexcept { return settings_.get(); }
  std::uint64_t total() const { return std::accumulate(settings_->counts.begin(), settings_->counts.end(), std::uint64_t{0}); }

  std::string name() const { return "numbers"; }
  std::size_t shards() const noexcept { return settings_->counts.size(); }
  std::uint64_t shard_bytes(std::size_t) const noexcept { return settings_->shard_bytes; }
  larder::digest fingerprint(std::size_t number) const {
    return larder::datasets::fingerprint_builder().add(settings_->content).add(std::uint64_t{number}).add(settings_->counts[number]).finish();
  }
  std::optional<std::uint64_t> count(std::size_t number) const {
    return settings_->counts_known ? std::optional(settings_->counts[number]) : std::nullopt;
  }
  std::shared_ptr<const shard> open(std::size_t number) const {
    ++settings_->opened;
    if (settings_->on_open) settings_->on_open(number);
    const auto end = settings_->counts.begin() + static_cast<std::ptrdiff_t>(number);
    return std::make_shared<const shard>(shard{settings_, std::accumulate(settings_->counts.begin(), end, std::uint64_t{0}), settings_->counts[number]});
  }

 private:
  std::shared_ptr<settings> settings_;
};

struct plain {
  std::uint64_t number;
  std::uint32_t half;
  std::uint32_t other_half;
  friend bool operator==(const plain&, const plain&) = default;
};

/// The sample of a number; of those that have a size another one for most of them.
template <class Sample>
Sample sample_of(std::uint64_t number) {
  const std::uint64_t mixed = larder::core::mix(number + 1);
  if constexpr (std::is_same_v<Sample, plain>) {
    return {number, static_cast<std::uint32_t>(mixed), static_cast<std::uint32_t>(mixed >> 32U)};
  } else if constexpr (std::is_same_v<Sample, std::vector<float>>) {
    std::vector<float> made(static_cast<std::size_t>(mixed % 20));
    for (float& one : made) one = static_cast<float>(number);
    made.push_back(static_cast<float>(number));
    return made;
  } else {
    std::string made = std::to_string(number) + ":" + std::string(static_cast<std::size_t>(mixed % 90), static_cast<char>('a' + mixed % 26));
    if constexpr (std::is_same_v<Sample, larder::bytes>)
      return larder::bytes::copy_of(made);
    else
      return made;
  }
}

/// A sample of so many bytes.
inline larder::bytes sized_sample(std::uint64_t number, std::size_t size) {
  std::string made(size, static_cast<char>('a' + number % 26));
  std::memcpy(made.data(), &number, std::min(size, sizeof number));
  return larder::bytes::copy_of(made);
}

/// Counts how often each number was made into a sample. Copies share.
template <class Sample>
struct counting {
  std::shared_ptr<std::vector<std::atomic<int>>> times;
  explicit counting(std::uint64_t numbers) : times(std::make_shared<std::vector<std::atomic<int>>>(static_cast<std::size_t>(numbers))) {}
  Sample operator()(std::uint64_t number) const {
    ++(*times)[static_cast<std::size_t>(number)];
    return sample_of<Sample>(number);
  }
  int calls() const {
    int sum = 0;
    for (const auto& one : *times) sum += one;
    return sum;
  }
  bool each(int expected) const {
    for (const auto& one : *times)
      if (one != expected) return false;
    return true;
  }
};

/// One type of function for all tests, which are compiled much faster so.
template <class Sample>
larder::preprocess<std::function<Sample(std::uint64_t)>> made_by(std::string version, std::function<Sample(std::uint64_t)> f) {
  return {std::move(version), std::move(f)};
}

/// A cache for samples on a storage, with a folder of its own where it needs one.
template <class Sample, class Storage>
class cache_on {
  static constexpr bool on_disk = std::is_same_v<Storage, larder::mmap_disk>;

 public:
  using type = std::conditional_t<on_disk, larder::dataset_cache<Sample>, larder::dataset_cache<Sample, Storage>>;

  template <class... More>
  explicit cache_on(More... more) {
    reopen(more...);
  }
  /// On disk the content stays.
  template <class... More>
  void reopen(More... more) {
    cache_.reset();
    if constexpr (on_disk)
      cache_ = std::make_unique<type>(larder::mmap_disk{folder_ / "cache"}, more...);
    else
      cache_ = std::make_unique<type>(more...);
  }
  void close() { cache_.reset(); }
  std::filesystem::path directory() const { return folder_ / "cache"; }
  type& operator*() noexcept { return *cache_; }
  type* operator->() noexcept { return cache_.get(); }

 private:
  support::temporary_folder folder_;
  std::unique_ptr<type> cache_;
};

template <class Sample, class Storage>
struct kind {
  using sample = Sample;
  using storage = Storage;
  using cache = cache_on<Sample, Storage>;
};

/// All that a stream gives.
template <class Sample>
struct received {
  std::vector<std::vector<Sample>> batches;
  std::vector<std::uint64_t> epochs;
  std::vector<larder::stream_position> positions;

  std::vector<Sample> samples() const {
    std::vector<Sample> all;
    for (const auto& one : batches) all.insert(all.end(), one.begin(), one.end());
    return all;
  }
  std::vector<std::size_t> sizes() const {
    std::vector<std::size_t> all;
    for (const auto& one : batches) all.push_back(one.size());
    return all;
  }
  friend bool operator==(const received&, const received&) = default;
};

template <class Sample>
Sample kept_copy(const Sample& sample) {
  if constexpr (std::is_same_v<Sample, larder::bytes>)
    return larder::bytes::copy_of(sample.span());
  else
    return sample;
}

template <class Sample, class Stream>
received<Sample> drain(Stream&& stream) {
  received<Sample> all;
  for (const auto& batch : stream) {
    all.batches.emplace_back();
    for (const Sample& sample : batch) all.batches.back().push_back(kept_copy(sample));
    all.epochs.push_back(batch.epoch());
    all.positions.push_back(stream.position());
  }
  return all;
}

}  // namespace made_samples
