#pragma once

#include <larder/core/digest.hpp>
#include <larder/format/segment_record.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_map>

namespace larder::storage {

/// Which values' files the entries refer to, how many to each, and which file has a given content: equal content is stored once.
class value_references {
 public:
  void add(const format::file_reference& to) {
    const auto [at, first] = files_.try_emplace(to.number, file{to.content, to.size, 0});
    if (first) {
      by_content_.insert({{to.content, to.size}, to.number});
      bytes_ += to.size;
    }
    ++at->second.references;
  }
  /// One entry less; whether it was the last.
  bool remove(std::uint64_t number) {
    const auto found = files_.find(number);
    if (found == files_.end() || --found->second.references != 0) return false;
    const auto [first, last] = by_content_.equal_range({found->second.content, found->second.size});
    for (auto at = first; at != last; ++at)
      if (at->second == number) {
        by_content_.erase(at);
        break;
      }
    bytes_ -= found->second.size;
    files_.erase(found);
    return true;
  }
  bool contains(std::uint64_t number) const { return files_.contains(number); }
  /// The file that has this content, or nothing.
  std::optional<format::file_reference> with_content(const digest& content, std::uint64_t size) const {
    const auto found = by_content_.find({content, size});
    if (found == by_content_.end()) return std::nullopt;
    return format::file_reference{found->second, size, content};
  }
  /// Of all files together.
  std::uint64_t bytes() const noexcept { return bytes_; }
  void clear() noexcept {
    files_.clear();
    by_content_.clear();
    bytes_ = 0;
  }
  std::size_t memory() const noexcept { return files_.size() * (sizeof(file) + sizeof(content_key) + 64); }

 private:
  struct file {
    digest content;
    std::uint64_t size;
    std::uint64_t references;
  };
  struct content_key {
    digest content;
    std::uint64_t size;
    bool operator==(const content_key&) const noexcept = default;
  };
  struct content_hash {
    std::size_t operator()(const content_key& key) const noexcept { return static_cast<std::size_t>(key.content.low ^ key.size); }
  };

  std::unordered_map<std::uint64_t, file> files_;
  std::unordered_multimap<content_key, std::uint64_t, content_hash> by_content_;
  std::uint64_t bytes_ = 0;
};

}  // namespace larder::storage
