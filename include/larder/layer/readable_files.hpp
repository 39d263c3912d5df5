#pragma once

#include <larder/layer/layer_source.hpp>
#include <larder/layer/model_file.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace larder::layers {

/// Files one behind the other as one range of bytes, each under the rules of a `model_file`: a read throws when one that it
/// touches was changed. Reads may run in several threads at once.
class readable_files {
 public:
  /// Where the file begins that is added.
  std::uint64_t add(model_file file) {
    const std::uint64_t begin = size_;
    size_ += file.size();
    read_unit_ = std::max(read_unit_, file.read_unit());
    files_.push_back(std::move(file));
    begins_.push_back(begin);
    return begin;
  }

  std::size_t count() const noexcept { return files_.size(); }
  std::uint64_t size() const noexcept { return size_; }
  /// How many bytes are best read at once.
  std::uint64_t read_unit() const noexcept { return read_unit_; }

  /// The file that has the byte at `offset`, which is within one, and where in it: "model.gguf, offset 4096".
  std::string place_of(std::uint64_t offset) const {
    const std::size_t i = file_of(offset);
    return files_[i].name() + ", offset " + std::to_string(offset - begins_[i]);
  }

  /// Fills `destination` from `offset`, which lies with all of it within the files; throws as they do.
  void read(std::uint64_t offset, std::span<std::byte> destination) const {
    for_each_part(offset, destination, [&](std::size_t i, std::uint64_t at, std::span<std::byte> room) {
      files_[i].read(at, room);
      files_[i].check_unchanged();
    });
  }
  /// f(file's number, offset in it, room) for each file that the range touches.
  template <class F>
  void for_each_part(std::uint64_t offset, std::span<std::byte> destination, F&& f) const {
    for (std::size_t i = file_of(offset); !destination.empty(); ++i) {
      const std::uint64_t at = offset - begins_[i];
      const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(destination.size(), files_[i].size() - at));
      if (n != 0) f(i, at, destination.first(n));
      destination = destination.subspan(n);
      offset += n;
    }
  }
  /// Which file has a place, and where in it that is.
  std::size_t file_of(std::uint64_t place) const noexcept {
    return static_cast<std::size_t>(std::upper_bound(begins_.begin(), begins_.end(), place) - begins_.begin()) - 1;
  }
  std::uint64_t offset_in_file(std::uint64_t place) const noexcept { return place - begins_[file_of(place)]; }
  const model_file& operator[](std::size_t i) const noexcept { return files_[i]; }

  /// Throws `larder::error` (io) when one of them is no longer what it was when opened.
  void check_unchanged() const {
    for (const model_file& file : files_) file.check_unchanged();
  }

 private:
  std::vector<model_file> files_;
  std::vector<std::uint64_t> begins_;
  std::uint64_t size_ = 0;
  std::uint64_t read_unit_ = layers::read_unit;
};

}  // namespace larder::layers
