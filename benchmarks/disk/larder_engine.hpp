#pragma once

#include "subject.hpp"

#include <larder/cache.hpp>
#include <larder/storage/mmap_disk.hpp>

#include <cstdint>
#include <optional>
#include <string>

namespace bench {

/// The cache as the README opens it, with room to spare: nothing is evicted.
template <larder::verify Verify, class... Policies>
class larder_engine {
 public:
  explicit larder_engine(const site& s)
      : cache_(larder::max_bytes{2 * static_cast<std::uint64_t>(s.count) * (s.value_size + with_head_and_key) + 64 * 1024 * 1024},
               larder::mmap_disk{s.folder, {.verify = Verify}}) {}

  void put(const item& one) { cache_.put(one.key, one.value); }
  void settle() {}
  void flush() { cache_.flush(); }
  template <class Use>
  bool get(const item& one, Use&& use) {
    const std::optional<larder::bytes> found = cache_.get(one.key);
    if (found) use(found->span());
    return found.has_value();
  }

 private:
  static constexpr std::uint64_t with_head_and_key = 256;

  larder::cache<std::string, larder::bytes, larder::max_bytes, larder::mmap_disk, Policies...> cache_;
};

}  // namespace bench
