#include "catalogue.hpp"

#include <larder/cache.hpp>
#include <larder/storage/mmap_disk.hpp>

#include <optional>
#include <utility>

namespace bench {
namespace {

using disk_cache = decltype(larder::make_cache<std::string, larder::bytes>(std::declval<larder::max_bytes>(),
                                                                           std::declval<larder::mmap_disk>()));

/// The cache as the README opens it, with room to spare: nothing is evicted.
template <larder::verify Verify>
class larder_engine {
 public:
  explicit larder_engine(const site& s) : cache_(open(s)) {}

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
  static disk_cache open(const site& s) {
    constexpr std::uint64_t with_head_and_key = 256;
    const std::uint64_t room = 2 * static_cast<std::uint64_t>(s.count) * (s.value_size + with_head_and_key) + 64 * 1024 * 1024;
    larder::mmap_disk disk{s.folder};
    disk.options.verify = Verify;
    return larder::make_cache<std::string, larder::bytes>(larder::max_bytes{room}, disk);
  }

  disk_cache cache_;
};

}  // namespace

candidates larder_disk() {
  return {candidate_of<larder_engine<larder::verify::first_read>>("larder"),
          candidate_of<larder_engine<larder::verify::always>>("larder_verify_always", false)};
}

}  // namespace bench
