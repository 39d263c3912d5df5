#include "../catalogue.hpp"

#include <oneapi/tbb/concurrent_lru_cache.h>

namespace bench {
namespace {

/// oneTBB's cache has one operation, which loads what is not there: a load is a miss and a put is a load.
template <class Key>
class tbb_subject final : public subject<Key> {
 public:
  explicit tbb_subject(std::size_t capacity) : cache_(counting_loader{}, capacity) {}
  void put(std::span<const Key> keys) override { get(keys); }
  std::size_t get(std::span<const Key> keys) override {
    const std::size_t before = counting_loader::loads;
    std::uint64_t sum = 0;
    for (const Key& key : keys) sum += cache_[key].value();
    keep(sum);
    return keys.size() - (counting_loader::loads - before);
  }
  std::size_t get_or_put(std::span<const Key> keys) override { return get(keys); }
  std::size_t get_and_put(std::span<const Key> keys) override { return get(keys); }

 private:
  struct counting_loader {
    static inline thread_local std::size_t loads = 0;  // loads run on the thread that asked
    std::uint64_t operator()(const Key&) const { return loads++; }
  };
  tbb::concurrent_lru_cache<Key, std::uint64_t, counting_loader> cache_;
};

template <class Key>
candidates<Key> one() {
  return {{"tbb_lru", [](std::size_t capacity) { return std::make_unique<tbb_subject<Key>>(capacity); }, {}}};
}

}  // namespace

candidates<std::uint64_t> tbb_u64() { return one<std::uint64_t>(); }
candidates<std::string> tbb_strings() { return one<std::string>(); }

}  // namespace bench
