// Byte storages need codecs; remote ones keep no index and take no policy that needs one.
#include <larder/larder.hpp>
#include <larder/storage/mmap_disk.hpp>

#include <chrono>
#include <set>
#include <string>
#include <vector>

#include "empty_bucket.hpp"

using namespace larder::literals;

namespace {

const auto on_removal = [](const std::string&, int, larder::removal_cause) {};
const auto weigh = [](const std::string&, int) { return 1; };
using remote = larder::cache<std::string, int, larder::unbounded, empty_bucket>;

[[maybe_unused]] void allowed(remote& c) {
  auto disk = larder::make_cache<std::string, std::vector<float>>(larder::lru{}, larder::max_bytes{1}, larder::mmap_disk{"directory"});
  auto timed = larder::make_cache<std::string, int>(larder::unbounded{}, empty_bucket{}, larder::expire_after_write{1h}, larder::ttl{});
  c.contains("a");
}

// expect 1: larder: a byte storage needs codec<Value>: specialise larder::codec for the value type
#if LARDER_COMPILE_FAIL == 1
auto no_value_codec = larder::make_cache<std::string, std::set<int>>(larder::max_entries{1}, larder::mmap_disk{"directory"});
#endif

// expect 2: larder: a byte storage needs codec<Key>: specialise larder::codec for the key type
#if LARDER_COMPILE_FAIL == 2
auto no_key_codec = larder::make_cache<std::vector<std::string>, int>(
    larder::max_entries{1}, larder::mmap_disk{"directory"}, larder::hash_with{[](const std::vector<std::string>&) { return 1; }});
#endif

// expect 3: larder: a byte storage needs codec<Value>: specialise larder::codec for the value type
#if LARDER_COMPILE_FAIL == 3
auto pointers_do_not_travel = larder::make_cache<std::string, const char*>(larder::unbounded{}, empty_bucket{});
#endif

// expect 4: larder: max_weight is for caches in memory; limit a byte storage with max_bytes or max_entries
#if LARDER_COMPILE_FAIL == 4
auto weighed_on_disk = larder::make_cache<std::string, int>(larder::max_weight{1}, larder::weigher{weigh}, larder::mmap_disk{"directory"});
#endif

// expect 5: larder: a remote storage keeps no index, so it takes no eviction order
#if LARDER_COMPILE_FAIL == 5
auto remote_order = larder::make_cache<std::string, int>(larder::lru{}, larder::unbounded{}, empty_bucket{});
#endif

// expect 6: larder: a remote storage keeps no index, so its only limit is unbounded
#if LARDER_COMPILE_FAIL == 6
auto remote_limit = larder::make_cache<std::string, int>(larder::max_entries{1}, empty_bucket{});
#endif

// expect 7: larder: a remote storage keeps the time of writing only; use expire_after_write or ttl
#if LARDER_COMPILE_FAIL == 7
auto remote_access = larder::make_cache<std::string, int>(larder::unbounded{}, empty_bucket{}, larder::expire_after_access{1h});
#endif

// expect 8: larder: a remote storage is not told who leaves, so it takes no removal_listener
#if LARDER_COMPILE_FAIL == 8
auto remote_listener = larder::make_cache<std::string, int>(larder::unbounded{}, empty_bucket{}, larder::removal_listener{on_removal});
#endif

// expect 9: size
// expect 9: keeps_index
#if LARDER_COMPILE_FAIL == 9
auto remote_size(const remote& c) { return c.size(); }
#endif

// expect 10: weight
// expect 10: keeps_index
#if LARDER_COMPILE_FAIL == 10
auto remote_weight(const remote& c) { return c.weight(); }
#endif

}  // namespace
