#pragma once

// A source whose records are bytes, whatever reads them: so that the cache's streams are compiled once and not for every format.

#include <larder/core/bytes.hpp>
#include <larder/core/digest.hpp>
#include <larder/dataset/dataset_source.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

namespace dataset {

class record_source {
 public:
  class shard {
   public:
    shard() = default;
    shard(const shard&) = delete;
    shard& operator=(const shard&) = delete;
    virtual ~shard() = default;
    virtual std::uint64_t size() const = 0;
    virtual larder::bytes record(std::uint64_t number) const = 0;
  };

  /// `bytes_of(record)` makes a sample's bytes of a record of `source`, in any number of threads.
  template <larder::dataset_source Source, class BytesOf>
  record_source(Source source, BytesOf bytes_of)
      : reads_(std::make_shared<reads_of<Source, BytesOf>>(std::move(source), std::move(bytes_of))) {}

  std::string name() const { return reads_->name(); }
  std::size_t shards() const { return reads_->shards(); }
  std::uint64_t shard_bytes(std::size_t n) const { return reads_->shard_bytes(n); }
  larder::digest fingerprint(std::size_t n) const { return reads_->fingerprint(n); }
  std::optional<std::uint64_t> count(std::size_t n) const { return reads_->count(n); }
  std::shared_ptr<const shard> open(std::size_t number) const {
    std::shared_ptr<const shard> opened = reads_->open(number);
    reads_->note(number, opened->size());
    return opened;
  }

  /// How many samples there are, as far as one can tell from the shards whose counts are known; 0 while that is none.
  std::uint64_t estimated_samples() const {
    std::uint64_t samples = 0;
    std::uint64_t bytes = 0;
    std::uint64_t all_bytes = 0;
    bool all_known = true;
    for (std::size_t n = 0; n < shards(); ++n) {
      const std::uint64_t size = reads_->shard_bytes(n);
      std::optional<std::uint64_t> known = reads_->count(n);
      if (!known) known = reads_->noted(n);
      all_bytes += size;
      all_known = all_known && known;
      if (!known) continue;
      samples += *known;
      bytes += size;
    }
    if (all_known || bytes == 0) return samples;
    return static_cast<std::uint64_t>(static_cast<double>(samples) *
                                      (static_cast<double>(all_bytes) / static_cast<double>(bytes)));
  }

 private:
  class reads {
   public:
    explicit reads(std::size_t shards) : counts_(std::make_unique<std::atomic<std::uint64_t>[]>(shards)) {}
    reads(const reads&) = delete;
    reads& operator=(const reads&) = delete;
    virtual ~reads() = default;
    virtual std::string name() const = 0;
    virtual std::size_t shards() const = 0;
    virtual std::uint64_t shard_bytes(std::size_t n) const = 0;
    virtual larder::digest fingerprint(std::size_t n) const = 0;
    virtual std::optional<std::uint64_t> count(std::size_t n) const = 0;
    virtual std::shared_ptr<const shard> open(std::size_t n) const = 0;

    void note(std::size_t n, std::uint64_t records) noexcept { counts_[n].store(records + 1, std::memory_order_relaxed); }
    std::optional<std::uint64_t> noted(std::size_t n) const noexcept {
      const std::uint64_t known = counts_[n].load(std::memory_order_relaxed);
      return known == 0 ? std::nullopt : std::optional<std::uint64_t>(known - 1);
    }

   private:
    std::unique_ptr<std::atomic<std::uint64_t>[]> counts_;  // of opened shards, and one more; 0 while it is unknown
  };

  template <class Source, class BytesOf>
  class shard_of final : public shard {
    using opened = decltype(std::declval<const Source&>().open(std::size_t{}));

   public:
    shard_of(opened from, std::shared_ptr<const reads> owner, const BytesOf& bytes_of)
        : from_(std::move(from)), owner_(std::move(owner)), bytes_of_(&bytes_of) {}
    std::uint64_t size() const override { return from_->size(); }
    larder::bytes record(std::uint64_t number) const override { return (*bytes_of_)(from_->record(number)); }

   private:
    opened from_;
    std::shared_ptr<const reads> owner_;  // of the function
    const BytesOf* bytes_of_;
  };

  template <class Source, class BytesOf>
  class reads_of final : public reads, public std::enable_shared_from_this<reads_of<Source, BytesOf>> {
   public:
    reads_of(Source source, BytesOf bytes_of)
        : reads(source.shards()), source_(std::move(source)), bytes_of_(std::move(bytes_of)) {}
    std::string name() const override { return source_.name(); }
    std::size_t shards() const override { return source_.shards(); }
    std::uint64_t shard_bytes(std::size_t n) const override { return source_.shard_bytes(n); }
    larder::digest fingerprint(std::size_t n) const override { return source_.fingerprint(n); }
    std::optional<std::uint64_t> count(std::size_t n) const override { return source_.count(n); }
    std::shared_ptr<const shard> open(std::size_t number) const override {
      return std::make_shared<const shard_of<Source, BytesOf>>(source_.open(number), this->shared_from_this(), bytes_of_);
    }

   private:
    Source source_;
    BytesOf bytes_of_;
  };

  std::shared_ptr<reads> reads_;
};

static_assert(larder::dataset_source<record_source>);

}  // namespace dataset
