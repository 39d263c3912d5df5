#pragma once

// Data sets that are a directory of files, one for each sample: folders of images, of sounds, of documents.

#include <larder/core/bytes.hpp>
#include <larder/core/digest.hpp>
#include <larder/core/error.hpp>
#include <larder/dataset/dataset_source.hpp>
#include <larder/dataset/folder_listing.hpp>
#include <larder/storage/posix_file.hpp>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fcntl.h>

namespace larder {
namespace datasets {

/// The files of a folder, their labels and where shards begin.
struct folder_contents {
  std::filesystem::path root;
  std::vector<listed_file> files;
  std::vector<std::string> labels;      // sorted
  std::vector<std::uint32_t> label_of;  // of each file
  std::vector<std::size_t> begins;      // of each shard, and behind the last one
};

}  // namespace datasets

/// A file of a folder; used while its shard is held.
class file_sample {
 public:
  file_sample(const datasets::folder_contents& all, std::size_t number) noexcept : all_(&all), number_(number) {}

  /// From the folder: "cat/0001.jpg".
  std::string_view path() const noexcept { return file().path; }
  /// The first component of the path: "cat"; empty for a file of the folder itself.
  std::string_view label() const noexcept { return all_->labels[label_number()]; }
  /// The label's place in `file_folder::labels()`.
  std::uint32_t label_number() const noexcept { return all_->label_of[number_]; }
  std::uint64_t size() const noexcept { return file().identity.size; }
  /// Reads the file, each time anew. Throws `larder::error` (io) when that fails, or the file is another one than it was when the source
  /// was made.
  bytes content() const {
    const std::string name = (all_->root / file().path).string();
    const storage::file_descriptor opened(
        storage::uninterrupted([&] { return ::open(name.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY); }));
    if (!opened) storage::fail_file("open", name, errno);
    const storage::file_identity& was = file().identity;
    mutable_bytes room(static_cast<std::size_t>(was.size));
    const std::size_t got = storage::read_at(opened, room.data(), room.size(), 0, name);
    const storage::file_identity is = storage::identify(opened, name);  // behind the read, which may have met a change
    if (got != room.size() || !is.same_file(was) || is.size != was.size || is.modified != was.modified)
      core::fail(error_cause::io, "\"" + name + "\" is not what it was when the data set was opened; open it again");
    return std::move(room).freeze();
  }

 private:
  const datasets::listed_file& file() const noexcept { return all_->files[number_]; }

  const datasets::folder_contents* all_;
  std::size_t number_;
};

namespace datasets {

/// Files of a folder that follow one another in its list.
class folder_shard {
 public:
  folder_shard(std::shared_ptr<const folder_contents> all, std::size_t number) noexcept : all_(std::move(all)), number_(number) {}

  std::uint64_t size() const noexcept { return all_->begins[number_ + 1] - all_->begins[number_]; }
  file_sample record(std::uint64_t number) const {
    if (number >= size())
      core::fail(error_cause::invalid_argument, all_->root.string() + ": there is no file " + std::to_string(number) +
                                                    " in shard " + std::to_string(number_) + ", which has " +
                                                    std::to_string(size()));
    return file_sample(*all_, all_->begins[number_] + static_cast<std::size_t>(number));
  }

 private:
  std::shared_ptr<const folder_contents> all_;
  std::size_t number_;
};

}  // namespace datasets

struct file_folder_options {
  /// Only files whose names end so, such as ".jpg", letters in either case; all files when there are none.
  std::vector<std::string> endings = {};
  /// Whether files of folders in the directory are taken, too.
  bool recursive = true;
};

/// The files of a directory, a record each, bytewise by their paths: a label for each folder, as image folders have it. A shard is a run of
/// about 4 MiB, 256 files at most. Opening one reads nothing: a file is read by whoever asks for its `content()`, so that all threads read,
/// and only what is wanted. Hidden files are passed over; links are followed inside the directory alone (folder_listing.hpp). Copies share.
class file_folder {
 public:
  using options = file_folder_options;

  /// Lists the directory. Throws `larder::error` when that fails, when a link leads out of it, and when there is no such file.
  explicit file_folder(const std::filesystem::path& directory, const options& chosen = {}) {
    datasets::folder_listing listing(directory, chosen.endings, chosen.recursive);
    datasets::folder_contents all;
    all.root = listing.root();
    all.files = std::move(listing).take();
    if (all.files.empty()) {
      std::string wanted;
      for (const std::string& ending : chosen.endings) wanted += (wanted.empty() ? " *" : ", *") + ending;
      core::fail(error_cause::invalid_argument,
                 directory.string() + " has no file" + wanted +
                     (chosen.recursive ? " in it" : " of its own; .recursive takes those of its folders, too"));
    }
    name_ = all.root.filename().string();
    label(all);
    cut(all);
    all_ = std::make_shared<const datasets::folder_contents>(std::move(all));
  }

  /// All labels, sorted bytewise; the numbers of samples' labels count in this list.
  const std::vector<std::string>& labels() const noexcept { return all_->labels; }

  const std::string& name() const noexcept { return name_; }
  std::size_t shards() const noexcept { return all_->begins.size() - 1; }
  /// 0: an open shard holds no file's content.
  std::uint64_t shard_bytes(std::size_t) const noexcept { return 0; }
  std::optional<std::uint64_t> count(std::size_t shard) const {
    check(shard);
    return all_->begins[shard + 1] - all_->begins[shard];
  }
  digest fingerprint(std::size_t shard) const {
    check(shard);
    datasets::fingerprint_builder print;
    print.add("file_folder");
    for (std::size_t i = all_->begins[shard]; i < all_->begins[shard + 1]; ++i) {
      const datasets::listed_file& file = all_->files[i];
      print.add(file.path).add(file.identity.size);
      print.add(static_cast<std::uint64_t>(file.identity.modified)).add(static_cast<std::uint64_t>(file.identity.inode));
    }
    return print.finish();
  }
  std::shared_ptr<const datasets::folder_shard> open(std::size_t shard) const {
    check(shard);
    return std::make_shared<const datasets::folder_shard>(all_, shard);
  }

 private:
  static constexpr std::uint64_t shard_target = 4 << 20;
  static constexpr std::size_t shard_files = 256;

  static std::string_view label_of(std::string_view path) noexcept {
    const std::size_t slash = path.find('/');
    return slash == std::string_view::npos ? std::string_view{} : path.substr(0, slash);
  }
  static void label(datasets::folder_contents& all) {
    for (const datasets::listed_file& file : all.files)
      if (all.labels.empty() || all.labels.back() != label_of(file.path)) all.labels.emplace_back(label_of(file.path));
    std::sort(all.labels.begin(), all.labels.end());  // "a.b/x" stands before "a/x"
    all.labels.erase(std::unique(all.labels.begin(), all.labels.end()), all.labels.end());
    all.label_of.reserve(all.files.size());
    for (const datasets::listed_file& file : all.files) {
      const auto found = std::lower_bound(all.labels.begin(), all.labels.end(), label_of(file.path));
      all.label_of.push_back(static_cast<std::uint32_t>(found - all.labels.begin()));
    }
  }
  static void cut(datasets::folder_contents& all) {
    std::uint64_t bytes_of_run = 0;
    all.begins.push_back(0);
    for (std::size_t i = 0; i < all.files.size(); ++i) {
      const std::size_t files_of_run = i - all.begins.back();
      const std::uint64_t size = all.files[i].identity.size;
      const bool full = files_of_run == shard_files || bytes_of_run > shard_target || size > shard_target - bytes_of_run;
      if (files_of_run > 0 && full) {
        all.begins.push_back(i);
        bytes_of_run = 0;
      }
      bytes_of_run += size;
    }
    all.begins.push_back(all.files.size());
  }
  void check(std::size_t shard) const {
    if (shard >= shards())
      core::fail(error_cause::invalid_argument,
                 name_ + " has no shard " + std::to_string(shard) + "; it has " + std::to_string(shards()));
  }

  std::shared_ptr<const datasets::folder_contents> all_;
  std::string name_;
};

static_assert(dataset_source<file_folder>);

}  // namespace larder
