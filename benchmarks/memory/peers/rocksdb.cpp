#include "../catalogue.hpp"

#include <larder/hash/xxh3.hpp>

#include <rocksdb/cache.h>

#include <array>
#include <cstring>
#include <string_view>

namespace bench {
namespace {

/// RocksDB's caches hold pointers: a value is a number on the heap. Each entry charges 1, and the tables are not charged, so that the
/// capacity counts entries; 64 shards are what a block cache of 32 MB or more gets by default.
constexpr int shard_bits = 6;

struct lru_cache {
  static std::shared_ptr<rocksdb::Cache> make(std::size_t capacity) {
    rocksdb::LRUCacheOptions options;
    options.capacity = capacity;
    options.num_shard_bits = shard_bits;
    options.metadata_charge_policy = rocksdb::kDontChargeCacheMetadata;
    return rocksdb::NewLRUCache(options);
  }
};
struct hyper_clock_cache {
  static std::shared_ptr<rocksdb::Cache> make(std::size_t capacity) {
    rocksdb::HyperClockCacheOptions options(capacity, 1, shard_bits);
    options.metadata_charge_policy = rocksdb::kDontChargeCacheMetadata;
    return options.MakeSharedCache();
  }
};

/// The bytes that RocksDB finds an entry by. HyperClockCache takes 16 of them and no other number.
template <class Kind, class Key>
struct name_of;
template <>
struct name_of<lru_cache, std::uint64_t> {
  explicit name_of(const std::uint64_t& key) : bytes(reinterpret_cast<const char*>(&key), sizeof key) {}
  rocksdb::Slice bytes;
};
template <>
struct name_of<lru_cache, std::string> {
  explicit name_of(const std::string& key) : bytes(key) {}
  rocksdb::Slice bytes;
};
template <>
struct name_of<hyper_clock_cache, std::uint64_t> {
  explicit name_of(std::uint64_t key) : content{key, 0}, bytes(reinterpret_cast<const char*>(content.data()), sizeof content) {}
  std::array<std::uint64_t, 2> content;
  rocksdb::Slice bytes;
};
template <>
struct name_of<hyper_clock_cache, std::string> {
  explicit name_of(const std::string& key)
      : content(XXH3_128bits(key.data(), key.size())), bytes(reinterpret_cast<const char*>(&content), sizeof content) {}
  XXH128_hash_t content;
  rocksdb::Slice bytes;
};

template <class Key, class Kind>
class rocksdb_cache {
 public:
  explicit rocksdb_cache(std::size_t capacity) : cache_(Kind::make(capacity)) {}
  bool get(const Key& key, std::uint64_t& sum) {
    rocksdb::Cache::Handle* const handle = cache_->Lookup(name_of<Kind, Key>(key).bytes);
    if (handle == nullptr) return false;
    sum += *static_cast<const std::uint64_t*>(cache_->Value(handle));
    cache_->Release(handle);
    return true;
  }
  void put(const Key& key, std::uint64_t number) {
    const rocksdb::Status done =
        cache_->Insert(name_of<Kind, Key>(key).bytes, new std::uint64_t(number), 1,
                       [](const rocksdb::Slice&, void* value) { delete static_cast<std::uint64_t*>(value); });
    done.PermitUncheckedError();
  }

 private:
  std::shared_ptr<rocksdb::Cache> cache_;
};

template <class Key>
candidates<Key> both() {
  return {candidate_of<Key, rocksdb_cache<Key, lru_cache>>("rocksdb_lru"),
          candidate_of<Key, rocksdb_cache<Key, hyper_clock_cache>>("rocksdb_hyper_clock")};
}

}  // namespace

candidates<std::uint64_t> rocksdb_u64() { return both<std::uint64_t>(); }
candidates<std::string> rocksdb_strings() { return both<std::string>(); }

}  // namespace bench
