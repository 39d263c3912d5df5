#pragma once

// Data sets in tar archives, as WebDataset writes and reads them: shards of samples, each of some files of one name with extensions of their own.

#include <larder/core/bytes.hpp>
#include <larder/core/digest.hpp>
#include <larder/core/error.hpp>
#include <larder/dataset/dataset_source.hpp>
#include <larder/dataset/file_window.hpp>
#include <larder/dataset/shard_file.hpp>
#include <larder/dataset/shard_files.hpp>
#include <larder/dataset/web_index.hpp>
#include <larder/format/tar_members.hpp>
#include <larder/format/tensor_name.hpp>

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

class web_shard;

}  // namespace datasets

/// A file of a sample: what stands behind its name's first dot, in lower case, and its content.
struct web_member {
  std::string_view extension;
  bytes content;
};

/// A sample of an archive; used while its shard is held. Contents are as they are in the archive: a member "txt.gz" is still compressed.
/// They share the shard's memory, or are read anew each time when the shard was not read whole, and outlive it.
class web_sample {
 public:
  class iterator;

  web_sample(const datasets::web_shard& shard, std::size_t number) noexcept : shard_(&shard), number_(number) {}

  /// Folder and name up to the first dot: "train/n01440764_36".
  std::string_view key() const noexcept;
  /// How many members there are.
  std::size_t size() const noexcept { return members().size(); }
  bool has(std::string_view extension) const noexcept { return find(extension) != nullptr; }
  /// How large the member is, without reading it; throws as `[]` does.
  std::uint64_t size_of(std::string_view extension) const { return at(extension).size; }
  /// The member's content. Throws `larder::error` that names file, sample, offset and the extensions that there are when it has none such.
  bytes operator[](std::string_view extension) const;
  /// The members in the archive's order, as `web_member`; a content is read when the iterator is dereferenced.
  iterator begin() const noexcept;
  iterator end() const noexcept;

 private:
  using member = datasets::web_index::member;
  std::span<const member> members() const noexcept;
  const member* find(std::string_view extension) const noexcept {
    const std::span<const member> all = members();
    const auto found = std::find_if(all.begin(), all.end(), [&](const member& m) { return m.extension == extension; });
    return found == all.end() ? nullptr : &*found;
  }
  const member& at(std::string_view extension) const;

  const datasets::web_shard* shard_;
  std::size_t number_;
};

namespace datasets {

/// An archive: its index, and its content when it was read whole.
class web_shard {
 public:
  web_shard(shard_file file, bool whole) : file_(std::move(file)), whole_(whole), index_(file_.name()) {
    if (whole_) content_ = file_.read(0, file_.size());
    file_window window(file_);
    format::for_each_tar_member(
        file_.size(),
        [&](std::uint64_t offset, std::uint64_t size) {
          if (!whole_) return window.read(offset, size);
          return content_.span().subspan(static_cast<std::size_t>(offset), static_cast<std::size_t>(size));
        },
        file_.name(), [&](const format::tar_member& member) { index_.add(member); });
    index_.finish();
  }

  std::uint64_t size() const noexcept { return index_.size(); }
  web_sample record(std::uint64_t number) const {
    if (number >= index_.size())
      core::fail(error_cause::invalid_argument,
                 file_.name() + ": there is no sample " + std::to_string(number) + "; it has " + std::to_string(index_.size()));
    return web_sample(*this, static_cast<std::size_t>(number));
  }

  const web_index& index() const noexcept { return index_; }
  bytes content_of(const web_index::member& member) const {
    if (whole_) return content_.slice(static_cast<std::size_t>(member.offset), static_cast<std::size_t>(member.size));
    return file_.read(member.offset, member.size);
  }

 private:
  shard_file file_;
  bool whole_;
  bytes content_;
  web_index index_;
};

}  // namespace datasets

/// Goes through a sample's members.
class web_sample::iterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = web_member;
  using difference_type = std::ptrdiff_t;
  using reference = web_member;
  using pointer = void;

  iterator() noexcept = default;
  iterator(const datasets::web_shard* shard, const member* at) noexcept : shard_(shard), at_(at) {}

  web_member operator*() const { return {at_->extension, shard_->content_of(*at_)}; }
  iterator& operator++() noexcept {
    ++at_;
    return *this;
  }
  iterator operator++(int) noexcept {
    const iterator before = *this;
    ++at_;
    return before;
  }
  friend bool operator==(const iterator&, const iterator&) noexcept = default;

 private:
  const datasets::web_shard* shard_ = nullptr;
  const member* at_ = nullptr;
};

inline std::string_view web_sample::key() const noexcept { return shard_->index()[number_].key; }
inline std::span<const web_sample::member> web_sample::members() const noexcept { return shard_->index().members_of(number_); }
inline web_sample::iterator web_sample::begin() const noexcept { return {shard_, members().data()}; }
inline web_sample::iterator web_sample::end() const noexcept { return {shard_, members().data() + members().size()}; }
inline bytes web_sample::operator[](std::string_view extension) const { return shard_->content_of(at(extension)); }
inline const web_sample::member& web_sample::at(std::string_view extension) const {
  const member* const found = find(extension);
  if (found == nullptr) {
    std::string has;
    for (const member& m : members()) has += (has.empty() ? "" : ", ") + format::printable_name(m.extension);
    core::fail(error_cause::invalid_argument, shard_->index().file() + ": sample " + format::printable_name(key()) + ", byte " +
                                                  std::to_string(members().front().offset) + ", has no " +
                                                  format::printable_name(extension) + "; it has " + has);
  }
  return *found;
}

struct web_dataset_options {
  /// Local archives of fewer bytes are read whole when they are opened, remote ones always are. Of a larger one the headers are read,
  /// and a member when it is asked for.
  std::uint64_t whole_below = std::uint64_t{64} << 20U;
};

/// The samples of tar archives by the convention of WebDataset (what belongs together, and what is refused: web_index.hpp); an archive is a
/// shard. Archives lie there uncompressed. How many samples one has is known once it is open. Copies share.
///
///     larder::web_dataset images{{"train-0.tar", "train-1.tar"}};
///     const auto shard = images.open(0);
///     const larder::web_sample sample = shard->record(7);
///     decode(sample["jpg"], sample["cls"].text());
class web_dataset {
 public:
  using options = web_dataset_options;

  explicit web_dataset(shard_files files, const options& chosen = {})
      : files_(std::make_shared<const shard_files>(std::move(files))), options_(chosen) {}

  std::string name() const { return files_->name(); }
  std::size_t shards() const noexcept { return files_->size(); }
  /// The archive's size; of one that is not read whole a guess at what its index takes.
  std::uint64_t shard_bytes(std::size_t shard) const {
    const shard_file& file = file_of(shard);
    return is_whole(file) ? file.size() : file.size() / index_share;
  }
  digest fingerprint(std::size_t shard) const {
    return datasets::fingerprint_builder().add("web_dataset").add(file_of(shard).identity()).finish();
  }
  std::optional<std::uint64_t> count(std::size_t) const noexcept { return std::nullopt; }
  /// Lets the system begin to read an archive that will be opened, where that reads it whole.
  void read_ahead(std::size_t shard) const {
    if (is_whole(file_of(shard))) file_of(shard).read_ahead(0, file_of(shard).size());
  }
  /// Throws `larder::error` (corruption) with the archive's name and the offset when it is damaged or its samples are not whole.
  std::shared_ptr<const datasets::web_shard> open(std::size_t shard) const {
    return std::make_shared<const datasets::web_shard>(file_of(shard), is_whole(file_of(shard)));
  }

 private:
  static constexpr std::uint64_t index_share = 64;  // 150 bytes for a member of 10 KB

  bool is_whole(const shard_file& file) const noexcept { return file.is_remote() || file.size() < options_.whole_below; }
  const shard_file& file_of(std::size_t shard) const {
    if (shard >= files_->size())
      core::fail(error_cause::invalid_argument,
                 name() + " has no shard " + std::to_string(shard) + "; it has " + std::to_string(files_->size()));
    return (*files_)[shard];
  }

  std::shared_ptr<const shard_files> files_;
  options options_;
};

static_assert(dataset_source<web_dataset>);

}  // namespace larder
