#pragma once

// Data sets of records that have one size and follow one another in files: images, spectra, token windows.

#include <larder/core/bytes.hpp>
#include <larder/core/digest.hpp>
#include <larder/core/error.hpp>
#include <larder/dataset/dataset_source.hpp>
#include <larder/dataset/shard_file.hpp>
#include <larder/dataset/shard_files.hpp>
#include <larder/format/idx_header.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace larder {
namespace datasets {

/// Some whole records of a file, in memory.
class fixed_shard {
 public:
  fixed_shard(std::string file, std::uint64_t offset, std::uint64_t record_size, bytes content)
      : file_(std::move(file)), offset_(offset), record_size_(record_size), content_(std::move(content)) {}

  std::uint64_t size() const noexcept { return content_.size() / record_size_; }
  /// The record in the shard's memory.
  std::span<const std::byte> record(std::uint64_t number) const {
    if (number >= size())
      core::fail(error_cause::invalid_argument, file_ + ": there is no record " + std::to_string(number) +
                                                    " in the shard from byte " + std::to_string(offset_) + ", which has " +
                                                    std::to_string(size()));
    return content_.span().subspan(static_cast<std::size_t>(number * record_size_), static_cast<std::size_t>(record_size_));
  }

 private:
  std::string file_;
  std::uint64_t offset_;
  std::uint64_t record_size_;
  bytes content_;
};

}  // namespace datasets

struct fixed_records_options {
  /// Bytes at the begin of each file that are no record.
  std::uint64_t header_size = 0;
};

/// Records of one size out of files. A record is a `std::span<const std::byte>` into its shard, which is about 1 MiB of records that follow
/// one another. Counts are known without opening. Copies share.
class fixed_records {
 public:
  using options = fixed_records_options;

  /// Throws `larder::error` when a file does not hold whole records: (corruption) with its name, the offset of the rest and the sizes.
  fixed_records(shard_files files, std::uint64_t record_size, const options& chosen = {})
      : fixed_records(std::move(files), record_size, chosen.header_size, {record_size}) {}

  /// The records of an IDX file, as MNIST's are once they are decompressed: the first dimension counts them. Elements of several bytes have
  /// the most significant one first, as the format has it. Throws `larder::error` (corruption) when it is none.
  static fixed_records idx(shard_file file) {
    const format::idx_header header =
        format::parse_idx_header(file.read(0, format::idx_header_limit).span(), file.size(), file.name());
    std::vector<std::uint64_t> shape(std::next(header.shape.begin()), header.shape.end());
    return fixed_records({std::move(file)}, header.record_size, header.data_begin, std::move(shape));
  }

  std::uint64_t record_size() const noexcept { return content_->record_size; }
  /// Of a record: the dimensions behind the first one of an IDX file (none for a label); else its size in bytes.
  const std::vector<std::uint64_t>& record_shape() const noexcept { return content_->record_shape; }

  std::string name() const { return content_->files.name(); }
  std::size_t shards() const noexcept { return content_->shards_up_to.back(); }
  std::uint64_t shard_bytes(std::size_t shard) const { return place_of(shard).count * content_->record_size; }
  std::optional<std::uint64_t> count(std::size_t shard) const { return place_of(shard).count; }
  digest fingerprint(std::size_t shard) const {
    const place at = place_of(shard);
    return datasets::fingerprint_builder()
        .add("fixed_records")
        .add(at.file->identity())
        .add(at.offset)
        .add(content_->record_size)
        .add(at.count)
        .finish();
  }
  /// Lets the system begin to read a shard that will be opened.
  void read_ahead(std::size_t shard) const {
    const place at = place_of(shard);
    at.file->read_ahead(at.offset, at.count * content_->record_size);
  }
  std::shared_ptr<const datasets::fixed_shard> open(std::size_t shard) const {
    const place at = place_of(shard);
    return std::make_shared<const datasets::fixed_shard>(at.file->name(), at.offset, content_->record_size,
                                                         at.file->read(at.offset, at.count * content_->record_size));
  }

 private:
  static constexpr std::uint64_t shard_target = 1 << 20;

  struct content {
    shard_files files;
    std::uint64_t record_size;
    std::uint64_t header_size;
    std::vector<std::uint64_t> record_shape;
    std::uint64_t records_of_shard;
    std::vector<std::size_t> shards_up_to;  // the shards of all files before each one, and of all
  };
  struct place {
    const shard_file* file;
    std::uint64_t offset;
    std::uint64_t count;
  };

  fixed_records(shard_files files, std::uint64_t record_size, std::uint64_t header_size, std::vector<std::uint64_t> shape) {
    if (record_size == 0) core::fail(error_cause::invalid_argument, "fixed_records: a record of 0 bytes; say how many it has");
    const std::uint64_t records_of_shard = std::max<std::uint64_t>(1, shard_target / record_size);
    content made{std::move(files), record_size, header_size, std::move(shape), records_of_shard, {0}};
    for (const shard_file& file : made.files) {
      if (file.size() < header_size)
        core::fail(error_cause::corruption, file.name() + ": it has " + std::to_string(file.size()) +
                                                " bytes, and its header alone takes " + std::to_string(header_size));
      const std::uint64_t records = (file.size() - header_size) / record_size;
      if (const std::uint64_t rest = (file.size() - header_size) % record_size; rest != 0)
        core::fail(error_cause::corruption,
                   file.name() + ": " + std::to_string(rest) + " bytes from byte " + std::to_string(file.size() - rest) +
                       " are no whole record: " + std::to_string(records) + " records of " + std::to_string(record_size) +
                       " bytes stand before them; look at the record's and the header's size (" + std::to_string(header_size) +
                       ")");
      made.shards_up_to.push_back(made.shards_up_to.back() +
                                  static_cast<std::size_t>((records + made.records_of_shard - 1) / made.records_of_shard));
    }
    content_ = std::make_shared<const content>(std::move(made));
  }

  place place_of(std::size_t shard) const {
    const content& c = *content_;
    if (shard >= shards())
      core::fail(error_cause::invalid_argument,
                 c.files.name() + " has no shard " + std::to_string(shard) + "; it has " + std::to_string(shards()));
    const auto behind =
        std::upper_bound(c.shards_up_to.begin(), c.shards_up_to.end(), shard);  // files without a record are passed over
    const auto number = static_cast<std::size_t>(behind - c.shards_up_to.begin()) - 1;
    const shard_file& file = c.files[number];
    const std::uint64_t first = (shard - c.shards_up_to[number]) * c.records_of_shard;
    const std::uint64_t records = (file.size() - c.header_size) / c.record_size;
    return {&file, c.header_size + first * c.record_size, std::min(c.records_of_shard, records - first)};
  }

  std::shared_ptr<const content> content_;
};

static_assert(dataset_source<fixed_records>);

}  // namespace larder
