#pragma once

// Which members of an archive make up its samples, by the convention of WebDataset: a sample is a run of members whose names are the same up
// to the first dot behind the last '/'. What stands before that dot is its key, with folders; what stands behind it, in lower case, is the
// member's extension ("seg.png" is one). Passed over, as WebDataset does: names without a dot, and those below or of a "__name__" at the top.
// Passed over, too: names that begin with a dot, which programs leave beside the files that they are about. Refused:
//   * an extension that one sample has twice: WebDataset refuses it as well, since a sample holds one content under a name;
//   * a sample that others split: there it would become two samples, each without some of its members, and no message.

#include <larder/core/error.hpp>
#include <larder/format/tar_members.hpp>
#include <larder/format/tensor_name.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace larder::datasets {

/// Where a sample's key and extension stand in a member's name; both empty for one that belongs to no sample.
struct web_name {
  std::string_view key;
  std::string_view extension;

  static web_name of(std::string_view name) noexcept {
    const std::string_view top = name.substr(0, name.find('/'));
    if (top.size() >= 4 && top.starts_with("__") && top.ends_with("__")) return {};
    const std::size_t base = name.rfind('/') + 1;  // 0 without one
    const std::size_t dot = name.find('.', base);
    if (dot == std::string_view::npos || dot == base) return {};
    return {name.substr(0, dot), name.substr(dot + 1)};
  }
};

/// The samples of an archive and where their members lie in it.
class web_index {
 public:
  struct member {
    std::string extension;
    std::uint64_t offset;
    std::uint64_t size;
  };
  struct sample {
    std::string key;
    std::size_t first;
    std::size_t members;
  };

  explicit web_index(std::string file) : file_(std::move(file)) {}

  /// The archive's next file. Throws `larder::error` (corruption) when the sample before it has an extension twice.
  void add(const format::tar_member& file) {
    const web_name name = web_name::of(file.name);
    if (name.key.empty()) return;
    std::string extension(name.extension);
    for (char& c : extension)
      if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (samples_.empty() || samples_.back().key != name.key) {
      check_extensions();
      samples_.push_back({std::string(name.key), members_.size(), 0});
    }
    members_.push_back({std::move(extension), file.offset, file.size});
    ++samples_.back().members;
  }
  /// Throws `larder::error` (corruption) when the last sample has an extension twice, or others stand between the members of one.
  void finish() {
    check_extensions();
    std::vector<std::size_t> by_key(samples_.size());
    std::iota(by_key.begin(), by_key.end(), std::size_t{0});
    std::sort(by_key.begin(), by_key.end(), [&](std::size_t a, std::size_t b) {
      const int order = samples_[a].key.compare(samples_[b].key);
      return order != 0 ? order < 0 : a < b;
    });
    const auto twice = std::adjacent_find(by_key.begin(), by_key.end(),
                                          [&](std::size_t a, std::size_t b) { return samples_[a].key == samples_[b].key; });
    if (twice == by_key.end()) return;
    const sample& again = samples_[*(twice + 1)];
    refuse(again, members_[again.first].offset,
           "it goes on behind other samples, and began at byte " + std::to_string(members_[samples_[*twice].first].offset) +
               "; members of a sample follow one another: sort them by name before they are packed");
  }

  const std::string& file() const noexcept { return file_; }
  std::size_t size() const noexcept { return samples_.size(); }
  const sample& operator[](std::size_t number) const noexcept { return samples_[number]; }
  std::span<const member> members_of(std::size_t number) const noexcept {
    return std::span<const member>(members_).subspan(samples_[number].first, samples_[number].members);
  }

 private:
  void check_extensions() const {
    if (samples_.empty()) return;
    std::vector<const member*> sorted;  // a sample may have any number of them
    for (const member& m : members_of(samples_.size() - 1)) sorted.push_back(&m);
    std::sort(sorted.begin(), sorted.end(), [](const member* a, const member* b) {
      const int order = a->extension.compare(b->extension);
      return order != 0 ? order < 0 : a->offset < b->offset;
    });
    const auto twice = std::adjacent_find(sorted.begin(), sorted.end(),
                                          [](const member* a, const member* b) { return a->extension == b->extension; });
    if (twice == sorted.end()) return;
    refuse(samples_.back(), (*(twice + 1))->offset,
           "it has the extension " + format::printable_name((*twice)->extension) + " twice, also at byte " +
               std::to_string((*twice)->offset) + "; a sample holds one content under a name");
  }
  [[noreturn]] void refuse(const sample& of, std::uint64_t offset, const std::string& why) const {
    core::fail(error_cause::corruption,
               file_ + ": sample " + format::printable_name(of.key) + ", byte " + std::to_string(offset) + ": " + why);
  }

  std::string file_;
  std::vector<sample> samples_;
  std::vector<member> members_;
};

}  // namespace larder::datasets
