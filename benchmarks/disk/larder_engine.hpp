#pragma once

#include "subject.hpp"

#include <larder/cache.hpp>
#include <larder/storage/mmap_disk.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace bench {

/// The cache as the README opens it, with room to spare: nothing is evicted. A `Batch` of more than one goes by `put_many`.
template <larder::verify Verify, std::size_t Batch = 1, class... Policies>
class larder_engine {
 public:
  explicit larder_engine(const site& s)
      : cache_(larder::max_bytes{2 * static_cast<std::uint64_t>(s.count) * (s.value_size + with_head_and_key) + 64 * 1024 * 1024},
               larder::mmap_disk{s.folder, {.verify = Verify}}) {}

  void put(const item& one) {
    if constexpr (Batch == 1) {
      cache_.put(one.key, one.value);
    } else {
      batch_.emplace_back(one.key, one.value);
      if (batch_.size() == Batch) settle();
    }
  }
  void settle() {
    if (batch_.empty()) return;
    cache_.put_many(batch_);
    batch_.clear();
  }
  void flush() {
    settle();
    cache_.flush();
  }
  template <class Use>
  bool get(const item& one, Use&& use) {
    const std::optional<larder::bytes> found = cache_.get(one.key);
    if (found) use(found->span());
    return found.has_value();
  }

 private:
  static constexpr std::uint64_t with_head_and_key = 256;

  larder::cache<std::string, larder::bytes, larder::max_bytes, larder::mmap_disk, Policies...> cache_;
  std::vector<std::pair<std::string_view, larder::bytes>> batch_;
};

}  // namespace bench
