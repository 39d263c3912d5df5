#include "catalogue.hpp"

#include <larder/cache.hpp>
#include <larder/storage/mmap_disk.hpp>

#include <cstddef>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace bench {
namespace {

using disk_cache = decltype(larder::make_cache<std::string, larder::bytes>(std::declval<larder::max_bytes>(),
                                                                           std::declval<larder::mmap_disk>()));

/// The cache as the README opens it, with room to spare: nothing is evicted. A `Batch` of more than one goes by `put_many`.
template <larder::verify Verify, std::size_t Batch = 1>
class larder_engine {
 public:
  explicit larder_engine(const site& s) : cache_(open(s)) {}

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
  static disk_cache open(const site& s) {
    constexpr std::uint64_t with_head_and_key = 256;
    const std::uint64_t room = 2 * static_cast<std::uint64_t>(s.count) * (s.value_size + with_head_and_key) + 64 * 1024 * 1024;
    larder::mmap_disk disk{s.folder};
    disk.options.verify = Verify;
    return larder::make_cache<std::string, larder::bytes>(larder::max_bytes{room}, disk);
  }

  disk_cache cache_;
  std::vector<std::pair<std::string_view, larder::bytes>> batch_;
};

}  // namespace

candidates larder_disk() {
  return {candidate_of<larder_engine<larder::verify::first_read>>("larder"),
          candidate_of<larder_engine<larder::verify::first_read, 100>>("larder_b100", false),
          candidate_of<larder_engine<larder::verify::always>>("larder_verify_always", false)};
}

}  // namespace bench
