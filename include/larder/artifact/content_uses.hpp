#pragma once

#include <larder/artifact/content_digest.hpp>
#include <larder/artifact/pass_record.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

namespace larder::artifacts {

/// Contents and who needs them: what is gained by removing one entry after the other.
class content_uses {
 public:
  void add(const pass_record& record) {
    for (const pass_file& file : record.files) add(file.digest, file.size);
    if (record.listing) add(*record.listing, record.listing_size);
  }
  /// The contents that nobody else needs.
  std::vector<content_digest> remove(const pass_record& record) {
    std::vector<content_digest> free;
    const auto drop = [&](const content_digest& digest) {
      const auto found = uses_.find(digest);
      if (found == uses_.end() || --found->second.count != 0) return;
      bytes_ -= found->second.size;
      free.push_back(digest);
      uses_.erase(found);
    };
    for (const pass_file& file : record.files) drop(file.digest);
    if (record.listing) drop(*record.listing);
    return free;
  }
  bool needs(const content_digest& digest) const { return uses_.contains(digest); }
  std::uint64_t bytes() const noexcept { return bytes_; }

 private:
  struct use {
    std::uint64_t size = 0;
    std::size_t count = 0;
  };
  void add(const content_digest& digest, std::uint64_t size) {
    use& of = uses_[digest];
    if (of.count++ == 0) {
      of.size = size;
      bytes_ += size;
    }
  }
  std::map<content_digest, use> uses_;
  std::uint64_t bytes_ = 0;
};

}  // namespace larder::artifacts
